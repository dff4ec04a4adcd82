"""The page alone on a loopback port: its typed endpoints through the real client, and their refusals as sentences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.cat_dog_patching import endpoint
from apps.cat_dog_patching.analysis import PairResult
from apps.cat_dog_patching.applying import apply_chips
from apps.cat_dog_patching.endpoint import Asked
from apps.cat_dog_patching.first import opening
from apps.cat_dog_patching.handlers import PairDesk
from apps.cat_dog_patching.places import Chip
from serving import suite

HIDE = "0.427,0.458,0.938,0.927"
PAIR = ["image", "second", "hide", "fill", "model", "a", "b", "preparation", "classes"]
WHERE = ["site", "by", "layer", "token"]
HEADS = (Chip("z", 3, 1, "cls"), Chip("z", 4, 2, "cls"))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from gradio_client import Client

    with suite(tmp_path_factory.mktemp("server") / "log.txt", "apps.cat_dog_patching") as address:
        client = Client(address, verbose=False)
        yield client
        client.close()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scene") / "scene.png"
    opening().image.save(path)  # type: ignore[union-attr]
    return path


def sent(path: Path) -> Any:
    from gradio_client import handle_file

    return handle_file(str(path))


def asked(scene: Path, **more: str) -> Asked:
    return replace(Asked(str(scene), hide=HIDE), **more)


@pytest.mark.slow
def test_the_endpoints_are_typed_and_say_what_they_give(client: Any):
    api = client.view_api(return_format="dict")["named_endpoints"]
    assert sorted(api) == ["/patch_apply", "/patch_flip", "/patch_sweep"]
    names = {name: [p["parameter_name"] for p in api[name]["parameters"]] for name in api}
    assert names["/patch_sweep"] == [*PAIR, *WHERE, "direction"]
    assert names["/patch_apply"] == [*PAIR, "patches"] and names["/patch_flip"] == [*PAIR, *WHERE]
    for name in api:
        types = [p["python_type"]["type"] for p in api[name]["parameters"]]
        assert types[:2] == ["filepath", "filepath"] and set(types[2:]) == {"str"}


@pytest.mark.slow
def test_sweep_apply_and_flip(client: Any, scene: Path, pair: PairResult):
    found = client.predict(image=sent(scene), second=None, hide=HIDE, api_name="/patch_sweep")
    assert found["clean"]["metric"] == pytest.approx(pair.clean.metric, abs=1e-4)
    assert found["a"]["name"] == "cat face" and np.array(found["values"]).shape == (5, 4)
    flip = client.predict(image=sent(scene), second=None, hide=HIDE, api_name="/patch_flip")
    assert flip["patches"] == "z.3.1.cls z.4.2.cls" and flip["n_numbers"] == 64 and flip["is_smallest"]
    applied = client.predict(
        image=sent(scene), second=None, hide=HIDE, patches=flip["patches"], api_name="/patch_apply"
    )
    assert applied["patched"]["answer"][0]["name"] == "cat face"
    assert applied["patched"]["metric"] == pytest.approx(flip["margin"], abs=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"model": "no-such"}, "no model"),
        ({"a": "unicorn"}, "unicorn"),
        ({"hide": "1,2"}, "a box is x0,y0,x1,y1"),
        ({"site": "w"}, "site is one of z, q, k"),
    ],
)
def test_its_refusals_are_sentences(client: Any, scene: Path, options: dict[str, str], sentence: str):
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match=sentence):
        client.predict(image=sent(scene), second=None, **options, api_name="/patch_sweep")


def test_what_programs_get_is_the_engine_s(pair_desk: PairDesk, pair: PairResult, scene: Path):
    applied = endpoint.patch_apply(pair_desk, asked(scene), "z.3.1.cls; z.4.2.0")
    expected = apply_chips(pair_desk.models.get("emoji-vit"), pair, HEADS)
    assert applied["patched"]["metric"] == pytest.approx(expected.metric, abs=1e-4) and applied["n_numbers"] == 64
    one = endpoint.patch_apply(pair_desk, asked(scene), "z.4.2.cls")["patched"]["metric"]
    swept = endpoint.patch_sweep(pair_desk, asked(scene))
    assert swept["values"][4][2] == pytest.approx(one, abs=1e-4)
    nothing = endpoint.patch_apply(pair_desk, asked(scene))
    assert nothing["patched"]["metric"] == pytest.approx(nothing["corrupt"]["metric"], abs=1e-4)


def test_noising_is_the_other_direction(pair_desk: PairDesk, scene: Path):
    both = [endpoint.patch_sweep(pair_desk, asked(scene), direction=d) for d in ("denoise", "noise")]
    assert both[0]["effect"][4][2] > 0.5 and both[1]["effect"][4][2] < 0.5
    assert both[1]["correlation"] is None or both[0]["correlation"] > 0.9
    one = endpoint.patch_sweep(pair_desk, asked(scene), "v", "head,token", "4")
    assert one["layer"] == 4 and np.array(one["values"]).shape == (4, 145) and one["labels"][1][0] == "CLS"


def test_a_second_picture_and_named_answers(pair_desk: PairDesk, scene: Path, tmp_path: Path):
    from apps.common import pictures

    other = tmp_path / "other.png"
    pictures.example("apple-beside-bagel").image.save(other)  # type: ignore[union-attr]
    found = endpoint.patch_flip(pair_desk, Asked(str(scene), str(other), a="cat face", b="34"))
    assert found["b"]["name"] == "red apple" and found["members"] and found["flips"]
    assert "not normalised" in (endpoint.patch_sweep.__doc__ or "")


@pytest.mark.parametrize(
    ("more", "arguments"),
    [
        ({"hide": "0,0,2,1"}, {}),
        ({"fill": "paint"}, {}),
        ({"hide": "", "fill": "blur"}, {}),
        ({"a": "cat face", "b": "cat face"}, {}),
        ({"a": "64"}, {}),
        ({"preparation": "raw"}, {}),
        ({}, {"by": "token"}),
        ({}, {"site": "mlp_out"}),
        ({}, {"layer": "x"}),
        ({}, {"by": "head,token", "layer": "5"}),
        ({}, {"token": "145"}),
        ({}, {"token": "DIST"}),
        ({}, {"direction": "both"}),
    ],
)
def test_arguments_are_checked(pair_desk: PairDesk, scene: Path, more: dict[str, str], arguments: dict[str, str]):
    with pytest.raises(ValueError) as refusal:
        endpoint.patch_sweep(pair_desk, asked(scene, **more), **arguments)
    assert "\n" not in str(refusal.value)


def test_every_field_is_documented(pair_desk: PairDesk, scene: Path):
    for function in (endpoint.patch_sweep, endpoint.patch_apply, endpoint.patch_flip):
        answer = function(pair_desk, asked(scene))
        assert all(f"`{name}`" in (function.__doc__ or "") for name in answer), function
