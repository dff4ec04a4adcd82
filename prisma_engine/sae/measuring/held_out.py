"""Images to measure an SAE on, which it was not trained on: model inputs, with labels and masks where there are any."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from PIL import Image
from torch import Tensor

from prisma_engine.analysis.segmentation import BACKGROUND, label_map, pixels_per_patch
from prisma_engine.images import open_image
from prisma_engine.preprocess import Preprocess
from prisma_engine.running import HookedModule
from prisma_engine.sae.training.collection import Collection, collection
from prisma_engine.sae.training.supply import prepared
from prisma_engine.sources import SCENES, SourceRefused, pictures
from prisma_engine.toy.emoji_classes import NAMES
from prisma_engine.toy.emoji_scenes import sample_scenes, to_input

SINGLES, PAIRS = (0.0, 1.0), (0.0, 0.0, 1.0)
FIRST = 2**30
"""Number of the first batch of scenes. torch's generator reads the lowest 32 bits of a seed alone, so that a batch of
one split shares its random numbers with the batch of that number of every other; training does not count this far."""
COVERED = 0.5
"""A patch is of a class that covers more than this share of its pixels."""


@dataclass(frozen=True)
class Batch:
    """Some images.

    Attributes:
        inputs: of the model.
        labels: class of each image, in the model's own classes, -1 where it is not known; None where none is.
        patches: class of each patch, -1 for background; None without masks.
    """

    inputs: Tensor
    labels: Int[Tensor, " image"] | None
    patches: Int[Tensor, "image patch"] | None


@dataclass(frozen=True)
class HeldOut:
    """A set of images, in batches.

    Attributes:
        title: for a card, such as "1,000 scenes of one emoji and 1,000 of two".
        classes: names of the classes in masks; empty without masks.
    """

    title: str
    classes: tuple[str, ...]
    batches: Iterator[Batch]


def held_out(model: HookedModule, source: str, n: int, hold_out: int = 0, size: int = 32) -> HeldOut:
    """At most `n` images of a source to measure on.

    Emoji scenes come half with one object and a label, half with two objects and masks. Pictures in .parquet files
    have labels if their `label` column has as many classes as the model, and masks if there is a `mask` column.

    Args:
        source: as `prisma_engine.sae.training.supply.supply` takes it.
        hold_out: of a finite collection only every n-th picture, those that training with the same number left out.
        size: images in a batch.

    Raises:
        SourceRefused: if there is no such source, or no picture in it.
    """
    if source == SCENES:
        return HeldOut(f"{n // 2:,} scenes of one emoji and {n - n // 2:,} of two", NAMES, _scenes(model, n, size))
    path = Path(source)
    if not path.exists():
        return HeldOut(f"{n:,} images of {source}", (), _streamed(model, pictures(source, n), size))
    found = collection(path)
    chosen = list(range(0, len(found), hold_out or 1))[:n]
    title = f"{len(chosen):,} {'held-out ' if hold_out else ''}images of {path.stem}"
    return HeldOut(title, found.mask_names, _collected(model, found, chosen, size))


def _scenes(model: HookedModule, n: int, size: int) -> Iterator[Batch]:
    for split, mixture, count in (("single", SINGLES, n // 2), ("pairs", PAIRS, n - n // 2)):
        for index, start in enumerate(range(0, count, size)):
            scenes = sample_scenes(split, FIRST + index, min(size, count - start), mixture, masks=split == "pairs")
            inputs = to_input(scenes.images, model.preprocess)
            if scenes.masks is None:
                yield Batch(inputs, scenes.objects[:, 0], None)
            else:
                yield Batch(
                    inputs, None, patch_classes(label_map(scenes.masks, scenes.objects), model.grid, len(NAMES))
                )


def patch_classes(
    truth: Int[Tensor, "image height width"], grid: tuple[int, int], n_classes: int
) -> Int[Tensor, "image patch"]:
    """The class that covers more than half of each patch, or -1."""
    pixels = pixels_per_patch(truth, grid, n_classes)
    most, label = pixels[..., :-1].max(-1)
    return label.where(most > COVERED * pixels.sum(-1), BACKGROUND)


def _streamed(model: HookedModule, found: Iterator[Any], size: int) -> Iterator[Batch]:
    while part := [picture for _, picture in islice(found, size)]:
        inputs = prepared(part, model.preprocess, None)
        if len(inputs):
            yield Batch(inputs, None, None)


def _collected(model: HookedModule, found: Collection, chosen: list[int], size: int) -> Iterator[Batch]:
    for part in (chosen[at : at + size] for at in range(0, len(chosen), size)):
        images = [open_image(found[i]) for i in part]
        labels = [found.label(i, model.config.n_classes) for i in part]
        masks = [found.mask(i) for i in part]
        seen = [as_seen(model.preprocess, image, mask) for image, mask in zip(images, masks, strict=True) if mask]
        every = len(seen) == len(part)
        patches = patch_classes(torch.stack(seen), model.grid, len(found.mask_names)) if every else None
        inputs = torch.stack([model.preprocess(image)[0] for image in images])
        known = torch.tensor([-1 if label is None else label for label in labels])
        yield Batch(inputs, known if bool((known >= 0).any()) else None, patches)


def as_seen(preprocess: Preprocess, picture: Image.Image, mask: Image.Image) -> Int[Tensor, "height width"]:
    """A mask of pixels 0 (background), 1, 2, … as label map −1, 0, 1, … of what the model sees of the picture."""
    size = preprocess.width, preprocess.height
    if mask.size != picture.size:
        raise SourceRefused(f"a mask of {mask.size} pixels does not belong to a picture of {picture.size}")
    seen = mask.resize(size, Image.Resampling.NEAREST, box=preprocess.crop_box(picture.size))
    return torch.from_numpy(np.array(seen, dtype=np.int64)) - 1
