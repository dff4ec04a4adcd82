"""Steering a zero-shot model: a random tiny CLIP, and an SAE made by hand whose effect is known."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest
import torch

import prisma_engine as pe
from apps.common import catalog
from apps.common.blobs import Shelf
from apps.common.runtime import Models
from apps.common.saes import Saes
from apps.sae_steering import export
from apps.sae_steering.handlers import SteerDesk, link_of
from apps.sae_steering.knowledge import Knowledge
from apps.sae_steering.page import SteeringPage
from apps.sae_steering.restore import open_page
from prisma_engine.sae import SAE, SAEConfig, files

WORDS = "cat, toilet, red fox, sky, Cat, sea"
NAMES = ("cat", "toilet", "red fox", "sky", "sea")
WIDTH, FOX = 16, 2
CANVAS, NOTE, CLASSES = 2, 3, 4

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(clip_folder: Path) -> pe.HookedViT:
    return pe.load(clip_folder, classes=list(NAMES))


@pytest.fixture(scope="module")
def direction(model: pe.HookedViT) -> torch.Tensor:
    """Added to CLS, it turns the image's embedding towards the text of the red fox: the two linear maps undone."""
    head, norm = model.head, model.ln_final
    centre = torch.eye(WIDTH) - 1 / WIDTH
    to_text = head.projection.weight @ torch.diag(norm.weight) @ centre  # type: ignore[union-attr, arg-type, operator]
    found = torch.linalg.pinv(to_text) @ head.text[FOX]  # type: ignore[union-attr, index]
    return 10 * found / found.norm()


@pytest.fixture(scope="module")
def sae_folder(tmp_path_factory: pytest.TempPathFactory, direction: torch.Tensor) -> Path:
    """A perfect SAE: a latent for each sign of each number, and one more, always on, that writes the direction."""
    sae = SAE(
        SAEConfig(
            model="tiny-clip",
            hook_name="blocks.1.hook_resid_post",
            d_in=WIDTH,
            d_sae=2 * WIDTH + 1,
            activation="relu",
            input_bias="none",
            normalize="none",
        )
    )
    eye = torch.eye(WIDTH)
    with torch.no_grad():
        sae.W_enc.copy_(torch.cat([eye, -eye, torch.zeros(1, WIDTH)]))
        sae.W_dec.copy_(torch.cat([eye, -eye, direction[None]]))
        sae.b_enc[-1] = 1.0
        sae.b_dec.copy_(-direction)
    folder = tmp_path_factory.mktemp("saes") / "by-hand"
    files.save(sae, folder)
    return folder


@pytest.fixture
def page() -> SteeringPage:
    return SteeringPage(SteerDesk(Models(), Shelf(), Saes(), Knowledge()))


def event(**data: Any) -> gr.EventData:
    return gr.EventData(None, data)


def opened(page: SteeringPage, clip_folder: Path, sae_folder: Path) -> tuple[Any, ...]:
    """The page after a visitor has named the model and then the SAE."""
    session, bench = page.load(SimpleNamespace(query_params={}, session_hash="one"))[:2]  # type: ignore[arg-type]
    kept = page.model(str(clip_folder), WORDS, session, bench)
    assert "tiny-clip is kept in mind" in kept[NOTE]["text"] and kept[CLASSES]["visible"]
    return page.sae(str(sae_folder), str(clip_folder), WORDS, session, bench)


def test_the_whole_way_through_the_page(
    page: SteeringPage, clip_folder: Path, sae_folder: Path, model: pe.HookedViT, direction: torch.Tensor
):
    session, bench, value, *_ = opened(page, clip_folder, sae_folder)
    result = page.desk.result(session)
    assert result.classes == NAMES and {row["name"] for row in value["run"]["top"]} == set(NAMES)
    assert value["run"]["sae"]["explained_variance"] == pytest.approx(1, abs=1e-5)
    columns = value["steered"]["columns"]
    for row, same in zip(columns["original"]["top"], columns["reconstruction"]["top"], strict=True):
        assert row["logit"] == pytest.approx(same["logit"], abs=1e-3)  # a perfect SAE changes nothing
    for amount, where in ((0.5, "cls"), (-0.2, "cls"), (0.3, "all")):
        run = steered(page, session, bench, amount, where)
        stream = result.start.run.resid[-1].clone()
        stream[:, :1] += amount * direction  # its typical activation is 1
        expected = model.read_out(stream)[0].softmax(0)
        shown = {row["name"]: row["probability"] for row in run["columns"]["steered"]["top"]}
        assert shown == pytest.approx(dict(zip(NAMES, expected.tolist(), strict=True)), abs=1e-5)
    chance = float(model(result.start.x).softmax(-1).max())
    assert value["steered"]["watched_probability"]["original"] == pytest.approx(chance, abs=1e-5)


def test_the_known_direction_makes_it_a_fox(
    page: SteeringPage, clip_folder: Path, sae_folder: Path, model: pe.HookedViT
):
    session, bench, *_ = opened(page, clip_folder, sae_folder)
    page.watch(event(index=FOX), session, bench)
    up, down = (steered(page, session, bench, amount) for amount in (10.0, -10.0))
    assert up["columns"]["steered"]["answer"]["name"] == "red fox" != down["columns"]["steered"]["answer"]["name"]
    scale = float(model.head.logit_scale)  # type: ignore[union-attr, arg-type]
    assert up["watched"]["steered"] == pytest.approx(scale, rel=0.1)  # its cosine with the text is nearly 1
    assert down["watched"]["steered"] == pytest.approx(-scale, rel=0.1)
    found = page.search(event(kind="class", text="red fox"), session, bench)["found"]["latents"]
    assert found[0]["index"] == 2 * WIDTH


def steered(page: SteeringPage, session: Any, bench: Any, amount: float, where: str = "cls") -> dict[str, Any]:
    """The three columns with so much of the known direction added."""
    chip = {"latent": 2 * WIDTH, "how": "add", "amount": amount}
    return page.steer(event(chips=[chip], where=where, keep_error=True, lens="final"), session, bench)["steered"]


def test_answers_have_the_real_logit_scale(
    page: SteeringPage, clip_folder: Path, sae_folder: Path, model: pe.HookedViT
):
    session, _, value, *_ = opened(page, clip_folder, sae_folder)
    logits = model(page.desk.result(session).start.x)[0]
    scale = float(model.head.logit_scale)  # type: ignore[union-attr, arg-type]
    assert scale > 10 and float(logits.abs().max()) <= scale + 1e-3
    assert value["run"]["top"][0]["logit"] == pytest.approx(float(logits.max()), abs=1e-4)


def test_the_direct_effect_on_a_zero_shot_class_closes(page: SteeringPage, clip_folder: Path, sae_folder: Path):
    from prisma_engine.sae.features import direct_effect

    result = page.desk.result(opened(page, clip_folder, sae_folder)[0])
    effect = direct_effect(result.start, FOX, result.features)
    assert effect.part.tolist() == [True] + [False] * 16  # CLS alone is read
    assert torch.isfinite(effect.effect).all() and float(effect.effect.abs().max()) > 0


def test_other_classes_are_typed_and_refused(page: SteeringPage, clip_folder: Path, sae_folder: Path):
    session, bench, *_ = opened(page, clip_folder, sae_folder)
    shown = page.model(str(clip_folder), "one, two, three, four, five, six", session, bench)
    assert page.desk.result(shown[0]).classes == ("one", "two", "three", "four", "five", "six")
    with pytest.raises(ValueError, match="name 5 to 64 classes"):
        page.model(str(clip_folder), "cat", shown[0], bench)


def test_links_and_python_carry_the_classes(page: SteeringPage, clip_folder: Path, sae_folder: Path):
    from urllib.parse import parse_qsl

    session, bench, *_ = opened(page, clip_folder, sae_folder)
    steered(page, session, bench, 1.5)
    again = open_page(page.desk, dict(parse_qsl(link_of(page.desk, session, bench))))
    assert not again.notes and page.desk.result(again.session).classes == NAMES and again.rack == bench.rack
    assert f"classes={list(NAMES)}" in export.python_code(page.desk.result(session), bench)


def test_on_a_space_neither_is_taken(
    page: SteeringPage, clip_folder: Path, sae_folder: Path, monkeypatch: pytest.MonkeyPatch
):
    session, bench = page.load(SimpleNamespace(query_params={}, session_hash="one"))[:2]  # type: ignore[arg-type]
    monkeypatch.setenv("SPACE_ID", "somebody/space")
    for refused in (
        lambda: page.model(str(clip_folder), WORDS, session, bench),
        lambda: page.sae(str(sae_folder), None, WORDS, session, bench),
        lambda: page.model("openai/clip-vit-base-patch32", WORDS, session, bench),
    ):
        with pytest.raises(ValueError) as refusal:
            refused()
        assert "\n" not in str(refusal.value)


@pytest.mark.network
def test_a_published_sae_loads_by_its_hub_id():
    page = SteeringPage(SteerDesk(Models(), Shelf(), Saes(), Knowledge()))
    session, bench = page.load(SimpleNamespace(query_params={}, session_hash="one"))[:2]  # type: ignore[arg-type]
    name = "Prisma-Multimodal/sparse-autoencoder-clip-b-32-sae-vanilla-x64-layer-11-hook_resid_post-l1-1e-05"
    session, bench, value, *_ = page.sae(name, None, catalog.default_classes(), session, bench)
    assert value["run"]["sae"]["d_sae"] == 49152 and value["run"]["sae"]["revision"]
    latent = int(page.desk.result(session).features.latents[0])
    chip = {"latent": latent, "how": "ablate"}
    shown = page.steer(event(chips=[chip], where="all", keep_error=True, lens="final"), session, bench)["steered"]
    assert shown["watched"]["steered"] != shown["watched"]["original"]
