"""The binary routes: what a key opens, what it does not, and that what is served cannot go stale."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version

import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from apps.common import routes, scenes
from apps.common.health import report
from apps.common.payload import pack_class
from apps.common.runtime import MODELS, Models
from apps.dogit_lens.analysis import LensResult
from apps.dogit_lens.handlers import LensDesk, lens_value
from apps.dogit_lens.view import View
from prisma_engine.labels import font


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(Starlette(routes=routes.ROUTES)) as client:
        yield client


@pytest.fixture(scope="module")
def urls(result: LensResult) -> dict[str, str]:
    """Addresses of a result on the shelf that the routes serve."""
    key = LensDesk().put(result)
    return lens_value(result, key, View())["urls"]


def test_every_address_answers_with_its_bytes(client: TestClient, urls: dict[str, str], result: LensResult):
    sizes = {"lens": 11 * 145 * 24 + 8, "mask": 96 * 96}
    for name, size in sizes.items():
        reply = client.get(urls[name])
        assert reply.status_code == 200 and len(reply.content) == size
        assert "immutable" in reply.headers["cache-control"] and "private" in reply.headers["cache-control"]
    assert client.get(urls["image"]).headers["content-type"] == "image/png"
    assert client.get(urls["class"] + "5").content == pack_class(result.logits, 5)
    assert client.get(urls["font"]).content == font.WEB_FONT.read_bytes()


def test_the_vocabulary_is_complete(client: TestClient, urls: dict[str, str], result: LensResult):
    table = json.loads(client.get(urls["vocabulary"]).content)
    assert tuple(table["names"]) == result.vocabulary.names and len(table["emoji"]) == len(table["colors"]) == 64


@pytest.mark.parametrize("path", ["class/64", "class/-1", "class/x", "class/5/6", "", "logits"])
def test_what_does_not_exist_is_not_found(client: TestClient, urls: dict[str, str], path: str):
    assert client.get(urls["lens"].removesuffix("lens") + path).status_code == 404


@pytest.mark.parametrize("what", ["lens", "image", "mask", "class/0"])
def test_without_the_key_nothing_is_served(client: TestClient, urls: dict[str, str], what: str):
    assert urls
    for key in ("A" * 22, "..%2f..", "lens"):
        reply = client.get(f"/gradio_api/prisma/{key}/{what}")
        assert reply.status_code == 404 and "immutable" not in reply.headers.get("cache-control", "")


def test_a_picture_of_our_own_is_drawn_when_asked_for(client: TestClient):
    url = scenes.picker_value(None)["items"][0]["picture"]
    assert client.get(url).content[:4] == b"\x89PNG"
    backgrounds = scenes.composer_value(scenes.first_scene())["background_url"]
    assert client.get(backgrounds + "11").content[:4] == b"\x89PNG"
    assert client.get(backgrounds + "10000").status_code == client.get(backgrounds + "-1").status_code == 404
    assert client.get("/gradio_api/prisma/card/nothing").status_code == 404


def test_health(client: TestClient):
    MODELS.get("emoji-vit")
    reply = client.get("/gradio_api/healthz")
    said = reply.json()
    assert reply.headers["cache-control"] == "no-store" and said["ok"] is True
    assert {"id": "emoji-vit", "revision": None} in said["models"]
    assert said["versions"]["torch"] == version("torch") and said["versions"]["python"].startswith("3.")


def test_health_knows_what_is_not_in_memory():
    assert report(Models())["models"] == []


def test_results_without_a_mask_have_no_mask_to_fetch(client: TestClient):
    desk = LensDesk()
    from PIL import Image

    from apps.common.pictures import Picture

    picture = Picture(Image.fromarray(np.zeros((9, 9, 3), np.uint8)), "upload", "0" * 16, "x")
    result = desk.run(picture, "emoji-vit")
    key = desk.put(result)
    assert lens_value(result, key, View())["urls"]["mask"] is None
    assert client.get(f"/gradio_api/prisma/{key}/mask").status_code == 404
