"""Does the attention of CLS find the object? `python -m prisma_engine.studies.object_attention emoji-vit --n 200`.

Rollout, the mean over a layer's heads, and the same weighted with the length of the values, each judged by how often a
patch of the object gets more of CLS's attention than a patch beside it (AUROC). Emoji scenes know their masks; beside a
folder of pictures, `--masks` is a folder of PNG files of the same names, in which what is not 0 is the object.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from jaxtyping import Bool, Float
from PIL import Image
from torch import Tensor

from prisma_engine.analysis.attention import AttentionMaps, attention_maps, layout_of
from prisma_engine.images import ImageRefused, open_image
from prisma_engine.load import load
from prisma_engine.sources import SCENES, pictures, scene_of
from prisma_engine.studies import command
from prisma_engine.studies.command import rounded, table
from prisma_engine.studies.samples import Samples
from prisma_engine.studies.separation import auroc
from prisma_engine.vit import HookedViT

COVERED = 0.5
"""A patch is of the object if the mask covers more than this share of it."""
FEWEST = 3
"""Patches of the object, and beside it, that a picture must have to count."""
MAPS: dict[str, Callable[[AttentionMaps, int], Tensor]] = {
    "rollout": lambda maps, layer: maps.rollout(layer),
    "mean": lambda maps, layer: maps.mean("pattern", layer),
    "weighted": lambda maps, layer: maps.mean("value", layer),
}


@dataclass(frozen=True)
class ObjectStudy:
    """AUROC of the object's patches in CLS's row, mean over pictures; one number a layer.

    Attributes:
        model, source: what was measured on what.
        n_images: pictures with enough patches of the object and beside it.
        rollout: of `AttentionMaps.rollout` up to the layer.
        mean: of the pattern, averaged over the layer's heads.
        weighted: of the value-weighted pattern, averaged over the layer's heads.
    """

    model: str
    source: str
    n_images: int
    rollout: tuple[float, ...]
    mean: tuple[float, ...]
    weighted: tuple[float, ...]


@dataclass(frozen=True)
class Masked:
    """A picture and the share of each patch that the object covers, 0 to 1."""

    x: Float[Tensor, "1 channel height width"]
    cover: Float[Tensor, " patch"]


def study(model: HookedViT, samples: Iterable[Masked], source: str) -> ObjectStudy:
    """Judge the maps of every picture.

    Raises:
        ValueError: if the model has no CLS, or no picture has enough patches of both kinds.
    """
    cls = layout_of(model).cls
    if cls is None:
        raise ValueError(f"{model.name} has no CLS token whose attention could find anything")
    found: list[Float[Tensor, "map layer"]] = []
    for sample in samples:
        of_object = sample.cover > COVERED
        if min(of_object.sum(), (~of_object).sum()) >= FEWEST:
            found.append(judged(attention_maps(model, sample.x), cls, of_object))
    if not found:
        raise ValueError(f"no picture has at least {FEWEST} patches of an object and {FEWEST} beside it")
    return ObjectStudy(model.name, source, len(found), *rounded(torch.stack(found).mean(0)))


def judged(maps: AttentionMaps, cls: int, of_object: Bool[Tensor, " patch"]) -> Float[Tensor, "map layer"]:
    """AUROC of each of `MAPS` in each layer."""
    patches = maps.layout.patch_slice
    return torch.tensor([
        [auroc(read(maps, layer)[cls, patches], of_object) for layer in range(maps.n_layers)] for read in MAPS.values()
    ])  # fmt: skip


def cover(
    model: HookedViT, mask: Bool[np.ndarray, "height width"], size: tuple[int, int] | None = None
) -> Float[Tensor, " patch"]:
    """The share of each patch that a mask covers, in the part of its picture that the model sees.

    Args:
        mask: at the picture's own size, which `size` (width, height) may check.

    Raises:
        ValueError: if the mask is of another size than its picture.
    """
    image = Image.fromarray(mask.astype(np.uint8))
    if size is not None and image.size != size:
        raise ValueError(f"a mask of {image.size} pixels does not belong to a picture of {size}")
    (height, width), (rows, columns) = model.config.image_size, model.grid
    seen = np.asarray(
        image.resize((width, height), Image.Resampling.NEAREST, box=model.preprocess.crop_box(image.size))
    )
    patch_height, patch_width = model.config.patch_size
    whole = torch.from_numpy(seen[: rows * patch_height, : columns * patch_width].astype(np.float32))
    return whole.view(rows, patch_height, columns, patch_width).mean((1, 3)).flatten()


def masked(model: HookedViT, source: str, n: int, masks: Path | None = None) -> Iterable[Masked]:
    """Pictures of a source with their masks: of emoji scenes all objects together, of a folder those in `masks`.

    Raises:
        ValueError: if there is no such source, or a picture has no mask.
    """
    if source != SCENES and (masks is None or not Path(source).is_dir()):
        raise ValueError(f"masks are known of {SCENES}, or of a folder of pictures with --masks, a folder of PNG files")
    for reference, picture in pictures(source, n):
        try:
            image = open_image(picture)
        except ImageRefused:
            continue
        mask = _mask(reference, masks)
        yield Masked(model.preprocess(image), cover(model, mask, image.size))


def _mask(reference: str, masks: Path | None) -> Bool[np.ndarray, "height width"]:
    if masks is None:
        return np.asarray(scene_of(reference).masks.any(0))
    path = masks / PurePosixPath(reference).with_suffix(".png")
    try:
        return np.asarray(np.asarray(open_image(path)).any(-1))
    except ImageRefused as error:
        raise ValueError(f"{reference} has no mask that can be read: {error}") from error


def report(result: ObjectStudy) -> str:
    """The numbers in a table."""
    rows = [
        (str(i), *(f"{v:.3f}" for v in layer))
        for i, layer in enumerate(zip(result.rollout, result.mean, result.weighted, strict=True))
    ]
    title = f"{result.model}, {result.n_images:,} {result.source}: AUROC of the object's patches in CLS's row"
    return "\n".join([title, table(("layer", "rollout", "mean", "value-weighted"), rows)])


def _measure(given: Namespace) -> ObjectStudy:
    model = load(given.model)
    return study(model, masked(model, given.images, given.n, given.masks), Samples(model, given.images).title)


def main() -> None:
    parser = command.arguments(__doc__, n=200)
    parser.add_argument("--masks", type=Path, help="a folder of PNG masks named as the pictures are")
    command.carry_out(parser, _measure, report)


if __name__ == "__main__":
    main()
