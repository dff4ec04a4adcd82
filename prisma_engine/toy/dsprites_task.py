"""dSprites as a task: which shape is it?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int, UInt8

from prisma_engine.toy.dsprites import SHAPES, SIZE, classes_of, draw, index_of, read_npz, splits
from prisma_engine.toy.zoo.task import Examples, Task

EMOJI = ("🟦", "🥚", "❤️")


@dataclass(frozen=True)
class Grid:
    """Pictures at some places of the grid, drawn when they are asked for, or taken from the public file's array."""

    places: Int[np.ndarray, " picture"]
    public: UInt8[np.ndarray, "picture 64 64"] | None = None

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, numbers: Int[np.ndarray, " picture"]) -> Examples:
        places = self.places[np.asarray(numbers)]
        binary = draw(places) if self.public is None else self.public[places]
        return torch.from_numpy(binary * np.uint8(255))[:, None], torch.from_numpy(classes_of(places)[:, 1])


def task(source: str | None = None) -> Task:
    """dSprites; `source` is the public .npz file, where its pictures are wanted instead of ours.

    Raises:
        ValueError: if that file is another one.
    """
    public = None
    if source is not None:
        pictures, classes = read_npz(Path(source))
        order = np.argsort(index_of(classes))
        public = pictures if (order == np.arange(len(order))).all() else pictures[order]
    parts = {name: Grid(places, public) for name, places in splits().items()}
    return Task(
        names=SHAPES,
        emoji=EMOJI,
        image_size=(SIZE, SIZE),
        mean=(0.0,),
        std=(0.25,),
        train=parts.pop("train"),
        held_out=parts,
        licence="drawn by this project",
    )
