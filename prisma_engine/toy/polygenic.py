"""Polygenic induction: four shapes in a row, standing or lying, of one or two kinds. Which pattern do they make?

688,128 pictures of 64×64 in twelve classes; see `prisma_engine.toy.patterns`. Rows are read downwards or to the right,
and A is what comes first, so that AAAB and ABBB differ. The classes are the six patterns standing (0 … 5), then
lying (6 … 11). That is the order of the code of ViT-Prisma; its documentation tells it the other way round.
"""

from __future__ import annotations

from prisma_engine.toy.patterns import DIRECTIONS, Board, task_of
from prisma_engine.toy.zoo.task import Task

BOARD = Board(patterns=("AAAA", "ABAB", "ABBA", "AABB", "ABBB", "AAAB"), shifts=(0, 2, 4, 6))
NAMES = tuple(f"{direction} {pattern}" for direction in DIRECTIONS for pattern in BOARD.patterns)
EMOJI = ("🔴", "🟠", "🟡", "🟢", "🔵", "🟣", "🟥", "🟧", "🟨", "🟩", "🟦", "🟪")
"""A colour for each pattern: discs standing, squares lying."""


def task(source: str | None = None) -> Task:
    """Twelve patterns of shapes.

    Raises:
        ValueError: if a source is given; the pictures are drawn here.
    """
    return task_of(BOARD, NAMES, EMOJI, source)
