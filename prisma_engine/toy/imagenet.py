"""ImageNet-1k (Russakovsky et al. 2015), streamed through `datasets`: 1.28 million photos in 1,000 classes.

Not part of this project: the photos come from a folder on this machine (`$PRISMA_IMAGENET`; .parquet files, or a
folder of pictures for each class below `train` and `validation`) or from the Hub, which asks for a login and for
consent to ImageNet's terms.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any
from warnings import catch_warnings

import numpy as np
import torch
from jaxtyping import Int
from PIL import Image
from torch import Tensor

from prisma_engine.images import ImageRefused, open_image
from prisma_engine.labels import imagenet1k
from prisma_engine.preprocess import Preprocess
from prisma_engine.toy.imagenet_classes import class_numbers
from prisma_engine.toy.streamed import Shuffled
from prisma_engine.toy.zoo.task import Examples, Task
from prisma_engine.training.seeds import generator

HUB = "ILSVRC/imagenet-1k"
SIZE = 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
SEED = 0
BUFFER = 10_000
"""Encoded photos that the shuffle holds, about 1.1 GB."""
HELD_OUT = 5_000
"""Photos of the validation split that are held as bytes once they are asked for, 0.75 GB."""
AREA, ASPECT = (0.25, 1.0), (3 / 4, 4 / 3)
"""What a training crop shows: share of the photo's area, width over height. The usual 0.08 is for larger models."""
LONGEST = 512
"""Longer side in pixels at which a photo is cropped, at most."""


@dataclass(frozen=True)
class Split:
    """The rows of a split and how to read one: the number of each class, and where its files may lie."""

    rows: Any
    picture: str
    label: str
    classes: tuple[int, ...]
    folder: Path | None
    n: int | None = None

    def read(self, row: Mapping[str, Any], longest: int | None) -> tuple[Image.Image, int] | None:
        """The photo of a row and its class; None if it cannot be opened.

        Raises:
            ValueError: if the label is none of the classes.
        """
        label = row[self.label]
        if label is None or not 0 <= label < len(self.classes):
            raise ValueError(f"a photo has the label {label}; expected 0 … {len(self.classes) - 1}")
        try:
            return open_image(self._content(row[self.picture]), longest), self.classes[label]
        except ImageRefused:
            return None

    def read_all(self, rows: Iterable[Mapping[str, Any]], longest: int | None) -> list[tuple[Image.Image, int]]:
        """Those of many that can be opened, in their order, decoded on all cores."""
        # open_image puts the filters of warnings back, which threads would do in any order.
        with catch_warnings(), ThreadPoolExecutor() as pool:
            return [photo for photo in pool.map(lambda row: self.read(row, longest), rows) if photo is not None]

    def _content(self, cell: Any) -> bytes | Path:
        if not isinstance(cell, dict):
            return b""
        if cell.get("bytes") or self.folder is None:
            return cell.get("bytes") or b""
        path = Path(str(cell.get("path"))).resolve()
        return path if path.is_relative_to(self.folder) else b""  # never another file that a data set names


class Crops:
    """Random crops of the training photos, block by block."""

    def __init__(self, split: Split, name: str, buffer: int = BUFFER) -> None:
        self.split, self.name = split, name
        self.stream = Shuffled(split.rows, SEED, buffer, split.n, name)

    def block(self, number: int, size: int) -> Examples:
        """The photos of a block; the others of the block stand in for those that cannot be opened.

        Raises:
            ValueError: one sentence, if the rows cannot be read, or no photo in the block can be opened.
        """
        first = number * size
        opened = self.split.read_all(self.stream.take(first, size), LONGEST)
        if not opened:
            raise ValueError(f"none of the photos {first:,} … {first + size - 1:,} of {self.name} can be opened")
        chosen = [opened[i % len(opened)] for i in range(size)]
        crops = [crop(photo, generator(SEED, "crop", first + i)) for i, (photo, _) in enumerate(chosen)]
        return _stacked(crops), torch.tensor([label for _, label in chosen])


class HeldOut:
    """The first photos of a shuffled split that can be opened, as the finished model sees them."""

    def __init__(self, split: Split, preprocess: Preprocess, most: int = HELD_OUT, buffer: int = BUFFER) -> None:
        self.split, self.preprocess, self.most, self.buffer = split, preprocess, most, buffer

    def __len__(self) -> int:
        return len(self._photos[1])

    def __getitem__(self, numbers: Int[np.ndarray, " picture"]) -> Examples:
        pixels, labels = self._photos
        chosen = torch.as_tensor(numbers)
        return pixels[chosen], labels[chosen]

    @cached_property
    def _photos(self) -> Examples:
        """Read once, by the process that asks."""
        rows = iter(self.split.rows.shuffle(seed=SEED, buffer_size=self.buffer))
        pixels, labels = [], []
        while len(labels) < self.most and (some := list(islice(rows, min(100, self.most - len(labels))))):
            for photo, label in self.split.read_all(some, None):
                pixels.append(self.preprocess.pixels(photo))
                labels.append(label)
        if not labels:
            raise ValueError("no held-out photo of ImageNet can be opened")
        return _stacked(pixels), torch.tensor(labels)


def crop(photo: Image.Image, random: torch.Generator) -> Image.Image:
    """A random part of a photo, scaled to the input's size (Szegedy et al. 2015, with `AREA` for the area).

    The part is not wider or higher than the photo, which is where its aspect may leave `ASPECT`.
    """
    area, aspect, x, y = torch.rand(4, generator=random).tolist()
    pixels = photo.width * photo.height * (AREA[0] + (AREA[1] - AREA[0]) * area)
    ratio = ASPECT[0] * (ASPECT[1] / ASPECT[0]) ** aspect
    width, height = min(photo.width, (pixels * ratio) ** 0.5), min(photo.height, (pixels / ratio) ** 0.5)
    left, top = x * (photo.width - width), y * (photo.height - height)
    box = (left, top, min(photo.width, left + width), min(photo.height, top + height))
    return photo.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box)


def _stacked(pictures: Sequence[Image.Image]) -> Tensor:
    return torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures])).permute(0, 3, 1, 2).contiguous()


def task(source: str | None = None, buffer: int = BUFFER) -> Task:
    """ImageNet-1k from a folder or a Hub id (its usual place where `source` is None).

    Args:
        buffer: photos that the shuffle holds in memory.

    Raises:
        ValueError: one sentence, if it cannot be had or is not ImageNet-1k.
    """
    source = source or os.environ.get("PRISMA_IMAGENET") or HUB
    name = Path(source).name if Path(source).is_dir() else source
    train, validation = (_split(source, name, split) for split in ("train", "validation"))
    preprocess = Preprocess(height=SIZE, width=SIZE, mean=MEAN, std=STD)
    return Task(
        names=imagenet1k().names,
        emoji=imagenet1k().emoji,
        image_size=(SIZE, SIZE),
        mean=MEAN,
        std=STD,
        train=Crops(train, name, buffer),
        held_out={"validation": HeldOut(validation, preprocess, buffer=buffer)},
        licence="ImageNet-1k (Russakovsky et al. 2015), for research, not redistributed",
    )


def _split(source: str, name: str, split: str) -> Split:
    from datasets import ClassLabel
    from datasets import Image as Picture

    rows = _rows(source, split)
    features = rows.features or {}
    picture = next((key for key, feature in features.items() if isinstance(feature, Picture)), None)
    label = next((key for key, feature in features.items() if isinstance(feature, ClassLabel)), None)
    if picture is None or label is None:
        columns = ", ".join(features) or "unknown"
        raise ValueError(
            f"{name} is not ImageNet-1k: it needs pictures and named classes, and its columns are {columns}"
        )
    return Split(
        rows=rows.cast_column(picture, Picture(decode=False)),  # so that only our own guard decodes
        picture=picture,
        label=label,
        classes=class_numbers(features[label].names, name),
        folder=Path(source).resolve() if Path(source).is_dir() else None,
        n=_declared(rows, split),
    )


def _rows(source: str, split: str) -> Any:
    from datasets import load_dataset

    try:
        return load_dataset(source, split=split, streaming=True)
    except Exception as error:  # `datasets` lets a dozen unrelated types through, of its own and of the network's
        said = " ".join(str(error).split())[:200]
        raise ValueError(
            f"ImageNet cannot be had from {source!r}; accept its terms on the Hub and log in, or set PRISMA_IMAGENET "
            f"to a folder with the splits train and validation: {said}"
        ) from error


def _declared(rows: Any, split: str) -> int | None:
    """How many rows a split says that it has."""
    splits = rows.info.splits
    return splits[split].num_examples or None if splits and split in splits else None
