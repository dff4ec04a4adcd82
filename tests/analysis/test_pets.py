"""The lens of a real ViT on real photos with masks: cats and dogs where they are, by the same functions."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import prisma_engine as pe
from prisma_engine.analysis.segmentation import (
    BACKGROUND,
    Groups,
    best_constant,
    choose_threshold,
    label_patches,
    overlap,
    to_pixels,
)

PETS: Groups = {1: range(281, 286), 2: range(151, 269)}
N = 12
"""Photos of each kind: half choose the threshold, half are scored."""

pytestmark = pytest.mark.slow


def photos(assets: Path) -> tuple[list[Image.Image], list[Image.Image]]:
    import pyarrow.parquet as parquet

    rows = parquet.read_table(assets / "photos" / "pets_masks.parquet").to_pylist()
    chosen = [row for species in (0, 1) for row in [r for r in rows if _kind(r) == species + 1][:N]]
    order = [i for pair in zip(range(N), range(N, 2 * N), strict=True) for i in pair]  # cats and dogs alternate
    pictures: list[list[Image.Image]] = [
        [Image.open(io.BytesIO(chosen[i][key]["bytes"])) for i in order] for key in ("image", "mask")
    ]
    return pictures[0], pictures[1]


def _kind(row: dict) -> int:
    return int(np.asarray(Image.open(io.BytesIO(row["mask"]["bytes"]))).max())


def as_seen(model: pe.HookedViT, picture: Image.Image, mask: Image.Image) -> torch.Tensor:
    """The mask at the model's input, resized by nearest neighbour from the part that it sees."""
    size = model.preprocess.width, model.preprocess.height
    seen = mask.resize(size, Image.Resampling.NEAREST, box=model.preprocess.crop_box(picture.size))
    label = torch.from_numpy(np.array(seen, dtype=np.int64))
    return label.where(label > 0, BACKGROUND)


def test_cats_and_dogs_are_found_better_than_by_any_constant_answer(assets: Path) -> None:
    model = pe.load(assets / "vit_tiny_patch16_224_in1k" / "vit_tiny_patch16_224_in1k.safetensors")
    pictures, masks = photos(assets)
    truth = torch.stack([as_seen(model, p, m) for p, m in zip(pictures, masks, strict=True)])
    logits = pe.logit_lens(model, model.preprocess(pictures), mid=False).patches
    size = truth.shape[1], truth.shape[2]
    chooses = torch.arange(len(truth)) // 2 % 2 == 0  # every other pair of a cat and a dog

    def iou(layer: int, groups: Groups) -> float:
        threshold, _ = choose_threshold(logits[layer, chooses], truth[chooses], model.grid, 3, groups)
        patches = label_patches(logits[layer, ~chooses], threshold, groups)
        return overlap(to_pixels(patches, model.grid, size), truth[~chooses], 3).iou

    constant = best_constant(truth[~chooses], 3, lambda o: o.iou)
    scores = [iou(layer, PETS) for layer in range(len(logits))]
    assert scores[-1] == max(scores) > 1.5 * constant
    assert scores[0] < constant  # before any block a patch knows nothing of cats
    assert iou(-1, {1: PETS[2], 2: PETS[1]}) < constant  # and a cat is not a dog
