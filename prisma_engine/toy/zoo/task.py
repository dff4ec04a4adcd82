"""What a model of the zoo learns: pictures with one class each, some to train on and some held out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Int, UInt8
from torch import Tensor

from prisma_engine.preprocess import Preprocess

Examples = tuple[UInt8[Tensor, "picture channel height width"], Int[Tensor, " picture"]]
"""Pictures as bytes (0 … 255) and the class of each."""


class Pictures(Protocol):
    """Pictures that can be asked for by number, many at a time."""

    def __len__(self) -> int: ...

    def __getitem__(self, numbers: Int[np.ndarray, " picture"]) -> Examples: ...


@runtime_checkable
class Rows(Protocol):
    """Pictures that come in a row, too many to hold; the same ones for the same number of a block."""

    def block(self, number: int, size: int) -> Examples: ...


@dataclass(frozen=True)
class Task:
    """One data set as the zoo's trainer sees it.

    Attributes:
        names, emoji: of the classes.
        image_size: height and width in pixels.
        mean, std: of each channel, in 0 … 1; one channel is grey.
        train: to learn from.
        held_out: never learned from, by the name under which its accuracy is told; the first one is watched.
        licence: of the pictures, in words, for the card.
    """

    names: tuple[str, ...]
    emoji: tuple[str, ...]
    image_size: tuple[int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    train: Pictures | Rows
    held_out: Mapping[str, Pictures]
    licence: str

    def preprocess(self) -> Preprocess:
        height, width = self.image_size
        return Preprocess(height=height, width=width, mean=self.mean, std=self.std)


TASKS = {
    "dsprites": "prisma_engine.toy.dsprites_task",
    "cifar10": "prisma_engine.toy.cifar10",
    "imagenet": "prisma_engine.toy.imagenet",
    "circles": "prisma_engine.toy.circles",
    "induction": "prisma_engine.toy.induction",
    "polygenic": "prisma_engine.toy.polygenic",
}
"""Name of a data set → the module whose `task(source)` gives it; a module is imported when it is asked for."""


def load_task(name: str, source: str | None = None) -> Task:
    """The data set of that name.

    Args:
        source: where its files are, or its Hub id, for those that are not drawn here; None is the usual place.

    Raises:
        ValueError: one sentence, if there is no such data set or its files cannot be had.
    """
    if name not in TASKS:
        raise ValueError(f"there is no data set {name!r}; there are {', '.join(TASKS)}")
    make: Callable[[str | None], Task] = import_module(TASKS[name]).task
    return make(source)
