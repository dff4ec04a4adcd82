"""What is counted as right: against descriptions and answers whose score is known."""

from __future__ import annotations

from prisma_engine.toy.emoji_classes import class_index
from prisma_engine.toy.llava.answering import named, placed
from prisma_engine.toy.llava.evaluate import answering, commonest, describing, held_out
from prisma_engine.toy.llava.things import Thing, description

CAT, PIZZA = class_index("cat"), class_index("pizza")
PAIR = (Thing(CAT, 20, 50, 300), Thing(PIZZA, 70, 50, 2000))
ONE = (Thing(CAT, 50, 50, 300),)


def test_a_description_is_right_when_it_names_everything_and_nothing_else() -> None:
    said = [
        description(PAIR),
        "there is a large pizza on the left and a small cat at the top .",  # other order, size and places
        "there is a small cat on the left .",  # one is missing
        "there is a small cat on the left , a large pizza on the right and a small bee at the top .",  # one too many
        "there is a small cat on the left , a large pizza on the right and a small cat at the top .",  # one twice
        "there is nothing .",
    ]
    found = describing(said, [PAIR] * len(said))
    assert found["right"]["share"] == 2 / 6 and found["right"]["n"] == 6
    assert found["word_for_word"]["share"] == 1 / 6
    assert found["classes"]["cat"] == [5, 6, 0] and found["classes"]["bee"] == [0, 0, 1]
    assert found["by_count"]["2"]["n"] == 6


def test_size_and_place_are_counted_of_what_was_named() -> None:
    said = ["there is a small cat on the left and a small pizza at the top .", "there is a small cat in the middle ."]
    found = describing(said, [PAIR, ONE])
    assert found["size"]["n"] == found["place"]["n"] == 3
    assert found["size"]["share"] == found["place"]["share"] == 2 / 3
    assert found["by_count"] == {"1": found["by_count"]["1"], "2": found["by_count"]["2"]}


def test_what_an_answer_names() -> None:
    assert named("there is a large cat on the left and a small pizza .") == [CAT, PIZZA]
    assert named("the kitchen is large .") == []
    assert placed("there is a large cat at the top left .") == {CAT: ("large", "at the top left")}
    assert placed("there is a large cat at the top .") == {CAT: ("large", "at the top")}


def test_answers_count_word_for_word() -> None:
    questions = [(0, "count", "how many ?", "two ."), (0, "presence", "a cat ?", "yes ."), (1, "count", "", "one .")]
    found = answering(["two .", "no .", "one ."], questions)
    assert found["right"]["share"] == 2 / 3
    assert found["by_kind"]["count"]["share"] == 1 and found["by_kind"]["presence"]["share"] == 0


def test_the_commonest_answer_is_that_of_its_kind() -> None:
    questions = [(0, "a", "", "yes ."), (1, "a", "", "yes ."), (2, "a", "", "no ."), (3, "b", "", "no .")]
    assert commonest(questions) == ["yes .", "yes .", "yes .", "no ."]


def test_held_out_scenes_have_questions_of_different_kinds() -> None:
    scenes = held_out(6)
    assert scenes.pixels.shape == (6, 3, 96, 96) and len(scenes.things) == 6
    assert all(1 <= len(things) <= 3 for things in scenes.things)
    for i in range(6):
        kinds = [kind for scene, kind, _, _ in scenes.questions if scene == i]
        assert len(kinds) == len(set(kinds)) == 3
    assert held_out(6).questions == scenes.questions
