"""Opening an address of the tour: run, comparison and view as they were, or the nearest thing with a sentence."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image

from apps.attention_tour import compare
from apps.attention_tour.compare import Against
from apps.attention_tour.first import first_view
from apps.attention_tour.handlers import TourDesk, link_of
from apps.attention_tour.restore import Opened, open_page, view_of_upload
from apps.attention_tour.view import TourView
from apps.attention_tour.whatif import WhatIf
from apps.common import pictures

VIEW = TourView(
    layer=1, unit="mean", locked=False, token=None, kind="value", scale="log", norm="matrix", thumbs="to",
    x="cls_mass", y="edge_mass", over="dataset", paint="lens", opacity=0.3,
)  # fmt: skip


def reopened(desk: TourDesk, opened: Opened) -> Opened:
    return open_page(desk, dict(parse_qsl(link_of(desk, opened.session, opened.against, opened.view))))


def test_an_empty_address_opens_the_first_example(tour_desk: TourDesk):
    opened = open_page(tour_desk, {})
    assert opened.session.source == pictures.example_names()[0] and not opened.notes and opened.against is None
    assert opened.view == first_view(tour_desk.result(opened.session))


@pytest.mark.parametrize(
    "params",
    [{"example": "lion-with-basketball"}, {"scene": "5_48.300.400.450.-100"}, {"seed": "17"}],
)
def test_a_link_restores_picture_and_view(tour_desk: TourDesk, params: dict[str, str]):
    opened = open_page(tour_desk, params)
    again = reopened(tour_desk, Opened(opened.session, None, VIEW))
    assert again.view == VIEW and not again.notes
    assert (again.session.kind, again.session.source) == (opened.session.kind, opened.session.source)
    np.testing.assert_array_equal(tour_desk.result(again.session).pixels, tour_desk.result(opened.session).pixels)


@pytest.mark.parametrize(
    "params",
    [{"vs-causal": "2"}, {"vs-causal": "0:all"}, {"vs-example": "cat-and-dog"}, {"vs-seed": "5"}],
)
def test_a_link_restores_the_comparison(tour_desk: TourDesk, params: dict[str, str]):
    opened = open_page(tour_desk, params)
    again = reopened(tour_desk, opened)
    assert opened.against is not None and again.against is not None and not opened.notes
    assert again.against.what == opened.against.what and again.against.what_if == opened.against.what_if
    for name in ("kind", "source", "variant", "model_id"):
        assert getattr(again.against.session, name) == getattr(opened.against.session, name)


@pytest.mark.parametrize(
    "params",
    [
        {"example": "no-such-example"},
        {"scene": "1_99.1.1.1.1"},
        {"seed": "-1"},
        {"model": "no-such-model"},
        {"model": "<script>alert(1)</script>"},
        {"layer": "5"},
        {"head": "rollout", "kind": "scores"},
        {"token": "9999"},
        {"upload": "zz"},
    ],
)
def test_nonsense_falls_back_with_a_sentence(tour_desk: TourDesk, params: dict[str, str]):
    opened = open_page(tour_desk, params)
    assert opened.session.source == pictures.example_names()[0] and len(opened.notes) == 1
    assert "\n" not in opened.notes[0]


@pytest.mark.parametrize(
    "params",
    [
        {"vs-example": "no-such-example"},
        {"vs-example": "../../etc"},
        {"vs-example": "cat-in-toilet"},
        {"vs-model": "no-such-model"},
        {"vs-model": "emoji-vit"},
        {"vs-causal": "9"},
        {"vs-causal": "1;drop"},
        {"vs-upload": "0" * 16},
    ],
)
def test_a_comparison_that_cannot_be_had_is_left_out_with_a_sentence(tour_desk: TourDesk, params: dict[str, str]):
    opened = open_page(tour_desk, params | {"layer": "1"})
    assert opened.against is None and len(opened.notes) == 1 and "comparison is left out" in opened.notes[0]
    assert opened.view.layer == 1


def upload(path: Path, seed: int) -> str:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 9, 3), dtype=np.uint8)).save(path)
    return str(path)


def test_a_link_to_an_upload_waits_for_the_same_picture(tour_desk: TourDesk, tmp_path: Path):
    path = upload(tmp_path / "mine.png", 0)
    session = tour_desk.show(pictures.uploaded(path), "emoji-vit", upload=path)
    against = compare.with_causal(tour_desk, session, WhatIf(1))
    opened = reopened(tour_desk, Opened(session, against, VIEW))
    assert opened.waiting and opened.session.kind == "example" and "same picture" in opened.notes[0]
    assert opened.against is not None and opened.against.what_if == WhatIf(1)  # and follows the upload once it comes
    assert view_of_upload(opened.waiting, session, tour_desk) == (VIEW, ())
    other = upload(tmp_path / "other.png", 1)
    wrong = tour_desk.show(pictures.uploaded(other), "emoji-vit", upload=other)
    assert view_of_upload(opened.waiting, wrong, tour_desk)[1] == (pictures.OTHER_UPLOAD,)


def test_other_revisions_are_told(tour_desk: TourDesk, monkeypatch: pytest.MonkeyPatch):
    session = tour_desk.show(pictures.first(), "emoji-vit")
    monkeypatch.setattr(tour_desk.models.get("emoji-vit"), "revision", "f" * 40)
    tour_desk._examples.clear()
    opened = open_page(tour_desk, {"model": "emoji-vit", "revision": "a" * 40})
    tour_desk._examples.clear()
    assert "revision aaaaaaaaaaaa" in opened.notes[0] and session


def test_the_link_of_a_comparison_with_an_upload_carries_only_its_hash(tour_desk: TourDesk, tmp_path: Path):
    path = upload(tmp_path / "mine.png", 2)
    session = tour_desk.show(pictures.first(), "emoji-vit")
    against: Against = compare.with_picture(tour_desk, session, pictures.uploaded(path), path)
    link = link_of(tour_desk, session, against, VIEW)
    assert f"vs-upload={against.session.source}" in link and str(tmp_path) not in link
