"""A zero-shot model whose classes a visitor types: a random tiny CLIP, saved as transformers saves it."""

from __future__ import annotations

from pathlib import Path

import pytest

from apps.common import pictures
from apps.common.runtime import Models
from apps.dogit_lens import export
from apps.dogit_lens.app import LensPage
from apps.dogit_lens.handlers import LensDesk, link_of

pytestmark = pytest.mark.slow

WORDS = "cat, toilet, red fox, sky, Cat, sea"


def test_the_classes_are_the_visitor_s(desk: LensDesk, clip_folder: Path):
    result = desk.run(pictures.example("cat-in-toilet"), str(clip_folder), WORDS)
    assert result.vocabulary.names == ("cat", "toilet", "red fox", "sky", "sea")
    assert result.grid == (4, 4) and result.classes == result.vocabulary.names and result.scores is None


def test_another_list_does_not_load_again(clip_folder: Path):
    models = Models()
    one, two = models.get(str(clip_folder), ("cat", "dog")), models.get(str(clip_folder), ("sea", "sky", "sun"))
    assert one.head.projection.weight.data_ptr() == two.head.projection.weight.data_ptr()  # type: ignore[union-attr]


def test_the_class_box_appears_only_for_such_a_model(desk: LensDesk, clip_folder: Path):
    page = LensPage(desk)
    for model, visible in ((str(clip_folder), True), ("emoji-vit", False)):
        shown = page.model(model, WORDS, None, None)
        assert [part["visible"] for part in shown if isinstance(part, dict) and "visible" in part] == [visible]


def test_link_and_python_carry_the_classes(desk: LensDesk, clip_folder: Path):
    session = desk.show(pictures.example("cat-in-toilet"), str(clip_folder), WORDS)
    result = desk.result(session)
    shown = LensPage(desk).rendered(session, desk_view(result))
    assert "classes=cat%2C+toilet%2C+red+fox" in link_of(session, desk_view(result), result)
    assert "classes=['cat', 'toilet', 'red fox', 'sky', 'sea']" in export.python_code(result, desk_view(result))
    assert [part["visible"] for part in shown if isinstance(part, dict) and "visible" in part] == [True]


def desk_view(result):
    from apps.dogit_lens.view import first_view

    return first_view(result.extent)


@pytest.mark.parametrize("words", ["cat", "", ", , ,"])
def test_too_few_classes_are_one_sentence(desk: LensDesk, clip_folder: Path, words: str):
    with pytest.raises(ValueError, match="name 5 to 64 classes"):
        desk.run(pictures.example("cat-in-toilet"), str(clip_folder), words)
