"""The page alone on a loopback port: its typed endpoints through the real client, and their refusals as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apps.common import pictures
from apps.sae_steering import endpoint
from apps.sae_steering.analysis import SteerResult
from apps.sae_steering.endpoint import Asked
from apps.sae_steering.handlers import SteerDesk
from prisma_engine.sae.features import Dial, Rack, steer_run
from serving import suite

SECOND = "emoji-vit-sae/blocks.2.hook_resid_post"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from gradio_client import Client

    with suite(tmp_path_factory.mktemp("server") / "log.txt", "apps.sae_steering") as address:
        client = Client(address, verbose=False)
        yield client
        client.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scene") / "scene.png"
    pictures.example("cat-in-toilet").image.save(path)  # type: ignore[union-attr]
    return path


@pytest.fixture(scope="module")
def here(steer_desk: SteerDesk) -> SteerResult:
    """The same picture on the page."""
    return steer_desk.result(steer_desk.show(pictures.example("cat-in-toilet"), "emoji-vit"))


def sent(path: Path) -> Any:
    from gradio_client import handle_file

    return handle_file(str(path))


@pytest.mark.slow
def test_the_endpoints_are_typed_and_say_what_they_give(client: Any):
    api = client.view_api(return_format="dict")["named_endpoints"]
    assert sorted(api) == ["/sae_features", "/sae_generality", "/sae_latent", "/sae_steer"]
    names = {name: [p["parameter_name"] for p in api[name]["parameters"]] for name in api}
    assert names["/sae_features"] == ["image", "model", "sae", "watch", "classes", "tokens"]
    assert names["/sae_latent"] == ["latent", "model", "sae", "classes"]
    steered = ["image", "changes", "where", "keep_error", "model", "sae", "watch", "classes"]
    assert names["/sae_steer"] == [*steered, "lens"]
    assert names["/sae_generality"] == [*steered, "n", "source", "place", "same"]
    types = {p["parameter_name"]: p["python_type"]["type"] for p in api["/sae_generality"]["parameters"]}
    assert types["image"] == "filepath" and types["keep_error"] == types["same"] == "bool" and types["n"] == "float"


@pytest.mark.slow
def test_features_a_latent_steering_and_many_pictures(client: Any, scene: Path, here: SteerResult):
    found = client.predict(image=sent(scene), tokens="0.40", api_name="/sae_features")
    assert found["sae"]["id"] == here.loaded.id and [row["token"] for row in found["tokens"]] == [0, 40]
    latents, acts = here.features.at(40)
    rows = found["tokens"][1]["latents"]
    assert [row["latent"] for row in rows] == latents.tolist()
    assert [row["activation"] for row in rows] == pytest.approx(acts.tolist(), abs=1e-3)
    latent = rows[0]["latent"]
    page = client.predict(latent=str(latent), api_name="/sae_latent")
    assert page["latent"] == latent and page["typical"] == pytest.approx(float(here.typical[latent]), rel=1e-4)
    steered = client.predict(image=sent(scene), changes=f"{latent}.add.-5", api_name="/sae_steer")
    run = steer_run(here.start, Rack((Dial(latent, "add", -5.0),)), here.typical)
    assert steered["logit"]["steered"] == pytest.approx(float(run.column("steered")[here.answer]), abs=1e-3)
    many = client.predict(image=sent(scene), changes=f"{latent}.add.-5", n=20, api_name="/sae_generality")
    assert many["n"] == 20 and many["effect"]["low"] <= many["effect"]["mean"] <= many["effect"]["high"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"model": "no-such"}, "no SAE of no-such"),
        ({"sae": "no-such"}, "there is no SAE"),
        ({"watch": "unicorn"}, "unicorn"),
        ({"tokens": "145"}, "no token"),
        ({"tokens": "all"}, "by their positions"),
    ],
)
def test_its_refusals_are_sentences(client: Any, scene: Path, options: dict[str, str], sentence: str):
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match=sentence):
        client.predict(image=sent(scene), **options, api_name="/sae_features")


@pytest.mark.parametrize(
    ("more", "arguments"),
    [
        ({}, {"changes": "12"}),
        ({}, {"changes": "12.melt.3"}),
        ({}, {"changes": "12.add.11"}),
        ({}, {"changes": "9999.ablate"}),
        ({}, {"changes": "12.ablate", "where": "here"}),
        ({}, {"changes": "12.ablate", "lens": "9_pre"}),
        ({"watch": "64"}, {"changes": "12.ablate"}),
        ({"image": ""}, {"changes": "12.ablate"}),
        ({"sae": "x" * 500}, {"changes": "12.ablate"}),
        ({}, {"changes": 3.5}),
    ],
)
def test_arguments_are_checked(steer_desk: SteerDesk, scene: Path, more: dict[str, str], arguments: dict[str, Any]):
    with pytest.raises(ValueError) as refusal:
        endpoint.sae_steer(steer_desk, replace(Asked(str(scene)), **more), **arguments)
    assert "\n" not in str(refusal.value)


def test_what_cannot_be_tried_is_refused(steer_desk: SteerDesk, scene: Path):
    refused: tuple[tuple[dict[str, Any], str], ...] = (
        ({"changes": ""}, "nothing to try"),
        ({"changes": "12.ablate", "source": "folder"}, "name a folder"),
        ({"changes": "12.ablate", "source": "net"}, "choose where"),
    )
    for arguments, sentence in refused:
        with pytest.raises(ValueError, match=sentence):
            endpoint.sae_generality(steer_desk, Asked(str(scene)), **arguments)
    with pytest.raises(ValueError, match="no latent"):
        endpoint.sae_latent(steer_desk, Asked(), "9999")


def test_the_sae_chooses_the_model(steer_desk: SteerDesk, scene: Path):
    found = endpoint.sae_features(steer_desk, Asked(str(scene), sae=SECOND))
    assert found["model"] == "emoji-vit" and found["sae"]["title"].startswith("after layer 2")


def test_every_field_is_documented(steer_desk: SteerDesk, scene: Path):
    asked = Asked(str(scene))
    answers = {
        endpoint.sae_features: endpoint.sae_features(steer_desk, asked),
        endpoint.sae_latent: endpoint.sae_latent(steer_desk, asked, 3),
        endpoint.sae_steer: endpoint.sae_steer(steer_desk, asked, "12.add.2", lens="final"),
        endpoint.sae_generality: endpoint.sae_generality(steer_desk, asked, "12.add.2", n=1),
    }
    for function, answer in answers.items():
        assert all(f"`{name}`" in (function.__doc__ or "") for name in answer), function
