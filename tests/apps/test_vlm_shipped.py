"""The recipe and the opening on the weights that ship: what the page promises is so."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from apps.common.blobs import Shelf
from apps.common.desk import Session
from apps.common.saes import Saes, shipped_for
from apps.vlm_steering import vlms
from apps.vlm_steering.desk import VlmDesk
from apps.vlm_steering.first import first_view, opening
from apps.vlm_steering.gallery import Galleries
from apps.vlm_steering.guide import guide_for, turn_of, words_of
from apps.vlm_steering.plan import Manner
from apps.vlm_steering.prompts import prompts_for
from apps.vlm_steering.turn import Turn
from apps.vlm_steering.vlms import Vlms
from prisma_engine.toy.llava.nouns import class_of
from prisma_engine.toy.llava.things import things_of

pytestmark = pytest.mark.skipif(
    not vlms.ships(vlms.DEFAULT) or not shipped_for(vlms.DEFAULT),
    reason="emoji-llava and its SAEs are not in model_cards: python -m prisma_engine.toy.llava.train makes the model",
)


@pytest.fixture(scope="module")
def desk() -> VlmDesk:
    return VlmDesk(Vlms(), Shelf(), Saes(), Galleries(4))


@pytest.fixture(scope="module")
def session(desk: VlmDesk) -> Session:
    return desk.show(opening(), vlms.DEFAULT)


def test_the_page_opens_with_a_true_description(desk: VlmDesk, session: Session):
    picture = opening()
    assert picture.mask is not None
    masks = torch.stack([torch.from_numpy(picture.mask == i + 1) for i in range(len(picture.objects))])
    expected = {thing.noun.word for thing in things_of(torch.tensor(picture.objects), masks)}
    words = set(words_of(desk.said(session, Turn(), Manner())["original"].text))
    assert len(expected) == 2 and expected <= words
    assert first_view(desk.result(session)).latent is not None


def test_the_recipe_does_what_it_says(desk: VlmDesk, session: Session):
    guide = guide_for(desk.result(session).loaded)
    assert guide is not None
    said = {name: words_of(column.text) for name, column in desk.said(session, turn_of(guide), Manner()).items()}
    assert (said["original"], said["steered"]) == (words_of(guide.before), words_of(guide.after))
    assert guide.thing in said["original"] and guide.thing not in said["steered"]
    kept = [word for word in said["original"] if class_of(word) is not None and word != guide.thing]
    assert kept and all(word in said["steered"] for word in kept)


def test_the_recipe_s_controls_do_not_do_it(desk: VlmDesk, session: Session):
    guide = guide_for(desk.result(session).loaded)
    assert guide is not None
    for control in ("random", "opposite"):
        said = desk.said(session, replace(turn_of(guide), control=control), Manner())["control"]
        assert guide.thing in words_of(said.text), (control, said.text)


def test_every_prompt_of_the_list_is_known_word_for_word(desk: VlmDesk):
    from apps.vlm_steering.analysis import unknown_words

    tokenizer = desk.vlms.get(vlms.DEFAULT).tokenizer
    for prompt in prompts_for(vlms.DEFAULT):
        assert unknown_words(tokenizer, prompt) == (), prompt
