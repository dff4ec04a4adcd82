"""Every page of prose shows exactly its own pictures, and they are those that the command draws today."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from apps.pictures.gallery import FOLDER, PAGES, draw
from golden.stored import MEAN_TOLERANCE, difference

ROOT = Path(__file__).resolve().parents[2]
SHOWN = re.compile(r"!\[[^\]]+\]\((?:docs/)?images/([^)]+)\.png\)")
EVERY = {name: draw for page in PAGES.values() for name, draw in page.items()}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_its_own_pictures_each_once(page):
    assert sorted(SHOWN.findall((ROOT / f"{page}.md").read_text(encoding="utf-8"))) == sorted(PAGES[page])


def test_no_picture_belongs_to_two_pages_and_none_is_left_over():
    assert len(EVERY) == sum(map(len, PAGES.values()))
    assert {path.stem for path in FOLDER.glob("*.png")} == set(EVERY)


def test_a_picture_is_shown_whatever_it_is_called():
    assert SHOWN.findall("![a head](docs/images/attention-tour.png) and [no picture](images/b.png)") == [
        "attention-tour"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY)
def test_a_stored_picture_is_the_one_that_is_drawn(name):
    stored = (FOLDER / f"{name}.png").read_bytes()
    assert difference(EVERY[name](), stored) < MEAN_TOLERANCE
    assert len(stored) < 600_000


def test_another_picture_would_be_noticed():
    first, second = ((FOLDER / f"attention-types-{model}.png").read_bytes() for model in ("emoji-vit", "vit-tiny"))
    assert difference(first, first) == 0 and difference(first, second) > MEAN_TOLERANCE


def test_a_picture_that_is_not_there_is_refused():
    with pytest.raises(SystemExit, match="there is no picture 'portrait'"):
        draw(["portrait"])
