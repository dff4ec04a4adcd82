"""Induction (monogenic): two shapes, one above the other or side by side. Are they the same?

18,816 pictures of 32×32, 4,704 in each of four classes; the whole combination of shapes and places is what is held
out, so no held-out picture is trained on. See `prisma_engine.toy.patterns`.
"""

from __future__ import annotations

from prisma_engine.toy.patterns import Board, task_of
from prisma_engine.toy.zoo.task import Task

BOARD = Board(patterns=("AA", "AB"), shifts=tuple(range(7)))
NAMES = ("vertical same", "vertical different", "horizontal same", "horizontal different")
EMOJI = ("🚦", "🪜", "👓", "⚖️")


def task(source: str | None = None) -> Task:
    """Same or different, standing or lying.

    Raises:
        ValueError: if a source is given; the pictures are drawn here.
    """
    return task_of(BOARD, NAMES, EMOJI, source)
