"""The pictures of a training step, determined by its number alone, so that a killed run goes on as if nothing were."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Int

from prisma_engine.toy.zoo.task import Examples, Pictures, Rows
from prisma_engine.training.seeds import generator


def examples(pictures: Pictures | Rows, seed: int, block: int, size: int) -> Examples:
    """The pictures of a numbered block: in another order every epoch, or as they come where they come in a row."""
    if isinstance(pictures, Rows):
        return pictures.block(block, size)
    return pictures[numbers(len(pictures), seed, block * size, size)]


def numbers(n: int, seed: int, first: int, size: int) -> Int[np.ndarray, " picture"]:
    """Which of n pictures are at the places `first` … of an endless row of epochs, each in an order of its own."""
    places = np.arange(first, first + size)
    epochs = np.unique(places // n)
    return np.concatenate([_order(n, seed, int(e))[places[places // n == e] % n] for e in epochs])


@lru_cache(maxsize=2)
def _order(n: int, seed: int, epoch: int) -> Int[np.ndarray, " picture"]:
    return torch.randperm(n, generator=generator(seed, "epoch", epoch)).numpy()
