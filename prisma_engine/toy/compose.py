"""Scenes put together by hand: emoji placed on a background, with exact masks, and the shipped examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, UInt8

from prisma_engine.toy.backgrounds import backgrounds
from prisma_engine.toy.emoji_classes import class_index
from prisma_engine.toy.layers import FRAME, Layer, draw

MAX_SIDE = 1024
"""Largest picture that is drawn, in pixels of a side."""


@dataclass(frozen=True)
class Placement:
    """One emoji of a scene, in model pixels (96 a side), whatever the size it is drawn at.

    Attributes:
        kind: class index, name or emoji.
        x, y: centre; may lie outside the picture.
        size: side of the emoji.
        angle: clockwise rotation in degrees.
        flip: mirrored left to right before the rotation.
    """

    kind: int | str
    x: float
    y: float
    size: float = 48.0
    angle: float = 0.0
    flip: bool = False


@dataclass(frozen=True)
class Scene:
    """A picture and what is where in it.

    Attributes:
        image: RGB.
        masks: the pixels that more than half belong to each object as seen; they never overlap.
        classes: class index of each object, back to front.
    """

    image: UInt8[np.ndarray, "height width 3"]
    masks: Bool[np.ndarray, "object height width"]
    classes: tuple[int, ...]


@dataclass(frozen=True)
class Example:
    """A scene that ships with the model.

    Attributes:
        name: for file names and links.
        title: for people.
        placements: back to front.
        background: seed of the background.
    """

    name: str
    title: str
    placements: tuple[Placement, ...]
    background: int


EXAMPLES: tuple[Example, ...] = (
    Example(
        "cat-in-toilet",
        "A cat in a toilet",
        (Placement("toilet", 50, 50, 78), Placement("cat", 40, 33, 44, -8)),
        11,
    ),
    Example(
        "cheetah-behind-deer",
        "A leopard behind a deer",
        (Placement("leopard", 38, 48, 64), Placement("deer", 62, 57, 58, 0, True)),
        4,
    ),
    Example(
        "lion-with-basketball",
        "A lion with a basketball",
        (Placement("lion", 39, 40, 58), Placement("basketball", 70, 70, 40)),
        7,
    ),
    Example(
        "apple-beside-bagel",
        "An apple beside a bagel",
        (Placement("red apple", 29, 50, 46), Placement("bagel", 69, 50, 44, 10)),
        2,
    ),
    Example(
        "cat-and-dog",
        "A cat and a dog",
        (Placement("cat face", 28, 36, 46), Placement("dog face", 68, 60, 48)),
        5,
    ),
)


def render_scene(objects: Sequence[Placement], background: int, size: int = FRAME) -> Scene:
    """Draw `objects` in order, later ones in front, on the background of that seed.

    Positions are in model pixels at every `size`, so a larger picture shows the same scene.

    Raises:
        ValueError: if a class is unknown, or a size is out of range or not finite.
    """
    _check(objects, size)
    classes = tuple(class_index(o.kind) for o in objects)
    canvas = backgrounds(torch.Generator().manual_seed(background), 1, size)
    layers = [_layer(o, c) for o, c in zip(objects, classes, strict=True)]
    masks = draw(canvas, layers, list(range(len(layers))))[0]
    image = (canvas[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0)
    return Scene(np.ascontiguousarray(image.numpy()), masks.numpy(), classes)


def render_example(name: str, size: int = FRAME) -> Scene:
    """The shipped example of that name.

    Raises:
        ValueError: if there is none.
    """
    for example in EXAMPLES:
        if example.name == name:
            return render_scene(example.placements, example.background, size)
    raise ValueError(f"there is no example {name!r}; there are {', '.join(e.name for e in EXAMPLES)}")


def _check(objects: Sequence[Placement], size: int) -> None:
    if not 1 <= size <= MAX_SIDE:
        raise ValueError(f"a scene is drawn at 1 to {MAX_SIDE} pixels a side, got {size}")
    for o in objects:
        if not all(np.isfinite(v) for v in (o.x, o.y, o.size, o.angle)) or not 0 < o.size <= 4 * FRAME:
            raise ValueError(f"an emoji needs finite numbers and a size above 0 and at most {4 * FRAME}, got {o}")


def _layer(placed: Placement, sprite: int) -> Layer:
    def one(value: float) -> torch.Tensor:
        return torch.tensor([float(value)])

    return Layer(
        sprite=torch.tensor([sprite]),
        x=one(placed.x),
        y=one(placed.y),
        size=one(placed.size),
        angle=one(placed.angle),
        flip=torch.tensor([placed.flip]),
        tint=torch.ones(1, 3),
    )
