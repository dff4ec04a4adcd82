"""The page alone on a loopback port: its typed endpoint streams through the real client, and refuses in sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tiny_talks
from apps.common import pictures
from apps.common.blobs import Shelf
from apps.common.saes import Saes
from apps.vlm_steering import endpoint
from apps.vlm_steering.desk import VlmDesk
from apps.vlm_steering.gallery import Galleries
from apps.vlm_steering.vlms import Vlms
from serving import suite

NAMES = [
    "image", "prompt", "changes", "where", "when", "control", "keep_error", "model", "sae",
    "temperature", "seed", "most",
]  # fmt: skip
CHANGES = f"{tiny_talks.DOG}.add.-6 {tiny_talks.PIZZA}.add.6"


@pytest.fixture(scope="module", autouse=True)
def models(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        folder = tiny_talks.write(tmp_path_factory.mktemp("models"))
        patch.setenv("PRISMA_MODELS", str(folder))
        yield folder


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scene") / "scene.png"
    pictures.example("cat-and-dog").image.save(path)  # type: ignore[union-attr]
    return path


@pytest.fixture(scope="module")
def desk(models: Path) -> VlmDesk:
    return VlmDesk(Vlms(), Shelf(), Saes(), Galleries(4))


@pytest.fixture(scope="module")
def client(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from gradio_client import Client

    with suite(tmp_path_factory.mktemp("server") / "log.txt", "apps.vlm_steering") as address:
        client = Client(address, verbose=False)
        yield client
        client.close()


@pytest.mark.slow
def test_it_is_typed_and_streams(client: Any, scene: Path, desk: VlmDesk):
    from gradio_client import handle_file

    api = client.view_api(return_format="dict")["named_endpoints"]
    assert sorted(api) == ["/steer_llava"]
    assert [p["parameter_name"] for p in api["/steer_llava"]["parameters"]] == NAMES
    given = {"image": handle_file(str(scene)), "prompt": "what is there ?", "changes": CHANGES, "most": 12}
    job = client.submit(**given, control="opposite", api_name="/steer_llava")
    last = job.result(timeout=120)
    assert last["done"] and set(last["columns"]) == {"original", "reconstruction", "steered", "control"}
    assert last["turned"][0] == {"latent": tiny_talks.DOG, "label": "dog", "how": "add", "amount": -6.0}
    *_, here = endpoint.steer_llava(desk, str(scene), "what is there ?", CHANGES, control="opposite", most=12)
    assert {n: c["text"] for n, c in here["columns"].items()} == {n: c["text"] for n, c in last["columns"].items()}
    assert len(job.outputs()) > 1, "the answer came in one piece"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"changes": "999.ablate"}, "no latent"),
        ({"where": "sky"}, "one or several of"),
        ({"where": "generated", "when": "prefill"}, "turned nowhere"),
        ({"prompt": "x" * 400}, "at most 300"),
        ({"model": "no-such"}, "there is no model|no SAE"),
        ({"temperature": 9}, "temperature lies between"),
    ],
)
def test_its_refusals_are_sentences(client: Any, scene: Path, options: dict[str, Any], sentence: str):
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match=sentence):
        client.predict(image=handle_file(str(scene)), **options, api_name="/steer_llava")


@pytest.mark.parametrize(
    "arguments",
    [
        {"changes": "12"}, {"changes": "5.melt.3"}, {"changes": "5.add.11"}, {"changes": 3.5}, {"sae": "no-such"},
        {"control": "both"}, {"when": "never"}, {"seed": -1}, {"most": 0}, {"prompt": 3},
    ],
)  # fmt: skip
def test_arguments_are_checked(desk: VlmDesk, scene: Path, arguments: dict[str, Any]):
    with pytest.raises(ValueError) as refusal:
        list(endpoint.steer_llava(desk, str(scene), **arguments))
    assert "\n" not in str(refusal.value)


def test_a_picture_is_needed(desk: VlmDesk):
    with pytest.raises(ValueError, match="send a picture"):
        list(endpoint.steer_llava(desk, ""))


def test_every_field_is_documented(desk: VlmDesk, scene: Path):
    *_, last = endpoint.steer_llava(desk, str(scene), changes=CHANGES, most=3)
    names = {*last, *last["columns"]["steered"], *last["turned"][0]}
    assert all(f"`{name}`" in (endpoint.steer_llava.__doc__ or "") for name in names)
    assert last["unknown"] == ["describe", "picture"]
