"""CIFAR-10: 50,000 + 10,000 photos of 32×32 in ten classes (Krizhevsky 2009), read through `datasets`.

Not part of this project: the photos come from .parquet files on this machine (`$PRISMA_CIFAR10`, a folder with
train.parquet and test.parquet) or from the Hub.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from prisma_engine.images import open_image
from prisma_engine.toy.zoo.task import Examples, Task

HUB = "uoft-cs/cifar10"
NAMES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
EMOJI = ("✈️", "🚗", "🐦", "🐱", "🦌", "🐶", "🐸", "🐴", "🚢", "🚚")
SIZE = 32
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
"""Of the 50,000 training photos."""


@dataclass(frozen=True)
class Photos:
    """Photos in memory (a photo is 3 KB)."""

    pixels: UInt8[Tensor, "picture 3 32 32"]
    labels: Int[Tensor, " picture"]

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, numbers: Int[np.ndarray, " picture"]) -> Examples:
        chosen = torch.as_tensor(numbers)
        return self.pixels[chosen], self.labels[chosen]


def task(source: str | None = None) -> Task:
    """CIFAR-10 from a folder of .parquet files, or from the Hub (its usual place where `source` is None).

    Raises:
        ValueError: one sentence, if it cannot be had.
    """
    source = source or os.environ.get("PRISMA_CIFAR10") or HUB
    return Task(
        names=NAMES,
        emoji=EMOJI,
        image_size=(SIZE, SIZE),
        mean=MEAN,
        std=STD,
        train=photos(source, "train"),
        held_out={"test": photos(source, "test")},
        licence="CIFAR-10 (Krizhevsky 2009), not redistributed",
    )


def photos(source: str, split: str) -> Photos:
    """The "train" or "test" photos, in the order of their file.

    Raises:
        ValueError: one sentence, if they cannot be had or are not CIFAR-10's.
    """
    rows = _rows(source, split)
    picture = next((name for name in ("img", "image") if name in rows.column_names), None)
    label = next((name for name in ("label", "labels") if name in rows.column_names), None)
    if picture is None or label is None:
        raise ValueError(f"{source} is not CIFAR-10: its columns are {', '.join(rows.column_names)}, not img and label")
    encoded = rows.cast_column(picture, _undecoded())
    images = [open_image(cell["bytes"]) for cell in encoded[picture]]
    if other := next((image.size for image in images if image.size != (SIZE, SIZE)), None):
        raise ValueError(f"{source} is not CIFAR-10: its pictures are {other[0]}×{other[1]}")
    pixels = np.stack([np.asarray(image) for image in images])
    labels = torch.tensor(rows[label])
    if int(labels.max()) >= len(NAMES) or int(labels.min()) < 0:
        raise ValueError(f"{source} is not CIFAR-10: its labels go up to {int(labels.max())}")
    return Photos(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), labels)


def _undecoded() -> Any:
    from datasets import Image

    return Image(decode=False)


def _rows(source: str, split: str) -> Any:
    from datasets import load_dataset

    if Path(source).is_dir():
        file = Path(source) / f"{split}.parquet"
        if not file.exists():
            raise ValueError(f"there is no {file.name} in {Path(source).name}")
        return load_dataset("parquet", data_files=str(file), split="train")
    try:
        return load_dataset(source, split=split)
    except Exception as error:  # `datasets` lets a dozen unrelated types through, of its own and of the network's
        said = " ".join(str(error).split())[:200]
        raise ValueError(
            f"CIFAR-10 cannot be had from {source!r}; set PRISMA_CIFAR10 to a folder with train.parquet and "
            f"test.parquet: {said}"
        ) from error
