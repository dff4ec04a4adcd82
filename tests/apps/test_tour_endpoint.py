"""The tour alone on a loopback port: its typed endpoints through the real client, and their refusals as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.attention_tour import endpoint
from apps.attention_tour.analysis import TourResult
from apps.attention_tour.handlers import TourDesk
from apps.common import pictures
from serving import suite


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from gradio_client import Client

    with suite(tmp_path_factory.mktemp("server") / "log.txt", "apps.attention_tour") as address:
        client = Client(address, verbose=False)
        yield client
        client.close()


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    path = tmp_path / "scene.png"
    pictures.first().image.save(path)  # type: ignore[union-attr]
    return path


def sent(path: Path) -> Any:
    from gradio_client import handle_file

    return handle_file(str(path))


@pytest.mark.slow
def test_the_endpoints_are_typed_and_say_what_they_give(client: Any):
    api = client.view_api(return_format="dict")["named_endpoints"]
    assert sorted(api) == ["/attention", "/heads"]
    names = [p["parameter_name"] for p in api["/attention"]["parameters"]]
    assert names == ["image", "model", "layer", "head", "token", "kind", "causal_from", "classes"]
    types = {p["python_type"]["type"] for p in api["/attention"]["parameters"][1:]}
    assert types == {"str"} and api["/attention"]["parameters"][0]["python_type"]["type"] == "filepath"
    assert [p["parameter_name"] for p in api["/heads"]["parameters"]] == ["image", "model", "classes"]


@pytest.mark.slow
def test_one_token_of_one_head(client: Any, scene: Path, tour: TourResult):
    found = client.predict(image=sent(scene), layer="3", head="0", token="103", api_name="/attention")
    np.testing.assert_allclose(found["row"], tour.matrix("pattern", 3, 0)[103], atol=1e-5)
    np.testing.assert_allclose(found["column"], tour.matrix("pattern", 3, 0)[:, 103], atol=1e-5)
    assert found["token"] == {"index": 103, "place": "patch in row 9, column 7"} and found["prefix"] == ["CLS"]
    assert found["metrics"]["joint_share"] == pytest.approx(tour.metrics["joint_share"][3, 0], abs=1e-4)
    assert found["answer"][0]["name"] == tour.top5[0].name and found["causal_from"] is None
    named = client.predict(image=sent(scene), layer="0", head="mean", token="CLS", kind="value", api_name="/attention")
    assert named["token"]["place"] == "the CLS token" and named["metrics"] is None and named["head"] == "mean"


@pytest.mark.slow
def test_all_heads(client: Any, scene: Path, tour: TourResult):
    found = client.predict(image=sent(scene), api_name="/heads")
    assert [metric["id"] for metric in found["metrics"]] == list(tour.metrics)
    for name, values in tour.metrics.items():
        np.testing.assert_allclose(found["values"][name], values, atol=1e-4)
    assert all(metric["formula"] and metric["meaning"] for metric in found["metrics"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"model": "no-such"}, "no model"),
        ({"layer": "5"}, "no layer '5'; this model has layers 0 to 4"),
        ({"head": "x"}, "no head 'x'"),
        ({"token": "DIST"}, "give CLS, or an index from 0 to 144"),
    ],
)
def test_its_refusals_are_sentences(client: Any, scene: Path, options: dict[str, str], sentence: str):
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match=sentence):
        client.predict(image=sent(scene), **options, api_name="/attention")


@pytest.mark.slow
def test_a_file_that_is_no_picture_is_one_sentence(client: Any, tmp_path: Path):
    from gradio_client.exceptions import AppError

    bad = tmp_path / "bad.png"
    bad.write_bytes(b"words")
    for name in ("/attention", "/heads"):
        with pytest.raises(AppError, match="is not a PNG"):
            client.predict(image=sent(bad), api_name=name)


def ask(desk: TourDesk, scene: Path, **options: str) -> dict[str, Any]:
    asked = {"layer": "2", "head": "1", "token": "40", **options}
    return endpoint.attention(desk, str(scene), "emoji-vit", **asked)


def test_what_if_hides_what_comes_later(tour_desk: TourDesk, scene: Path):
    found = ask(tour_desk, scene, kind="scores", causal_from="2")
    assert found["causal_from"] == 2 and found["row"][41] is None and found["row"][0] is not None
    assert found["column"][39] is None and found["column"][41] is not None
    assert ask(tour_desk, scene, kind="scores", causal_from="2:all", token="0")["row"][1:] == [None] * 144
    assert None not in ask(tour_desk, scene, kind="scores")["row"]


def test_the_types_of_a_head_are_told(tour_desk: TourDesk, scene: Path):
    found = ask(tour_desk, scene, layer="1", head="1")["types"]
    assert [one["title"] for one in found] == ["Edges head"] and found[0]["strength"] > 0.1
    assert ask(tour_desk, scene, layer="3", head="0")["types"] == []
    assert ask(tour_desk, scene, head="mean")["types"] is None


@pytest.mark.parametrize(
    "options",
    [
        {"layer": "-1"},
        {"layer": "²"},
        {"head": "4"},
        {"head": "rollout", "kind": "scores"},
        {"token": "145"},
        {"token": ""},
        {"kind": "attention"},
        {"causal_from": "5"},
        {"causal_from": "x"},
    ],
)
def test_arguments_are_checked(tour_desk: TourDesk, scene: Path, options: dict[str, str]):
    with pytest.raises(ValueError) as refusal:
        ask(tour_desk, scene, **options)
    assert "\n" not in str(refusal.value)
    assert ask(tour_desk, scene)["row"]


def test_every_field_is_documented(tour_desk: TourDesk, scene: Path):
    for answer, function in (
        (ask(tour_desk, scene), endpoint.attention),
        (endpoint.heads(tour_desk, str(scene), "emoji-vit"), endpoint.heads),
    ):
        assert all(f"`{name}`" in (function.__doc__ or "") for name in answer)
