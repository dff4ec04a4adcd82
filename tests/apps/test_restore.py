"""Opening an address: what it asks for, or the nearest thing with a sentence."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
from PIL import Image

from apps.common import pictures
from apps.dogit_lens.handlers import LensDesk, link_of
from apps.dogit_lens.restore import open_page, view_of_upload
from apps.dogit_lens.view import View


def test_an_empty_address_opens_the_first_example(desk: LensDesk):
    opened = open_page(desk, {})
    assert opened.session.source == pictures.example_names()[0] and not opened.notes
    assert desk.result(opened.session).labels[opened.view.layer] == "final"


@pytest.mark.parametrize("source", ["example", "scene"])
def test_a_link_restores_session_and_view(desk: LensDesk, source: str):
    scene = "5_48.300.400.450.-100"
    picture = pictures.example("lion-with-basketball") if source == "example" else pictures.scene_in_link(scene)
    session = desk.show(picture, "emoji-vit")
    view = View(layer=3, token=20, color="logit", opacity=0.3, least=0.2, search=5, names=True, overlay="search")
    opened = open_page(desk, dict(parse_qsl(link_of(session, view, desk.result(session)))))
    assert opened.view == view and not opened.notes
    assert (opened.session.kind, opened.session.source) == (session.kind, session.source)
    np.testing.assert_array_equal(desk.result(opened.session).logits, desk.result(session).logits)


@pytest.mark.parametrize(
    "params",
    [
        {"example": "no-such-example"},
        {"example": "../../etc"},
        {"scene": "1_99.1.1.1.1"},
        {"model": "no-such-model"},
        {"model": "<script>alert(1)</script>"},
        {"layer": "7_up"},
        {"token": "9999"},
        {"upload": "zz"},
        {"revision": "\n"},
    ],
)
def test_nonsense_falls_back_with_a_sentence(desk: LensDesk, params: dict[str, str]):
    opened = open_page(desk, params)
    assert opened.session.source == pictures.example_names()[0] and len(opened.notes) == 1


def upload(path: Path, seed: int) -> str:
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (8, 9, 3), dtype=np.uint8)).save(path)
    return str(path)


def test_a_link_to_an_upload_waits_for_the_same_picture(desk: LensDesk, tmp_path: Path):
    path = upload(tmp_path / "mine.png", 0)
    session = desk.show(pictures.uploaded(path), "emoji-vit", upload=path)
    view = View(layer=2, token=3)
    opened = open_page(desk, dict(parse_qsl(link_of(session, view, desk.result(session)))))
    assert opened.waiting and opened.session.kind == "example" and "same picture" in opened.notes[0]
    again = desk.show(pictures.uploaded(path), "emoji-vit", upload=path)
    assert view_of_upload(opened.waiting, again, desk) == (view, ())
    other = upload(tmp_path / "other.png", 1)
    wrong = desk.show(pictures.uploaded(other), "emoji-vit", upload=other)
    assert view_of_upload(opened.waiting, wrong, desk)[1] == (pictures.OTHER_UPLOAD,)


def test_another_revision_is_told(desk: LensDesk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(desk.models.get("emoji-vit"), "revision", "f" * 40)
    desk._examples.clear()
    opened = open_page(desk, {"model": "emoji-vit", "revision": "a" * 40})
    desk._examples.clear()
    assert "revision aaaaaaaaaaaa" in opened.notes[0]
