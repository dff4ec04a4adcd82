"""Questions about a picture with one right answer each, for which nothing but the picture has to be known.

Each kind of question is a function that gives a question and its answer, or None where the picture leaves the answer
open: two things of nearly the same size have no larger one. Yes and no are equally likely. With `told`, the answer
must follow from the description alone, which says of the order only left and right and of the size two words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from prisma_engine.toy.layers import FRAME
from prisma_engine.toy.llava.nouns import KINDS, NOUNS, with_article
from prisma_engine.toy.llava.things import LARGE, Thing

Answered = tuple[str, str]
"""A question and its answer."""
APART = 8.0
"""Pixels between two centres from which on one is said to be left of the other."""
RATIO = 1.5
"""Of two areas, from which on one is said to be larger."""
EDGE = 3.0
"""Pixels by which a centre must lie inside its ninth of the picture for anyone to ask where it is."""
NUMBERS = ("none", "one", "two", "three")


def presence(random: Random, things: Sequence[Thing], told: bool) -> Answered | None:
    shown = {thing.kind for thing in things}
    if random.random() < 0.5:
        return f"is there {NOUNS[random.choice(sorted(shown))].a} ?", "yes ."
    absent = [kind for kind in range(len(NOUNS)) if kind not in shown]
    # Half of the absent things are like one that is there, since nobody confuses a shark with a guitar.
    like = [kind for kind in absent if any(NOUNS[kind].kinds == thing.noun.kinds for thing in things)]
    return f"is there {NOUNS[random.choice(like if like and random.random() < 0.5 else absent)].a} ?", "no ."


def kind_present(random: Random, things: Sequence[Thing], told: bool) -> Answered | None:
    shown = {kind for thing in things for kind in thing.noun.kinds}
    wanted = random.random() < 0.5
    kind = random.choice(sorted(shown) if wanted else [kind for kind in KINDS if kind not in shown])
    return f"is there {with_article(kind)} ?", "yes ." if wanted else "no ."


def count(random: Random, things: Sequence[Thing], told: bool) -> Answered | None:
    return "how many things are there ?", f"{NUMBERS[len(things)]} ."


def outermost(random: Random, things: Sequence[Thing], told: bool) -> Answered | None:
    side = random.choice(("left", "right"))
    thing = _outermost(things, side)
    return None if thing is None else (f"what is furthest {side} ?", f"the {thing.noun.word} .")


def outermost_colour(random: Random, things: Sequence[Thing], told: bool) -> Answered | None:
    if len(things) == 1:
        return "what colour is the thing ?", f"{things[0].noun.colour} ."
    side = random.choice(("left", "right"))
    thing = _outermost(things, side)
    return None if thing is None else (f"what colour is the thing furthest {side} ?", f"{thing.noun.colour} .")


def where(random: Random, things: Sequence[Thing], told: bool) -> Answered | None:
    thing = random.choice(things)
    third = FRAME / 3
    near = min(abs(v - edge) for v in (thing.x, thing.y) for edge in (third, 2 * third))
    if near < EDGE and not told:
        return None
    return f"where is the {thing.noun.word} ?", f"{thing.place} ."


def size(random: Random, things: Sequence[Thing], told: bool) -> Answered | None:
    clear = [t for t in things if told or max(t.area / LARGE, LARGE / t.area) >= RATIO**0.5]
    if not clear:
        return None
    thing = random.choice(clear)
    return f"is the {thing.noun.word} large or small ?", f"{thing.size} ."


def colour(random: Random, things: Sequence[Thing], told: bool) -> Answered | None:
    noun = random.choice(things).noun
    return f"what colour is the {noun.word} ?", f"{noun.colour} ."


def larger(random: Random, things: Sequence[Thing], told: bool) -> Answered | None:
    if len(things) < 2:
        return None
    a, b = random.sample(things, 2)
    more, less = (a, b) if a.area > b.area else (b, a)
    if (told and more.size == less.size) or (not told and more.area < RATIO * less.area):
        return None
    return f"which is larger , the {a.noun.word} or the {b.noun.word} ?", f"the {more.noun.word} ."


def beside(random: Random, things: Sequence[Thing], told: bool) -> Answered | None:
    if len(things) != 2:
        return None
    a, b = random.sample(things, 2)
    return f"what is next to the {a.noun.word} ?", f"the {b.noun.word} ."


def left_or_right(random: Random, things: Sequence[Thing], told: bool) -> Answered | None:
    if len(things) < 2:
        return None
    a, b = random.sample(things, 2)
    if abs(a.x - b.x) < APART and not told:
        return None
    return f"is the {a.noun.word} left or right of the {b.noun.word} ?", "left ." if a.x < b.x else "right ."


def which_of_kind(random: Random, things: Sequence[Thing], told: bool) -> Answered | None:
    kind = random.choice(sorted({kind for thing in things for kind in thing.noun.kinds}))
    of_kind = [thing for thing in things if kind in thing.noun.kinds]
    return None if len(of_kind) > 1 else (f"which {kind} is there ?", f"{of_kind[0].noun.a} .")


QUESTIONS: dict[str, Callable[[Random, Sequence[Thing], bool], Answered | None]] = {
    "presence": presence,
    "kind": kind_present,
    "count": count,
    "outermost": outermost,
    "outermost colour": outermost_colour,
    "where": where,
    "size": size,
    "colour": colour,
    "larger": larger,
    "beside": beside,
    "left or right": left_or_right,
    "which of a kind": which_of_kind,
}
DESCRIBE = (
    "describe the picture .",
    "what is in the picture ?",
    "what do you see ?",
    "what does the picture show ?",
)
"""Ways to ask for the description; the first is the one that scores are of."""


def ask(random: Random, things: Sequence[Thing], n: int, told: bool = False) -> list[tuple[str, Answered]]:
    """At most `n` questions of different kinds about at least one thing, each with the name of its kind."""
    asked = []
    for name in random.sample(list(QUESTIONS), len(QUESTIONS)):
        if len(asked) < n and (answered := QUESTIONS[name](random, things, told)) is not None:
            asked.append((name, answered))
    return asked


def _outermost(things: Sequence[Thing], side: str) -> Thing | None:
    """The thing furthest to a side; None if it is not clear which."""
    if len(things) == 1:
        return things[0]
    ordered = sorted(things, key=lambda thing: thing.x, reverse=side == "right")
    return ordered[0] if abs(ordered[0].x - ordered[1].x) >= APART else None
