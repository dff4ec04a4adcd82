"""The suite on a loopback port: the typed endpoint through the real client, and what strangers may not do."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from apps.common import pictures
from serving import suite

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with suite(tmp_path_factory.mktemp("server") / "log.txt") as address:
        yield address


@pytest.fixture(scope="module")
def client(address: str) -> Iterator[Any]:
    from gradio_client import Client

    client = Client(address, verbose=False)
    yield client
    client.close()


@pytest.fixture
def scene(tmp_path: Path) -> Any:
    from gradio_client import handle_file

    path = tmp_path / "scene.png"
    pictures.example("cat-in-toilet").image.save(path)
    return handle_file(str(path))


def test_each_page_s_endpoints_are_the_only_ones_and_are_typed(client: Any):
    api = client.view_api(return_format="dict")["named_endpoints"]
    assert sorted(api) == [
        *("/attention", "/heads", "/lens", "/patch_apply", "/patch_flip", "/patch_sweep"),
        *("/sae_features", "/sae_generality", "/sae_latent", "/sae_steer", "/steer_llava"),
    ]
    assert [(p["parameter_name"], p["python_type"]["type"]) for p in api["/lens"]["parameters"]] == [
        ("image", "filepath"),
        ("model", "str"),
        ("layer", "str"),
        ("classes", "str"),
    ]


def test_the_endpoint_answers(client: Any, scene: Any):
    answer = client.predict(image=scene, model="emoji-vit", layer="final", api_name="/lens")
    assert answer["grid"] == [12, 12] and len(answer["patches"]) == 144
    assert set(answer["answer"][0]) == {"class", "name", "emoji", "logit", "probability"}
    assert client.predict(image=scene, api_name="/lens") == answer


@pytest.mark.parametrize(
    ("model", "layer", "sentence"), [("no-such", "final", "no model"), ("emoji-vit", "99", "no layer")]
)
def test_its_refusals_are_sentences(client: Any, scene: Any, model: str, layer: str, sentence: str):
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match=sentence):
        client.predict(image=scene, model=model, layer=layer, api_name="/lens")


def test_a_file_that_is_no_picture_is_one_sentence(client: Any, tmp_path: Path):
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    bad = tmp_path / "bad.png"
    bad.write_bytes(b"words")
    with pytest.raises(AppError, match="is not a PNG"):
        client.predict(image=handle_file(str(bad)), api_name="/lens")


def post(url: str, body: dict[str, Any]) -> tuple[int, str]:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@pytest.mark.parametrize("path", ["/etc/passwd", "../../../etc/passwd", "http://127.0.0.1:1/x.png"])
def test_files_of_the_server_cannot_be_named(address: str, path: str):
    for meta in ({"meta": {"_type": "gradio.FileData"}}, {}):  # without it, Gradio does not look where the file lies
        image = {"path": path, **meta}
        status, said = post(f"{address}/gradio_api/run/lens", {"data": [image, "emoji-vit", "final"]})
        assert status != 200 and "root:" not in said and "is not a PNG" not in said


def test_a_picture_outside_the_upload_folder_is_not_looked_at(address: str, tmp_path: Path):
    path = tmp_path / "secret.png"
    pictures.example("cat-in-toilet").image.save(path)  # type: ignore[union-attr]
    image = {"path": str(path)}
    status, said = post(f"{address}/gradio_api/run/lens", {"data": [image, "emoji-vit", "final"]})
    assert status != 200 and "patches" not in said


def test_uploads_beyond_the_limit_are_refused(address: str, tmp_path: Path):
    boundary = "x" * 20
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="a.png"\r\n\r\n'.encode()
        + b"0" * 6_000_000
        + f"\r\n--{boundary}--\r\n".encode()
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    request = urllib.request.Request(f"{address}/gradio_api/upload", body, headers)
    with pytest.raises((urllib.error.HTTPError, ConnectionError, urllib.error.URLError)):
        urllib.request.urlopen(request, timeout=30)


def test_a_decompression_bomb_is_one_sentence(client: Any, tmp_path: Path):
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    bomb = tmp_path / "bomb.png"
    Image.new("1", (6000, 6000)).save(bomb)
    with pytest.raises(AppError, match="megapixels"):
        client.predict(image=handle_file(str(bomb)), api_name="/lens")
