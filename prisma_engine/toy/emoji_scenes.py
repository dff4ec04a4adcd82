"""Emoji scenes: pictures of one to three emoji on procedural backgrounds, with exact masks.

Deterministic by (split, index): each pair seeds its own random generator, and splits have disjoint
seed ranges, so a held-out scene is never a training scene. The emoji themselves are the same
pictures in every split; position, size, rotation, mirroring, light, background, distractors and
occlusion differ.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

from prisma_engine.preprocess import Preprocess
from prisma_engine.toy.backgrounds import backgrounds
from prisma_engine.toy.compose import EXAMPLES, Example, Placement, Scene, render_example, render_scene
from prisma_engine.toy.emoji_classes import EMOJI
from prisma_engine.toy.layers import FRAME, Layer, draw
from prisma_engine.toy.sprites import SHAPES

__all__ = [
    "EXAMPLES",
    "SPLITS",
    "Example",
    "Placement",
    "Scene",
    "SceneBatch",
    "render_example",
    "render_scene",
    "sample_scenes",
    "scene_seed",
    "seeded_scene",
    "to_input",
]

SPLITS = ("train", "threshold", "single", "pairs", "seeded")
"""Training; 2-object scenes that choose the threshold; held-out single objects; held-out pairs; one scene a seed."""
SPLIT_STRIDE = 2**40
MAX_OBJECTS = 3
N_DISTRACTORS = 2
SIZE_RANGE = ((30.0, 76.0), (30.0, 76.0), (30.0, 60.0), (28.0, 50.0))
"""Least and greatest side of an object in model pixels, by the number of objects from 0."""
LAYOUTS = 8
"""Random layouts tried for each scene; the one whose objects overlap least is kept."""


@dataclass(frozen=True)
class SceneBatch:
    """Scenes of one random draw.

    Attributes:
        images: as an 8-bit picture would store them.
        objects: class of each object, back to front; -1 where a scene has fewer.
        masks: pixels each object is seen at, or None when not asked for.
    """

    images: UInt8[Tensor, "scene channel side side"]
    objects: Int[Tensor, "scene object"]
    masks: Bool[Tensor, "scene object side side"] | None

    @property
    def labels(self) -> Bool[Tensor, "scene class"]:
        """Image-level labels: which classes the scene contains."""
        present = torch.zeros(len(self.objects), len(EMOJI) + 1, dtype=torch.bool)
        present.scatter_(1, self.objects.where(self.objects >= 0, len(EMOJI)), True)
        return present[:, :-1]


def scene_seed(split: str, index: int) -> int:
    """Seed of the random generator of batch `index` of a split; unique over all pairs.

    Raises:
        ValueError: if the split is unknown or the index does not fit its range of seeds.
    """
    if split not in SPLITS or not 0 <= index < SPLIT_STRIDE:
        raise ValueError(
            f"no scenes for split {split!r}, index {index}; splits are {', '.join(SPLITS)}, indices from 0"
        )
    return SPLITS.index(split) * SPLIT_STRIDE + index


def sample_scenes(
    split: str,
    index: int,
    n: int,
    mixture: tuple[float, ...] = (0, 0.4, 0.35, 0.25),
    masks: bool = False,
    classes: tuple[int, ...] = (),
) -> SceneBatch:
    """`n` random scenes; `mixture` holds the shares of scenes with 0, 1, 2 and 3 objects, at most.

    With `classes`, by index and at most three, every scene shows exactly these, back to front; `mixture` is not used.
    """
    generator = torch.Generator().manual_seed(scene_seed(split, index))
    count = torch.multinomial(torch.tensor(mixture, dtype=torch.float32), n, replacement=True, generator=generator)
    canvas = backgrounds(generator, n, FRAME)
    objects = torch.rand(n, len(EMOJI), generator=generator).argsort(1)[:, :MAX_OBJECTS]
    if classes:
        count = torch.full((n,), len(classes))
        objects[:, : len(classes)] = torch.tensor(classes)
    objects = objects.where(torch.arange(MAX_OBJECTS) < count[:, None], -1)
    behind = [_distractor(generator, n, chance=0.4) for _ in range(N_DISTRACTORS)]
    things = _objects(generator, objects, torch.tensor(SIZE_RANGE)[count])
    front = [_distractor(generator, n, chance=0.3, size=(8.0, 20.0))]
    keep = list(range(N_DISTRACTORS, N_DISTRACTORS + MAX_OBJECTS)) if masks else []
    seen = draw(canvas, [*behind, *things, *front], keep)
    return SceneBatch(_photograph(generator, canvas), objects, seen if masks else None)


def seeded_scene(seed: int) -> Scene:
    """The held-out scene of that seed, with one to three objects as in training; the same one always.

    Raises:
        ValueError: if the seed is negative or too large.
    """
    drawn = sample_scenes("seeded", seed, 1, masks=True)
    assert drawn.masks is not None
    present = drawn.objects[0] >= 0
    image = np.ascontiguousarray(drawn.images[0].permute(1, 2, 0).numpy())
    return Scene(image, drawn.masks[0, present].numpy(), tuple(drawn.objects[0, present].tolist()))


def to_input(
    images: UInt8[Tensor, "scene channel side side"], preprocess: Preprocess
) -> Float[Tensor, "scene channel side side"]:
    """8-bit scenes of the model's own size as `preprocess` would give them, all at once."""
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (preprocess.mean, preprocess.std))
    return (images.float() / 255 - mean) / std


def _objects(
    generator: torch.Generator,
    objects: Int[Tensor, "scene object"],
    size_range: Float[Tensor, "scene 2"],
) -> list[Layer]:
    n = len(objects)
    low, high = size_range.unbind(1)
    draw_ = torch.rand(n, MAX_OBJECTS, 4, generator=generator)
    size = low[:, None] + (high - low)[:, None] * draw_[..., 0]
    x, y = _layout(generator, size, objects >= 0)
    angle, flip = 50 * (draw_[..., 1] - 0.5), draw_[..., 2] < 0.5
    tint = (0.75 + 0.4 * draw_[..., 3])[..., None] * (0.9 + 0.2 * torch.rand(n, MAX_OBJECTS, 3, generator=generator))
    return [
        Layer(objects[:, k], x[:, k], y[:, k], size[:, k], angle[:, k], flip[:, k], tint[:, k])
        for k in range(MAX_OBJECTS)
    ]


def _layout(
    generator: torch.Generator, size: Float[Tensor, "scene object"], present: Bool[Tensor, "scene object"]
) -> tuple[Float[Tensor, "scene object"], Float[Tensor, "scene object"]]:
    """Centres in model pixels: of a few random layouts, the one whose closest pair is furthest apart."""
    n, k = size.shape
    centre = torch.rand(n, LAYOUTS, k, 2, generator=generator)
    margin = (0.42 * size)[:, None, :, None]
    centre = margin + (FRAME - 2 * margin) * centre
    gap = (centre[:, :, :, None] - centre[:, :, None]).norm(dim=-1)
    gap = gap / ((size[:, :, None] + size[:, None]) / 2)[:, None]
    single = torch.eye(k, dtype=torch.bool) | ~(present[:, None, :, None] & present[:, None, None, :])
    # Layouts that are far enough apart (0.8 of the mean size) count as equal, so overlap still happens.
    worst = gap.masked_fill(single, math.inf).flatten(2).amin(2).clamp(max=0.8)
    best = worst.argmax(1)[:, None, None, None].expand(-1, 1, k, 2)
    kept = centre.gather(1, best)[:, 0]
    return kept[..., 0], kept[..., 1]


def _distractor(generator: torch.Generator, n: int, chance: float, size: tuple[float, float] = (10.0, 34.0)) -> Layer:
    draw_ = torch.rand(n, 9, generator=generator)
    sprite = len(EMOJI) + (draw_[:, 0] * len(SHAPES)).long().clamp_(max=len(SHAPES) - 1)
    return Layer(
        sprite=sprite.where(draw_[:, 1] < chance, -1),
        x=FRAME * draw_[:, 2],
        y=FRAME * draw_[:, 3],
        size=size[0] + (size[1] - size[0]) * draw_[:, 4],
        angle=360 * draw_[:, 5],
        flip=torch.zeros(n, dtype=torch.bool),
        tint=draw_[:, 6:9],
    )


def _photograph(
    generator: torch.Generator, canvas: Float[Tensor, "scene channel side side"]
) -> UInt8[Tensor, "scene channel side side"]:
    """Light that falls off to one side, exposure and sensor noise, then 8 bits a channel."""
    n, _, side, _ = canvas.shape
    light = torch.rand(n, 4, generator=generator)
    axis = torch.linspace(-1, 1, side)
    slope = 0.3 * (light[:, 0:2] - 0.5)
    exposure = 0.8 + 0.35 * light[:, 2]
    shade = exposure[:, None, None] * (1 + slope[:, 0, None, None] * axis + slope[:, 1, None, None] * axis[:, None])
    # One tile of noise for the whole batch: fresh noise for each scene costs as much as drawing it.
    grain = torch.randn(1, 3, side, side, generator=generator)
    canvas = canvas * shade[:, None] + (0.03 * light[:, 3, None, None, None]) * grain
    return (canvas.clamp_(0, 1) * 255).round_().to(torch.uint8)
