"""What a scene shows, in words: which things, how large, where; and the description that follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from prisma_engine.toy.layers import FRAME
from prisma_engine.toy.llava.nouns import NOUNS, Noun

LARGE = 800
"""Pixels of a 96×96 picture from which on a thing is called large: half of the things of the scenes are."""
SEEN = 64
"""A thing of which fewer pixels show (one patch) is not spoken of."""
PLACES = (
    ("at the top left", "at the top", "at the top right"),
    ("on the left", "in the middle", "on the right"),
    ("at the bottom left", "at the bottom", "at the bottom right"),
)
"""The ninths of a picture, row by row."""


@dataclass(frozen=True)
class Thing:
    """One thing of a picture.

    Attributes:
        kind: its emoji class.
        x, y: the centre of what shows of it, in pixels from the top left of a 96×96 picture.
        area: pixels that show.
    """

    kind: int
    x: float
    y: float
    area: float

    @property
    def noun(self) -> Noun:
        return NOUNS[self.kind]

    @property
    def size(self) -> str:
        return "large" if self.area >= LARGE else "small"

    @property
    def place(self) -> str:
        third = FRAME / 3
        row, column = (min(2, max(0, int(v / third))) for v in (self.y, self.x))
        return PLACES[row][column]

    @property
    def phrase(self) -> str:
        return f"a {self.size} {self.noun.word} {self.place}"


def things_of(objects: Int[Tensor, " object"], masks: Bool[Tensor, "object height width"]) -> tuple[Thing, ...]:
    """The things that show in a 96×96 scene, from left to right.

    Args:
        objects: emoji classes; -1 where there is none.
        masks: the pixels at which each is seen.
    """
    axis = torch.arange(FRAME) + 0.5
    found = []
    for kind, mask in zip(objects.tolist(), masks, strict=True):
        area = int(mask.sum())
        if kind >= 0 and area >= SEEN:
            x, y = (float((mask.sum(across) * axis).sum()) / area for across in (0, 1))
            found.append(Thing(kind, x, y, area))
    return left_to_right(found)


def imagined(random: Random, most: int = 3) -> tuple[Thing, ...]:
    """One to `most` things of different kinds in a picture that nobody has drawn, from left to right."""
    kinds = random.sample(range(len(NOUNS)), random.randint(1, most))
    return left_to_right(
        Thing(kind, random.uniform(8, 88), random.uniform(8, 88), random.uniform(300, 1900)) for kind in kinds
    )


def left_to_right(things: Iterable[Thing]) -> tuple[Thing, ...]:
    return tuple(sorted(things, key=lambda thing: thing.x))


def joined(phrases: Sequence[str]) -> str:
    """Phrases as a list in words: "a , b and c"."""
    return phrases[0] if len(phrases) == 1 else f"{' , '.join(phrases[:-1])} and {phrases[-1]}"


def description(things: Sequence[Thing]) -> str:
    """What the picture shows, from left to right: which things, how large, where."""
    return f"there is {joined([thing.phrase for thing in things])} ." if things else "there is nothing ."
