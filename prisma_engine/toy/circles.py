"""Circles: modular addition as a picture. Two of the sixty points of a circle are marked; which is their sum?

The set is exact: one 32×32 grey picture for each ordered pair (a, b) of 0 … 59, 3,600 in all, with the label
(a + b) mod 60. The points lie on a circle of radius 15.5 about the middle, 0 at the top and on as the minutes of a
clock do, each on a pixel of its own. A point's brightness says who marks it: `POINT` for nobody, one step more for a,
two for b, three where a and b are the same; so a picture tells its pair, and a from b.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Int, UInt8

from prisma_engine.toy.zoo.task import Examples, Task

SIZE = 32
RADIUS = 15.5
POINTS = 60
N_PICTURES = POINTS**2
POINT, A, B = 63, 64, 128
"""Brightness of a point, and what a mark adds to it."""

EMOJI = (
    *"⛵🚒💄🐶💊🥞🫓🤸📏🐠🦆🕙🪿🐵🌳🍚🚁🌼🍴🐸🟩🟢🍈🫗🥒⭐🥬🧩📠🦜",
    *"💻🧷🔍🥿🦨🩺📫🐧🦟⚽🍇🧂🌸📰👗🎡🐰🧼🫏🎧📖🍆⬜🏑🛻🦛🦉🍣🧱🎁",
)
"""Chosen for their colours: once around the circle is once through the hues, so neighbouring sums look alike."""


def pair_of(index: Int[np.ndarray, " picture"]) -> tuple[Int[np.ndarray, " picture"], Int[np.ndarray, " picture"]]:
    """The marked points a and b of the pictures of these numbers, a · 60 + b."""
    return np.asarray(index) // POINTS, np.asarray(index) % POINTS


def draw(index: Int[np.ndarray, " picture"]) -> UInt8[np.ndarray, "picture 32 32"]:
    """The pictures of these numbers, on black.

    Raises:
        IndexError: for a number outside the set.
    """
    index = np.asarray(index)
    if len(index) and not 0 <= index.min() <= index.max() < N_PICTURES:
        raise IndexError(f"circles has pictures 0 … {N_PICTURES - 1}, got {index.min()} … {index.max()}")
    rows, columns = pixels()
    pictures = np.zeros((len(index), SIZE, SIZE), np.uint8)
    pictures[:, rows, columns] = POINT
    picture = np.arange(len(index))
    for points, mark in zip(pair_of(index), (A, B), strict=True):
        pictures[picture, rows[points], columns[points]] += np.uint8(mark)
    return pictures


@cache
def pixels() -> tuple[Int[np.ndarray, " point"], Int[np.ndarray, " point"]]:
    """Row and column of every point."""
    angle = np.arange(POINTS) * 2 * np.pi / POINTS
    middle = SIZE / 2 + 1e-9  # the top lies between two pixels: to the right, however the sine is rounded
    rows, columns = np.floor(middle - RADIUS * np.cos(angle)), np.floor(middle + RADIUS * np.sin(angle))
    return rows.astype(int), columns.astype(int)


def splits(seed: int = 0) -> dict[str, Int[np.ndarray, " picture"]]:
    """Half of the pictures to train on, and the other half in two parts, by their sorted numbers.

    Of the held-out pairs, "swapped" are those whose points were trained on the other way round, which takes no
    arithmetic, only (a, b) = (b, a); "new" are the others.
    """
    shuffled = np.random.default_rng(seed).permutation(N_PICTURES)
    train, held_out = np.sort(shuffled[: N_PICTURES // 2]), np.sort(shuffled[N_PICTURES // 2 :])
    a, b = pair_of(held_out)
    swapped = np.isin(b * POINTS + a, train)
    return {"train": train, "new": held_out[~swapped], "swapped": held_out[swapped]}


@dataclass(frozen=True)
class Pairs:
    """Pictures of some pairs, drawn when they are asked for."""

    places: Int[np.ndarray, " picture"]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, numbers: Int[np.ndarray, " picture"]) -> Examples:
        places = self.places[np.asarray(numbers)]
        a, b = pair_of(places)
        return torch.from_numpy(draw(places))[:, None], torch.from_numpy((a + b) % POINTS)


def task(source: str | None = None) -> Task:
    """Modular addition on a circle.

    Raises:
        ValueError: if a source is given; the pictures are drawn here.
    """
    if source is not None:
        raise ValueError(f"circles is drawn here and has no source, got {source!r}")
    parts = {name: Pairs(places) for name, places in splits().items()}
    return Task(
        names=tuple(map(str, range(POINTS))),
        emoji=EMOJI,
        image_size=(SIZE, SIZE),
        mean=(0.0,),
        std=(0.25,),
        train=parts.pop("train"),
        held_out=parts,
        licence="drawn by this project",
    )
