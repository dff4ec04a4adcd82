"""What the canvas is told of a run is what the engine found: bytes, tables, columns, the first view."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

import prisma_engine as pe
from apps.common import pictures
from apps.common.blobs import Shelf
from apps.common.desk import Session
from apps.common.runtime import Models
from apps.sae_steering import handlers, tables
from apps.sae_steering.analysis import SteerResult, check_model, object_tokens, own_typical
from apps.sae_steering.bench import Bench
from apps.sae_steering.first import first_view, is_opening, opening
from apps.sae_steering.handlers import NoSAE, SteerDesk
from apps.sae_steering.latents import latent_value
from prisma_engine.sae.features import Dial, Rack, direct_effect, steer_run

OTHER = "emoji-vit-sae/blocks.2.hook_resid_post"


@pytest.fixture(scope="module")
def session(steer_desk: SteerDesk) -> Session:
    return steer_desk.show(opening(), "emoji-vit")


def value_of(desk: SteerDesk, session: Session, bench: Bench) -> dict[str, Any]:
    value = handlers.steering_value(desk, session, bench, bench.view)
    json.dumps(value, allow_nan=False)
    return value


def file(desk: SteerDesk, url: str) -> bytes:
    key, name = url.split("/prisma/")[1].split("/", 1)
    kept = desk.shelf.get(key)
    assert kept is not None
    return kept.file(name)


def test_the_bytes_are_the_feature_map(steer_desk: SteerDesk, session: Session, steered: SteerResult):
    run = value_of(steer_desk, session, Bench())["run"]
    data, features = file(steer_desk, run["sae"]["acts"]["url"]), steered.features
    n, t = run["sae"]["acts"]["n_entries"], features.n_tokens
    assert len(data) == 4 * (t + 1 + 2 * n)
    assert np.frombuffer(data, "<u4", t + 1).tolist() == features.offsets.tolist()
    assert np.frombuffer(data, "<u4", n, 4 * (t + 1)).tolist() == features.latents.tolist()
    np.testing.assert_array_equal(np.frombuffer(data, "<f4", n, 4 * (t + 1 + n)), features.acts.numpy())
    effect = np.frombuffer(file(steer_desk, run["effect"]["url"]), "<f4")
    expected = direct_effect(steered.start, steered.answer, features).effect
    np.testing.assert_array_equal(effect, expected.numpy())
    assert file(steer_desk, run["image"]["url"]).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["effect/64", "effect/x", "effect/", "more"])
def test_there_is_no_other_file(steer_desk: SteerDesk, session: Session, name: str):
    kept = steer_desk.shelf.get(session.key)
    assert kept is not None
    with pytest.raises(ValueError):
        kept.file(name)


def test_what_is_known_of_latents_travels_in_columns(steer_desk: SteerDesk, session: Session, steered: SteerResult):
    run = value_of(steer_desk, session, Bench())["run"]
    columns = json.loads(file(steer_desk, run["sae"]["latents"]))
    facts = steered.loaded.facts
    assert facts is not None and {len(column) for column in columns.values()} == {1024}
    np.testing.assert_allclose(columns["typical"], facts.typical.numpy(), rtol=1e-3)
    labelled = next(i for i in range(1024) if facts.name(i) is not None)
    unlabelled = next(i for i in range(1024) if facts.name(i) is None)
    assert columns["label"][labelled] == facts.name(labelled) and columns["emoji"][labelled]
    assert columns["label"][unlabelled] is None and columns["f1"][unlabelled] is None


def test_watching_another_class_keeps_the_run(steer_desk: SteerDesk, session: Session, steered: SteerResult):
    one, two = value_of(steer_desk, session, Bench()), value_of(steer_desk, session, Bench(watched=5))
    assert one["run"]["key"] == two["run"]["key"] and two["run"]["watched"]["index"] == 5
    assert one["run"]["watched"]["index"] == steered.answer
    assert one["run"]["effect"]["url"] != two["run"]["effect"]["url"]


def test_three_columns_as_the_engine_has_them(steer_desk: SteerDesk, session: Session, steered: SteerResult):
    latent = first_view(steered).latent
    assert latent is not None
    rack = Rack((Dial(latent, "add", -5.0),))
    run = steer_run(steered.start, rack, steered.typical)
    value = value_of(steer_desk, session, Bench(rack=rack, steered=run))
    columns = value["steered"]["columns"]
    for row, before in zip(columns["original"]["top"], value["run"]["top"], strict=True):
        assert row["index"] == before["index"] and row["change"] == 0
        assert row["logit"] == pytest.approx(before["logit"], abs=1e-4)
    top = columns["steered"]["top"][0]
    change = float(run.column("steered")[top["index"]] - run.column("original")[top["index"]])
    assert top["change"] == pytest.approx(change, abs=1e-5) and columns["steered"]["answer"]["index"] == top["index"]
    assert value["steered"]["watched"]["steered"] == pytest.approx(float(run.column("steered")[steered.answer]))
    assert value["rack"]["chips"] == [{"latent": latent, "how": "add", "amount": -5.0}]
    assert {len(row) for row in value["steered"]["lens"]["classes"].values()} == {144}
    assert value["steered"]["norm"]["share"] > 0


def test_where_nothing_is_steered_the_last_column_is_the_first(
    steer_desk: SteerDesk, session: Session, steered: SteerResult
):
    value = value_of(steer_desk, session, Bench(steered=steer_run(steered.start, Rack(), steered.typical)))
    columns = value["steered"]["columns"]
    assert columns["steered"] == columns["original"] != columns["reconstruction"]
    assert value["steered"]["norm"]["length"] == 0


def test_the_first_view_is_the_object_that_the_model_names(steer_desk: SteerDesk, steered: SteerResult):
    view = first_view(steered)
    mask = steered.picture.mask
    assert mask is not None and view.latent is not None
    own = [i for i, c in enumerate(steered.picture.objects) if c == steered.answer] or [int(mask.max()) - 1]
    share = (mask == own[0] + 1).reshape(12, mask.shape[0] // 12, 12, mask.shape[1] // 12).mean((1, 3)).ravel()
    assert set(view.tokens) == {int(i) + 1 for i in np.flatnonzero(share > 0.5)}
    effect = direct_effect(steered.start, steered.answer, steered.features)
    there = [i for i, token in enumerate(steered.features.token.tolist()) if token in view.tokens]
    best = max(there, key=lambda i: float(effect.effect[i]))
    assert view.sort == "effect" and view.latent == int(steered.features.latents[best])
    unknown = replace(steered, picture=replace(steered.picture, mask=None, objects=()))
    assert object_tokens(unknown) == () and first_view(unknown).tokens


def test_the_opening_picture_is_computed_once_for_everybody(steer_desk: SteerDesk):
    assert steer_desk.show(opening(), "emoji-vit").key == steer_desk.show(opening(), "emoji-vit").key
    assert is_opening(opening()) and not is_opening(pictures.seeded("5"))
    first, second = (steer_desk.show(pictures.seeded("5"), "emoji-vit") for _ in range(2))
    assert first.key != second.key


def test_a_model_without_an_sae_is_a_sentence(steer_desk: SteerDesk, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(NoSAE, match="name one of its SAEs, by a folder or a Hub id"):
        steer_desk.show(opening(), "facebook/deit-base-patch16-224")
    monkeypatch.setenv("SPACE_ID", "somebody/space")
    with pytest.raises(NoSAE, match="choose another model"):
        steer_desk.show(opening(), "facebook/deit-base-patch16-224")


def test_models_that_cannot_be_steered_are_refused():
    model = pe.load("emoji-vit")
    assert check_model(model) is model.preprocess
    for change, sentence in (
        ({"head": "identity"}, "no classifier"),
        ({"n_tokens": 2000}, "2,000 tokens"),
        ({"is_video": True}, "reads videos"),
    ):
        fake: Any = type("Fake", (), {"name": "fake", "config": _Config(model.config, change), "preprocess": None})()
        with pytest.raises(ValueError, match=sentence):
            check_model(fake)


class _Config:
    def __init__(self, config: Any, change: dict[str, Any]) -> None:
        self.config, self.change = config, change

    def __getattr__(self, name: str) -> Any:
        return self.change[name] if name in self.change else getattr(self.config, name)


def test_another_sae_beside_this_one(steer_desk: SteerDesk, session: Session, steered: SteerResult):
    other = value_of(steer_desk, session, Bench(other=OTHER))["other"]
    assert other["id"] == OTHER and len(other["error"]) == len(other["own"]["error"]) == 145
    assert other["own"]["explained_variance"] == pytest.approx(steered.features.explained_variance)
    assert other["explained_variance"] != other["own"]["explained_variance"]


def test_the_table_has_every_shipped_sae(steer_desk: SteerDesk, steered: SteerResult):
    rows = tables.table(steer_desk.saes, steered)
    by_id = {row["id"]: row for row in rows}
    assert len(by_id) == len(rows) >= 3 and by_id[OTHER]["title"] == "after layer 2 · 1,024 latents"
    row = by_id[steered.loaded.id]
    evaluation = steered.loaded.evaluation
    assert evaluation is not None
    assert row["explained_variance"] == evaluation["reconstruction"]["explained_variance"]
    assert row["kl"] == evaluation["answers"]["kl"] and 0.9 < row["kept"] <= 1
    assert tables._found({"a": {"b": True}}, ("a", "b")) is None and tables._found(None, ("a",)) is None


def test_typical_activations_of_an_sae_that_nobody_measured(steered: SteerResult):
    features = steered.features
    found = own_typical(features)
    latent = int(features.latents[0])
    heat = features.heat(latent)
    assert float(found[latent]) == pytest.approx(float(heat[heat > 0].mean()), rel=1e-5)
    silent = int((torch.zeros(1024).index_add(0, features.latents, features.acts) == 0).nonzero()[0])
    assert float(found[silent]) == 0


def test_a_latent_s_page(steer_desk: SteerDesk, session: Session, steered: SteerResult):
    latent = first_view(steered).latent or 0
    page = latent_value(steer_desk, session, Bench(), latent)
    json.dumps(page, allow_nan=False)
    facts, profile = steered.loaded.facts, steered.loaded.profile
    assert facts is not None and profile is not None
    assert page["label"] == facts.name(latent) and f"latent={latent}" in page["address"]
    values = [row["value"] for row in page["classes"]["top"]]
    assert values == sorted(values, reverse=True) and page["classes"]["bottom"][0]["value"] < values[0]
    cosines = [row["cosine"] for row in page["neighbours"]]
    assert cosines == sorted(cosines, reverse=True) and latent not in [row["index"] for row in page["neighbours"]]
    assert page["state"] == "ready" and len(page["histogram"]["edges"]) == len(page["histogram"]["counts"]) + 1
    deciles = [one["decile"] for one in page["exemplars"]]
    assert deciles == sorted(deciles, reverse=True) and len(deciles) > 1
    for one in page["exemplars"]:
        assert max(one["heat"]) == pytest.approx(one["maximum"], rel=0.02) and len(one["heat"]) == 145
        assert "/series/seen-" in one["picture"]


def test_a_result_that_left_the_shelf_is_computed_again(steered: SteerResult, steer_desk: SteerDesk):
    desk = SteerDesk(Models(), Shelf(max_entries=1), steer_desk.saes, steer_desk.knowledge)
    first = desk.show(pictures.seeded("1"), "emoji-vit", variant=steered.plan.text)
    desk.show(pictures.seeded("2"), "emoji-vit", variant=steered.plan.text)
    assert desk.shelf.get(first.key) is None
    assert desk.result(first).picture.source == "1" and desk.shelf.get(first.key) is not None
