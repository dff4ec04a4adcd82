"""The texts of emoji-llava: fixed by number, apart in their splits, and about everything that it is to know."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from prisma_engine.toy.emoji_classes import NAMES
from prisma_engine.toy.llava import facts, grammar
from prisma_engine.toy.llava.facts import odd_one_out, riddle
from prisma_engine.toy.llava.grammar import HELD_OUT, split_of, text, vocabulary
from prisma_engine.toy.llava.nouns import BULKS, COLOURS, KINDS, NOUNS, WORDS, class_of
from prisma_engine.toy.llava.things import PLACES


def test_a_text_is_fixed_by_its_split_and_number() -> None:
    first = [text("train", i) for i in range(50)]
    assert first == [text("train", i) for i in range(50)]
    assert len(set(first)) > 45, "different numbers give different texts"
    assert text("held-out", 0) != text("train", 0)


def test_no_held_out_text_is_a_training_text() -> None:
    train, held = ({text(split, i) for i in range(n)} for split, n in (("train", 4000), ("held-out", 300)))
    assert not train & held
    assert all(split_of(words) == "train" for words in train)
    assert all(split_of(words) == "held-out" for words in held)


def test_one_text_in_sixteen_is_held_out() -> None:
    random = Random(0)
    drawn = [facts.comparison(random) for _ in range(3000)]
    held = sum(split_of(words) == "held-out" for words in drawn)
    assert 0.6 * 3000 / HELD_OUT < held < 1.5 * 3000 / HELD_OUT


@pytest.mark.parametrize(("split", "index"), [("test", 0), ("train", -1)])
def test_a_text_that_is_not_there_is_an_error(split: str, index: int) -> None:
    with pytest.raises(ValueError, match="no text for split"):
        text(split, index)


def test_every_genre_is_drawn() -> None:
    for genre, weight in grammar.GENRES:
        assert weight > 0
        drawn = {genre(Random(i)) for i in range(20)}
        assert len(drawn) > 10, genre.__name__
        assert all(words == " ".join(words.split()) for words in drawn), "a space between any two words"


def test_the_vocabulary_knows_every_thing_kind_place_colour_and_size() -> None:
    words = set(vocabulary())
    assert 400 <= len(words) <= 900
    assert set(WORDS) | set(KINDS) | set(COLOURS) | set(BULKS) | {"large", "small"} <= words
    assert {word for row in PLACES for place in row for word in place.split()} <= words
    assert {word for noun in NOUNS for word in f"{noun.home} {noun.does} {noun.part} {noun.fact}".split()} <= words


def test_no_later_text_has_a_word_that_the_vocabulary_lacks() -> None:
    words = {*vocabulary(), "<user>", "<assistant>", "<eos>"}
    for split, start in (("train", 60_000), ("held-out", 0)):
        for i in range(start, start + 800):
            assert set(text(split, i).split()) <= words


def test_each_class_has_one_word_of_its_own() -> None:
    assert len(WORDS) == len(set(WORDS)) == len(NAMES)
    assert all(len(word.split()) == 1 for word in WORDS)
    assert not set(WORDS) & (set(KINDS) | set(COLOURS))
    assert class_of("kitten") == NAMES.index("cat face") and class_of("cat") == NAMES.index("cat")
    assert class_of("furniture") is None


def test_every_class_is_met_in_several_genres() -> None:
    met: Counter[tuple[str, str]] = Counter()
    for genre, _ in grammar.GENRES:
        for i in range(250):
            met.update({(word, genre.__name__) for word in genre(Random(i)).split() if word in WORDS})
    genres = Counter(word for word, _ in met)
    assert min(genres[word] for word in WORDS) >= 8


def test_a_riddle_means_one_thing() -> None:
    """Whatever is asked, the hints that are given fit no other noun."""
    everything = [
        (lambda noun: f"it is {noun.colour}"),
        (lambda noun: f"you find it {noun.home}"),
        (lambda noun: f"it {noun.does}"),
        (lambda noun: f"it has {noun.part}"),
        (lambda noun: f"it {noun.fact}"),
    ]
    for i in range(300):
        asked, answer = riddle(Random(i)).split(" what is it ? ")
        hints = [hint.strip() for part in asked.removeprefix("<user> ").split(" , ") for hint in part.split(" and ")]
        hints = [hint.removesuffix(" .") for hint in hints]
        meant = next(word for word in answer.split() if word in WORDS)
        plain = [hint for hint in hints if any(hint == each(NOUNS[class_of(meant) or 0]) for each in everything)]
        fit = [n.word for n in NOUNS if all(any(hint == each(n) for each in everything) for hint in plain)]
        assert meant in fit
        if len(plain) == len(hints):
            assert fit == [meant], (asked, answer)


def test_the_odd_one_is_odd() -> None:
    for i in range(100):
        asked, answer = odd_one_out(Random(i)).split("<assistant>")
        kind = asked.split(" no ")[1].split()[0]
        shown = [word for word in asked.split() if word in WORDS]
        stranger = next(word for word in answer.split() if word in WORDS)
        assert [word for word in shown if kind not in NOUNS[WORDS.index(word)].kinds] == [stranger]
