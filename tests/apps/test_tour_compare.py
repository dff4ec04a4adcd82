"""Two runs side by side: one thing differs, the second follows the first, and what cannot be had is a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from apps.attention_tour import compare
from apps.attention_tour.compare import Against
from apps.attention_tour.first import first_view
from apps.attention_tour.handlers import TourDesk, tour_value
from apps.attention_tour.page import TourPage
from apps.attention_tour.whatif import WhatIf
from apps.common import pictures
from apps.common.blobs import Shelf
from apps.common.desk import Session
from apps.common.page import Chosen
from apps.common.runtime import Models, load_offer


@pytest.fixture(scope="module")
def desk() -> TourDesk:
    """A desk on which "copy/of" is a second name of the model that ships."""

    def load(offer: Any, classes: Any) -> Any:
        known = "emoji-vit" if offer.id == "copy/of" else offer.id
        return load_offer(type(offer)(known, known, "embedded"), classes)

    return TourDesk(Models(load), Shelf())


@pytest.fixture
def session(desk: TourDesk) -> Session:
    return desk.show(pictures.first(), "emoji-vit")


def shown(desk: TourDesk, against: Against | None, before: Session, picture: str = "", model: str = "emoji-vit") -> Any:
    """What the page shows after the visitor chose another example or model."""
    page = TourPage(desk)
    chosen = Chosen(pictures.example(picture or before.source), model, "", "example" if picture else "model")
    return page.shown(chosen, before, against, first_view(desk.result(before)), None)


def test_the_second_run_differs_in_one_thing(desk: TourDesk, session: Session):
    picture = compare.with_picture(desk, session, pictures.example("cat-and-dog"))
    model = compare.with_model(desk, session, "copy/of", "")
    causal = compare.with_causal(desk, session, WhatIf(1))
    for against, changed in ((picture, "source"), (model, "model_id"), (causal, "variant")):
        other = against.session
        for name in ("source", "model_id", "variant", "classes"):
            assert (getattr(other, name) == getattr(session, name)) == (name != changed)
        value = tour_value(desk, session, against, first_view(desk.result(session)))
        first, second = value["runs"]
        assert first["why"] is None and second["key"] == other.key != first["key"]
        assert second["why"] == {"source": "other picture", "model_id": "other model", "variant": "causal"}[changed]
    assert causal.what_if == WhatIf(1) and picture.what_if is None


def test_comparing_with_itself_is_one_sentence(desk: TourDesk, session: Session):
    with pytest.raises(ValueError, match="that is the picture on show"):
        compare.with_picture(desk, session, pictures.first())
    with pytest.raises(ValueError, match="is the model on show"):
        compare.with_model(desk, session, "emoji-vit", "")
    with pytest.raises(ValueError, match="layers 0 to 4"):
        compare.with_causal(desk, session, WhatIf(7))


def test_a_causal_run_follows_picture_and_model(desk: TourDesk, session: Session):
    causal = compare.with_causal(desk, session, WhatIf(2, prefix_sees_all=False))
    after, against, *_ = shown(desk, causal, session, picture="apple-beside-bagel")
    assert (against.session.source, against.what_if) == ("apple-beside-bagel", WhatIf(2, prefix_sees_all=False))
    after, against, *_ = shown(desk, against, after, model="copy/of")
    assert (against.session.model_id, against.what_if) == ("copy/of", WhatIf(2, prefix_sees_all=False))
    assert against.session.source == after.source == "apple-beside-bagel"


def test_another_model_follows_the_picture(desk: TourDesk, session: Session):
    other = compare.with_model(desk, session, "copy/of", "")
    _, against, *_ = shown(desk, other, session, picture="cat-and-dog")
    assert (against.session.model_id, against.session.source) == ("copy/of", "cat-and-dog")


def test_another_picture_stays_and_is_not_computed_again(desk: TourDesk, session: Session):
    other = compare.with_picture(desk, session, pictures.example("cat-and-dog"))
    _, against, *_ = shown(desk, other, session, picture="lion-with-basketball")
    assert against == other
    _, against, *_ = shown(desk, other, session, model="copy/of")
    assert (against.session.model_id, against.session.source) == ("copy/of", "cat-and-dog")


@pytest.mark.parametrize(("what", "chosen"), [("picture", {"picture": "cat-and-dog"}), ("model", {"model": "copy/of"})])
def test_a_comparison_that_has_become_one_with_itself_ends_with_a_sentence(
    desk: TourDesk, session: Session, what: str, chosen: dict[str, str]
):
    against = (
        compare.with_picture(desk, session, pictures.example("cat-and-dog"))
        if what == "picture"
        else compare.with_model(desk, session, "copy/of", "")
    )
    outputs = shown(desk, against, session, **chosen)
    assert outputs[1] is None and outputs[3]["runs"][1] is None and outputs[5] is None
    assert "The comparison is left out: " in outputs[6]["text"]
    assert outputs[-5] == "nothing"  # and so says the choice of a comparison


def test_a_view_is_sent_only_where_the_model_is_another(desk: TourDesk, session: Session):
    """What the visitor looks at may be newer than what the server was told: it is left alone, unless it cannot stay."""
    _, _, view, value, *_ = shown(desk, None, session, picture="cat-and-dog")
    assert value["view"] is None and view == gr.skip()
    _, _, view, value, *_ = shown(desk, None, session, model="copy/of")
    assert value["view"] == view.as_dict()


def test_links_are_of_what_the_page_holds(desk: TourDesk, session: Session):
    page, against = TourPage(desk), compare.with_causal(desk, session, WhatIf(1))
    view = replace(first_view(desk.result(session)), layer=1, unit=3)
    address, link, code = page.links(session, against, view)
    assert address == {"query": link} and "layer=1&head=3" in link and "vs-causal=1" in link
    assert "causal_from=1" in code and "[3, token]" in code
    assert page.links(None, None, None) == gr.skip()


def test_an_upload_can_be_compared_with(desk: TourDesk, session: Session, tmp_path: Path):
    path = tmp_path / "mine.png"
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(path)
    view = first_view(desk.result(session))
    outputs = TourPage(desk).compare_upload(str(path), session, None, view, None)
    against = outputs[1]
    assert (against.what, against.session.kind, against.session.upload) == ("picture", "upload", str(path))
    desk.shelf._entries.pop(against.session.key)
    assert desk.result(against.session).maps.n_layers == 5  # computed again from the upload
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"words")
    with pytest.raises(ValueError, match="not a PNG"):
        TourPage(desk).compare_upload(str(bad), session, None, view, None)


@pytest.mark.parametrize("what", ["nothing", "picture", "model", "causal"])
def test_each_choice_starts_with_what_is_at_hand(desk: TourDesk, session: Session, what: str):
    view = first_view(desk.result(session))
    before = compare.with_causal(desk, session, WhatIf(0))
    for model in (None, "copy/of"):
        outputs = TourPage(desk).compare_what(what, model, 3, True, "", session, before, view, None)
        expected = None if what == "nothing" or (what == "model" and model is None) else what
        assert (outputs[1].what if outputs[1] else None) == expected
    assert what != "causal" or outputs[1].what_if == WhatIf(3)


def test_a_slider_beyond_the_last_layer_means_the_last(desk: TourDesk, session: Session):
    outputs = TourPage(desk).compare_causal(11, False, session, None, first_view(desk.result(session)), None)
    assert outputs[1].what_if == WhatIf(4, prefix_sees_all=False)
    assert "has layers 0 to 4, so attention is causal from layer 4 on" in outputs[6]["text"]
    below = TourPage(desk).compare_causal(-3, False, session, None, first_view(desk.result(session)), None)
    assert below[1].what_if == WhatIf(0, prefix_sees_all=False) and "from layer 0 on" in below[6]["text"]
    inside = TourPage(desk).compare_causal(3, False, session, None, first_view(desk.result(session)), None)
    assert inside[6]["text"] == ""


def test_the_second_answer_is_told_apart(desk: TourDesk, session: Session):
    view = first_view(desk.result(session))
    alone = TourPage(desk).rendered(session, None, view, None)
    assert alone[4]["caption"] == "" and alone[5] is None
    beside = TourPage(desk).rendered(session, compare.with_causal(desk, session, WhatIf(0, False)), view, None)
    assert beside[4]["caption"] == "emoji-vit: A cat in a toilet"
    assert beside[5]["caption"] == "emoji-vit, causal from layer 0 on, CLS included: A cat in a toilet"
    assert beside[5]["rows"] != beside[4]["rows"] == alone[4]["rows"]


def test_a_link_with_two_comparisons_says_which_is_made(desk: TourDesk, session: Session):
    against, notes = compare.from_params(desk, {"vs-causal": "2", "vs-example": "cat-and-dog"}, session)
    assert against is not None and against.what == "causal"
    assert notes == [
        "the link asks for more than one comparison; only the first of them is made: with causal attention"
    ]
    assert compare.from_params(desk, {"vs-causal": "2"}, session)[1] == []
