"""Pictures for the models of dSprites: a shape by its place in the grid, with its exact mask, and a few examples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from prisma_engine.toy.dsprites import SHAPES, classes_of, draw, index_of, picture, values

VOCABULARY = "dsprites"


@dataclass(frozen=True)
class Sprite:
    """One picture of dSprites; the mask is 1 on the shape and 0 elsewhere, `shape` its class."""

    image: Image.Image
    mask: UInt8[np.ndarray, "64 64"]
    shape: int
    title: str


# shape, scale, orientation, posX, posY, as places of their values; the large ones lie alike, for pairs
_EXAMPLES = {
    "sprite-heart": (2, 5, 0, 16, 14),
    "sprite-small-heart": (2, 0, 21, 8, 8),
    "sprite-small-ellipse": (1, 0, 12, 24, 10),
    "sprite-small-square": (0, 0, 6, 14, 26),
    "sprite-square": (0, 5, 3, 16, 14),
    "sprite-ellipse": (1, 5, 5, 16, 14),
}
EXAMPLES = {name: int(index_of(np.array([(0, *latents)]))[0]) for name, latents in _EXAMPLES.items()}
"""Name of an example → its place in the grid."""


def sprite(place: int) -> Sprite:
    """The picture at a place of the grid.

    Raises:
        IndexError: for a place outside the grid.
    """
    shape = int(classes_of(np.array([place]))[0, 1])
    return Sprite(picture(place).convert("RGB"), draw(np.array([place]))[0], shape, title(place))


def title(place: int) -> str:
    """What is at a place, in words."""
    _, shape, scale, orientation, _, _ = classes_of(np.array([place]))[0]
    given = values()
    turned = round(math.degrees(given["orientation"][orientation]))
    word = SHAPES[shape]
    size = "small" if scale < 2 else "large" if scale > 3 else "middling"
    return f"{'An' if word[0] in 'aeiou' else 'A'} {word}, {size}, turned by {turned % 360}°"
