"""What is said of a scene follows from its masks, and every question has the answer that they give."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
import torch

from prisma_engine.toy.emoji_classes import class_index
from prisma_engine.toy.emoji_scenes import sample_scenes
from prisma_engine.toy.llava.nouns import NOUNS, WORDS
from prisma_engine.toy.llava.questions import QUESTIONS, ask
from prisma_engine.toy.llava.things import LARGE, SEEN, Thing, description, imagined, things_of

CAT, PIZZA, BEE = (class_index(name) for name in ("cat", "pizza", "bee"))


def square(x: int, y: int, side: int) -> torch.Tensor:
    mask = torch.zeros(96, 96, dtype=torch.bool)
    mask[y : y + side, x : x + side] = True
    return mask


def test_places_sizes_and_order_come_from_the_masks() -> None:
    masks = torch.stack([square(70, 2, 20), square(2, 30, 40), torch.zeros(96, 96, dtype=torch.bool)])
    things = things_of(torch.tensor([PIZZA, CAT, -1]), masks)
    assert [thing.noun.word for thing in things] == ["cat", "pizza"]
    assert (things[1].x, things[1].y, things[1].area) == (80, 12, 400)
    assert description(things) == "there is a large cat on the left and a small pizza at the top right ."


def test_three_things_and_none() -> None:
    masks = torch.stack([square(1, 1, 10), square(40, 40, 10), square(60, 80, 10)])
    things = things_of(torch.tensor([CAT, PIZZA, BEE]), masks)
    assert description(things) == (
        "there is a small cat at the top left , a small pizza in the middle and a small bee at the bottom right ."
    )
    assert description(()) == "there is nothing ."


def test_what_hardly_shows_is_not_spoken_of() -> None:
    hidden, shown = square(0, 0, 7), square(0, 0, 8)
    assert int(hidden.sum()) < SEEN <= int(shown.sum())
    assert things_of(torch.tensor([CAT]), hidden[None]) == ()
    assert len(things_of(torch.tensor([CAT]), shown[None])) == 1


def test_half_of_the_things_are_large() -> None:
    scenes = sample_scenes("threshold", 0, 100, masks=True)
    assert scenes.masks is not None
    sizes = Counter(t.size for o, m in zip(scenes.objects, scenes.masks, strict=True) for t in things_of(o, m))
    assert 0.35 < sizes["large"] / sizes.total() < 0.65


def test_a_description_names_what_the_scene_holds() -> None:
    scenes = sample_scenes("threshold", 1, 40, masks=True)
    assert scenes.masks is not None
    for objects, masks in zip(scenes.objects, scenes.masks, strict=True):
        said = [word for word in description(things_of(objects, masks)).split() if word in WORDS]
        seen = [kind for kind, mask in zip(objects.tolist(), masks, strict=True) if kind >= 0 and mask.sum() >= SEEN]
        assert sorted(said) == sorted(NOUNS[kind].word for kind in seen)


def answers(name: str, things: list[Thing], told: bool = False, n: int = 60) -> dict[str, str]:
    drawn = [QUESTIONS[name](Random(i), things, told) for i in range(n)]
    return dict(each for each in drawn if each is not None)


@pytest.fixture
def pair() -> list[Thing]:
    """A small cat at the left, a large pizza at the right."""
    return [Thing(CAT, 20, 50, LARGE / 2), Thing(PIZZA, 70, 50, 2 * LARGE)]


def test_the_answers_are_those_of_the_scene(pair: list[Thing]) -> None:
    assert answers("count", pair) == {"how many things are there ?": "two ."}
    assert answers("outermost", pair) == {
        "what is furthest left ?": "the cat .",
        "what is furthest right ?": "the pizza .",
    }
    assert answers("larger", pair)["which is larger , the cat or the pizza ?"] == "the pizza ."
    assert answers("left or right", pair)["is the pizza left or right of the cat ?"] == "right ."
    assert answers("beside", pair)["what is next to the cat ?"] == "the pizza ."
    assert answers("where", pair)["where is the cat ?"] == "on the left ."
    assert answers("size", pair)["is the cat large or small ?"] == "small ."
    assert answers("which of a kind", pair)["which pet is there ?"] == "a cat ."
    assert answers("outermost colour", pair)["what colour is the thing furthest left ?"] == "yellow ."
    kinds = answers("kind", pair, n=300)
    assert kinds["is there an animal ?"] == "yes ." and kinds["is there a vehicle ?"] == "no ."


def test_what_the_picture_leaves_open_is_not_asked() -> None:
    alike = [Thing(CAT, 40, 40, 800), Thing(PIZZA, 44, 40, 820)]
    assert not answers("larger", alike) and not answers("left or right", alike) and not answers("outermost", alike)
    assert not answers("size", alike), "near the threshold"
    assert not answers("where", [Thing(CAT, 33, 50, 800)]), "near an edge of its ninth"
    assert answers("where", [Thing(CAT, 33, 50, 800)], told=True), "unless the place was told"
    two_animals = [Thing(CAT, 20, 50, 800), Thing(BEE, 70, 50, 800)]
    assert "which animal is there ?" not in answers("which of a kind", two_animals)


def test_yes_and_no_are_equally_likely() -> None:
    for name in ("presence", "kind"):
        said = Counter()
        for i in range(400):
            question = QUESTIONS[name](Random(i), imagined(Random(i + 1)), False)
            assert question is not None
            said[question[1]] += 1
        assert set(said) == {"yes .", "no ."} and abs(said["yes ."] - 200) < 40, name


def test_a_question_about_presence_is_true() -> None:
    for i in range(200):
        things = imagined(Random(i))
        question, answer = QUESTIONS["presence"](Random(i), things, False) or ("", "")
        word = question.split()[3]
        assert (answer == "yes .") == (word in [thing.noun.word for thing in things])


def test_questions_of_one_scene_differ_in_kind(pair: list[Thing]) -> None:
    asked = ask(Random(0), pair, 8)
    assert len(asked) == 8 == len({name for name, _ in asked})
    assert ask(Random(0), pair, 8) == asked
