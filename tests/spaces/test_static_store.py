"""Addresses of the server become files of the site, and nothing in a value leads anywhere else."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apps.common import payload, routes
from apps.common.blobs import SHELF, Result
from apps.static_files.store import Store

PICTURE = np.random.default_rng(0).integers(0, 255, (16, 16, 3), np.uint8)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path)


def address(rest: str) -> str:
    return f"{routes.PREFIX}/{rest}"


def test_what_is_on_the_shelf_lies_at_its_home(store: Store, tmp_path: Path) -> None:
    png = payload.pack_png(PICTURE)
    key = SHELF.put(Result({"lens": b"numbers", "image": png}, lambda name: name.encode()))
    store.home(key, "data/lens/cat")
    value = {"urls": {"lens": address(f"{key}/lens"), "class": address(f"{key}/class/"), "none": None}, "n": [1, "a/b"]}
    value["image"] = [address(f"{key}/image"), address(f"{key}/")]
    name = store.put_value("data/lens/cat/value.json", value)
    assert json.loads((tmp_path / name).read_text()) == {
        "urls": {"lens": "./lens", "class": "./class/", "none": None},
        "n": [1, "a/b"],
        "image": ["./image.png", "./"],
    }
    assert (tmp_path / "data/lens/cat/lens").read_bytes() == b"numbers"
    assert (tmp_path / "data/lens/cat/image.png").read_bytes() == png


def test_whole_numbers_take_no_fraction(store: Store, tmp_path: Path) -> None:
    name = store.put_value("value.json", {"heat": [0.0, 2.0, 0.5], "n": 3})
    assert (tmp_path / name).read_text() == '{"heat":[0,2,0.5],"n":3}'


def test_an_open_store_answers_alike(store: Store, tmp_path: Path) -> None:
    with store as same:
        assert same.read(address("font.woff2")) == store.read(address("font.woff2"))
    assert store.read(address("font.woff2"))[:4] == b"wOF2"


def test_a_table_brings_the_pictures_that_it_names(store: Store, tmp_path: Path) -> None:
    series = routes.series_url("static-test", lambda _: payload.pack_png(PICTURE), 9)
    table = routes.table_url({"pictures": {"scene:4": f"{series}4"}})
    store.put_value("data/x/value.json", {"types": table, "font": routes.font_url()})
    value = json.loads((tmp_path / "data/x/value.json").read_text())
    assert value["font"] == "../font.woff2" and value["types"].startswith("../tables/")
    there = tmp_path / "data/x" / value["types"]
    picture = there.parent / json.loads(there.read_text())["pictures"]["scene:4"]
    assert picture.suffix == ".webp"
    again = np.asarray(Image.open(io.BytesIO(picture.read_bytes())).convert("RGB"))
    assert again.shape == PICTURE.shape


def test_what_is_not_kept_is_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="nothing is kept under"):
        store.put_value("data/value.json", {"lens": address("nosuchkey/lens")})
    with pytest.raises(ValueError, match="nothing is kept under"):
        store.read(address("table/nosuchtable"))
