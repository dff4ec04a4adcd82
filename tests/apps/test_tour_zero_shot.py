"""The tour of a model whose classes a visitor types: alone, beside another one, in links and in the copied Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest

from apps.attention_tour import compare, export
from apps.attention_tour.first import first_view
from apps.attention_tour.handlers import TourDesk, link_of
from apps.attention_tour.page import TourPage
from apps.attention_tour.restore import open_page
from apps.common import catalog, pictures

pytestmark = pytest.mark.slow

WORDS = "cat, toilet, red fox, sky, Cat, sea"
NAMES = ("cat", "toilet", "red fox", "sky", "sea")


def class_box(shown: tuple[Any, ...]) -> bool:
    """Whether the box for classes is open."""
    (visible,) = [part["visible"] for part in shown[7:8] if isinstance(part, dict)]
    return visible


def test_the_answer_is_one_of_the_visitor_s_classes(tour_desk: TourDesk, clip_folder: Path):
    result = tour_desk.run(pictures.first(), str(clip_folder), WORDS)
    assert result.classes == NAMES and {answer.name for answer in result.top5} == set(NAMES)
    assert result.maps.grid == (4, 4) and result.lens is not None


def test_the_class_box_is_open_while_either_run_needs_it(tour_desk: TourDesk, clip_folder: Path):
    session = tour_desk.show(pictures.first(), "emoji-vit")
    view = first_view(tour_desk.result(session))
    page = TourPage(tour_desk)
    assert not class_box(page.rendered(session, None, view, None))
    beside = compare.with_model(tour_desk, session, str(clip_folder), WORDS)
    assert class_box(page.rendered(session, beside, view, None))
    assert class_box(page.model(str(clip_folder), WORDS, session, None, view, None))


def test_other_classes_run_both_again(tour_desk: TourDesk, clip_folder: Path):
    session = tour_desk.show(pictures.first(), str(clip_folder), WORDS)
    causal = compare.with_causal(tour_desk, session, compare.WhatIf(0))
    view = first_view(tour_desk.result(session))
    shown = TourPage(tour_desk).model(str(clip_folder), catalog.default_classes(), session, causal, view, None)
    for changed in shown[0], shown[1].session:
        assert changed.classes == catalog.default_classes()
    with pytest.raises(ValueError, match="name 5 to 64 classes"):
        TourPage(tour_desk).model(str(clip_folder), "cat", session, None, view, None)


@pytest.mark.parametrize("first", [True, False])
def test_links_and_python_carry_the_classes(tour_desk: TourDesk, clip_folder: Path, first: bool):
    if first:
        session, against = tour_desk.show(pictures.first(), str(clip_folder), WORDS), None
    else:
        session = tour_desk.show(pictures.first(), "emoji-vit")
        against = compare.with_model(tour_desk, session, str(clip_folder), WORDS)
    result = tour_desk.result(session)
    link = link_of(tour_desk, session, against, first_view(result))
    opened = open_page(tour_desk, dict(parse_qsl(link)))
    again = opened.session if opened.against is None else opened.against.session
    assert not opened.notes and again.model_id == str(clip_folder)
    assert tour_desk.result(again).classes == NAMES
    if first:
        assert f"classes={list(NAMES)}" in export.python_code(result, first_view(result))
