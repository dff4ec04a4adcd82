"""Images for training: endless, in numbered blocks that are the same whenever and by whomever they are asked for.

So a step's data depend on its number alone: a killed run resumes without saved buffers, and several processes share
out the blocks without speaking to each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import torch
from PIL import Image
from torch import Tensor

from prisma_engine.hub import is_repo_id
from prisma_engine.images import ImageRefused, ImageSource, open_image
from prisma_engine.preprocess import INTERPOLATIONS, Preprocess
from prisma_engine.sae.training.collection import collection
from prisma_engine.sources import SCENES, SourceRefused, from_hub
from prisma_engine.toy.emoji_scenes import sample_scenes, to_input
from prisma_engine.training.seeds import generator

MIXTURE = (0.05, 0.4, 0.32, 0.23)
"""Shares of emoji scenes with 0, 1, 2 and 3 objects."""
LEAST_AREA = 0.35
"""A random cut keeps at least this share of an image."""


class Supply(Protocol):
    def block(self, number: int) -> Tensor:
        """Model inputs [image channel height width] of a block; fewer than its size where images cannot be opened."""
        ...


@dataclass(frozen=True)
class Scenes:
    """Emoji scenes of the training split, never the same twice."""

    preprocess: Preprocess
    size: int

    def block(self, number: int) -> Tensor:
        return to_input(sample_scenes("train", number, self.size, MIXTURE).images, self.preprocess)


@dataclass(frozen=True)
class Rows:
    """A finite collection, in another order every time that it has been gone through."""

    pictures: Sequence[Any]
    preprocess: Preprocess
    size: int
    seed: int
    augment: bool

    def block(self, number: int) -> Tensor:
        chosen = [self._at(number * self.size + i) for i in range(self.size)]
        cuts = generator(self.seed, "cuts", number) if self.augment else None
        return prepared((self.pictures[i] for i in chosen), self.preprocess, cuts)

    def _at(self, position: int) -> int:
        epoch, place = divmod(position, len(self.pictures))
        return _order(self.seed, epoch, len(self.pictures))[place]


class Streamed:
    """A data set that is read in its own order, from the start again when it ends; no block is ever behind."""

    def __init__(self, id: str, preprocess: Preprocess, size: int, seed: int, augment: bool) -> None:
        self.id, self.preprocess, self.size, self.seed, self.augment = id, preprocess, size, seed, augment
        self._pictures: Iterator[ImageSource] = self._endless()
        self._next = 0

    def _endless(self) -> Iterator[ImageSource]:
        while True:
            yield from (picture for _, picture in from_hub(self.id, split="train"))

    def block(self, number: int) -> Tensor:
        if number < self._next:
            self._pictures, self._next = self._endless(), 0
        skipped = (number - self._next) * self.size
        self._next = number + 1
        taken = islice(self._pictures, skipped, skipped + self.size)
        return prepared(taken, self.preprocess, generator(self.seed, "cuts", number) if self.augment else None)


_orders: dict[tuple[int, int, int], list[int]] = {}


def _order(seed: int, epoch: int, n: int) -> list[int]:
    """A random order of n things; the last few are kept."""
    key = seed, epoch, n
    if key not in _orders:
        while len(_orders) > 4:
            _orders.pop(next(iter(_orders)))
        _orders[key] = torch.randperm(n, generator=generator(seed, "epoch", epoch)).tolist()
    return _orders[key]


def prepared(pictures: Any, preprocess: Preprocess, cuts: torch.Generator | None) -> Tensor:
    """Model inputs of pictures, those left out that cannot be opened; with `cuts`, of random parts of them."""
    inputs = []
    for picture in pictures:
        try:
            image = open_image(picture)
        except ImageRefused:
            continue
        if cuts is None:
            inputs.append(preprocess(image)[0])
        else:
            inputs.append(preprocess.normalize(random_cut(image, preprocess, cuts)))
    return torch.stack(inputs) if inputs else torch.empty(0)


def random_cut(image: Image.Image, preprocess: Preprocess, cuts: torch.Generator) -> Image.Image:
    """A random part of the model's aspect and at least `LEAST_AREA` of what fits, mirrored half of the time."""
    area, across, down, mirror = torch.rand(4, generator=cuts).tolist()
    aspect = preprocess.width / preprocess.height
    side = (LEAST_AREA + (1 - LEAST_AREA) * area) ** 0.5
    width = side * min(image.width, image.height * aspect)
    height = width / aspect
    left, top = across * (image.width - width), down * (image.height - height)
    box = (left, top, left + width, top + height)
    cut = image.resize((preprocess.width, preprocess.height), INTERPOLATIONS[preprocess.interpolation], box=box)
    return cut.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirror < 0.5 else cut


def supply(source: str, preprocess: Preprocess, size: int, seed: int, augment: bool, hold_out: int = 0) -> Supply:
    """The training images of a source.

    Args:
        source: "emoji-scenes"; a folder of pictures or of .parquet files, or one such file; or the Hub id of a data
            set, "owner/name", which is streamed in its own order.
        size: images in a block.
        hold_out: of a finite collection, leave out every n-th picture, to measure on; 0 for none.

    Raises:
        SourceRefused: if there is no such source, or no picture in it.
    """
    if source == SCENES:
        return Scenes(preprocess, size)
    if not Path(source).exists():
        if not is_repo_id(source):
            what = f"neither {SCENES!r}, nor a folder or .parquet file here, nor a Hub id such as 'owner/name'"
            raise SourceRefused(f"{source!r} is {what}")
        return Streamed(source, preprocess, size, seed, augment)
    found = collection(Path(source))
    kept = [i for i in range(len(found)) if not hold_out or i % hold_out]
    return Rows(found.only(kept), preprocess, size, seed, augment)
