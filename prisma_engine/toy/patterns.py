"""Rows of small shapes in a pattern, such as circle, x, circle, x: the pattern ABAB, standing or lying.

A set of such pictures is a grid of every direction, pattern, shape of A and place; a picture is drawn from its number.
What B is follows from A and the place (the other three shapes in turn), so all classes have equally many pictures, and
at every place every shape is A once in each class: neither a place nor a single shape tells anything of the class.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from jaxtyping import Bool, Int, UInt8

from prisma_engine.toy.zoo.task import Examples, Task

SHAPES = ("circle", "line", "x", "diagonal")
TILE, SLOT = 9, 16
"""Side of a shape, and of the part of the row that each shape has to itself, in pixels."""
DIRECTIONS = ("vertical", "horizontal")


@dataclass(frozen=True)
class Board:
    """One set of pictures, white on black.

    Attributes:
        patterns: in the order of their classes: all of them standing first, then all of them lying.
        shifts: where in its slot a shape may start, along the row; each shape of a row on its own.
    """

    patterns: tuple[str, ...]
    shifts: tuple[int, ...]

    @property
    def length(self) -> int:
        """Shapes in a row."""
        return len(self.patterns[0])

    @property
    def size(self) -> int:
        """Side of a picture in pixels."""
        return SLOT * self.length

    @property
    def places(self) -> tuple[int, ...]:
        """Across the row, all shapes together; then along it, shape by shape."""
        return (self.size - TILE + 1, *(len(self.shifts),) * self.length)

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """Directions, patterns, shapes of A, places; the last one varies fastest."""
        return len(DIRECTIONS), len(self.patterns), len(SHAPES), math.prod(self.places)

    @property
    def n_pictures(self) -> int:
        return math.prod(self.counts)

    def __post_init__(self) -> None:
        if max(self.shifts) + TILE >= SLOT:
            raise ValueError(f"a shape of {TILE} shifted by {max(self.shifts)} touches the next slot of {SLOT}")

    def kinds(self, index: Int[np.ndarray, " picture"]) -> Int[np.ndarray, "picture shape"]:
        """Which shape stands where in the rows of the pictures of these numbers."""
        _, pattern, a, place = np.unravel_index(index, self.counts)
        b = (a + 1 + place % (len(SHAPES) - 1)) % len(SHAPES)
        is_b = np.array([[letter == "B" for letter in letters] for letters in self.patterns])[pattern]
        return np.where(is_b, b[:, None], a[:, None])

    def labels(self, index: Int[np.ndarray, " picture"]) -> Int[np.ndarray, " picture"]:
        """The classes of the pictures of these numbers."""
        direction, pattern, _, _ = np.unravel_index(index, self.counts)
        return direction * len(self.patterns) + pattern

    def draw(self, index: Int[np.ndarray, " picture"]) -> UInt8[np.ndarray, "picture size size"]:
        """The pictures of these numbers, 255 on the shapes and 0 elsewhere.

        Raises:
            ValueError: for a number outside the set.
        """
        direction, _, _, place = np.unravel_index(index, self.counts)
        across, *shifts = np.unravel_index(place, self.places)
        pictures = np.zeros((len(direction), self.size, self.size), np.uint8)
        picture, inner = np.arange(len(direction))[:, None, None], np.arange(TILE)
        for slot, (kind, shift) in enumerate(zip(self.kinds(index).T, shifts, strict=True)):
            along = SLOT * slot + np.asarray(self.shifts)[shift]
            top, left = np.where(direction == 0, (along, across), (across, along))
            rows, columns = top[:, None, None] + inner[:, None], left[:, None, None] + inner
            pictures[picture, rows, columns] = tiles()[kind] * np.uint8(255)
        return pictures

    def splits(self, seed: int = 0) -> dict[str, Int[np.ndarray, " picture"]]:
        """Nine tenths of every class to train on, one tenth held out, by their sorted numbers."""
        n = self.counts[2] * self.counts[3]
        rng = np.random.default_rng(seed)
        classes = [first + rng.permutation(n) for first in range(0, self.n_pictures, n)]
        held_out = np.sort(np.concatenate([numbers[: n // 10] for numbers in classes]))
        train = np.sort(np.concatenate([numbers[n // 10 :] for numbers in classes]))
        return {"train": train, "held_out": held_out}


@dataclass(frozen=True)
class Drawn:
    """Some of a board's pictures, drawn when they are asked for."""

    board: Board
    places: Int[np.ndarray, " picture"]

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, numbers: Int[np.ndarray, " picture"]) -> Examples:
        places = self.places[np.asarray(numbers)]
        return torch.from_numpy(self.board.draw(places))[:, None], torch.from_numpy(self.board.labels(places))


@cache
def tiles() -> Bool[np.ndarray, "shape 9 9"]:
    """The four shapes in lines of one pixel; the line stands, the diagonal rises to the right."""
    at = np.arange(TILE) - TILE // 2
    y, x = np.meshgrid(at, at, indexing="ij")
    return np.stack([abs(np.hypot(x, y) - TILE // 2) < 0.5, x == 0, abs(x) == abs(y), x == -y])


def task_of(board: Board, names: tuple[str, ...], emoji: tuple[str, ...], source: str | None) -> Task:
    """A board's pictures as a task.

    Raises:
        ValueError: if a source is given; the pictures are drawn here.
    """
    if source is not None:
        raise ValueError(f"these pictures are drawn here and have no source, got {source!r}")
    parts = {name: Drawn(board, places) for name, places in board.splits().items()}
    return Task(
        names=names,
        emoji=emoji,
        image_size=(board.size, board.size),
        mean=(0.0,),
        std=(0.25,),
        train=parts.pop("train"),
        held_out=parts,
        licence="drawn by this project",
    )
