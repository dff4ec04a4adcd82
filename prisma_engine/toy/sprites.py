"""The pictures that scenes are composed of: emoji, and plain white shapes for distractors."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image, ImageDraw
from torch import Tensor

from prisma_engine.labels.font import emoji_image
from prisma_engine.toy.emoji_classes import EMOJI

MARGIN = 1
"""Transparent pixels kept around each sprite, so that bilinear sampling fades at its edge."""

SHAPES: tuple[tuple[str, tuple[tuple[float, float], ...]], ...] = (
    ("ellipse", ((0.05, 0.05), (0.95, 0.95))),
    ("ellipse", ((0.02, 0.25), (0.98, 0.75))),
    ("polygon", ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.1, 0.9))),
    ("polygon", ((0.02, 0.32), (0.98, 0.32), (0.98, 0.68), (0.02, 0.68))),
    ("polygon", ((0.5, 0.05), (0.95, 0.9), (0.05, 0.9))),
    ("polygon", ((0.5, 0.0), (0.9, 0.5), (0.5, 1.0), (0.1, 0.5))),
    ("polygon", ((0.35, 0.0), (0.65, 0.0), (0.65, 1.0), (0.35, 1.0))),
    ("polygon", ((0.0, 0.4), (0.5, 0.0), (1.0, 0.4), (0.8, 1.0), (0.2, 1.0))),
)


@lru_cache(maxsize=4)
def sprite_bank(size: int) -> Float[Tensor, "sprite rgba size size"]:
    """Emoji of every class, then the shapes: premultiplied colour and alpha in [0, 1].

    Read-only by convention: the tensor is shared between callers.
    """
    inner = size - 2 * MARGIN
    pictures = [emoji_image(emoji, inner) for emoji in EMOJI] + [_shape(k, p, inner) for k, p in SHAPES]
    bank = torch.zeros(len(pictures), 4, size, size)
    for sprite, picture in zip(bank, pictures, strict=True):
        rgba = torch.from_numpy(np.asarray(picture, dtype=np.float32) / 255).permute(2, 0, 1)
        sprite[:, MARGIN : size - MARGIN, MARGIN : size - MARGIN] = torch.cat([rgba[:3] * rgba[3:], rgba[3:]])
    return bank


def _shape(kind: str, points: tuple[tuple[float, float], ...], size: int) -> Image.Image:
    big = 4 * size
    mask = Image.new("L", (big, big))
    scaled = [(x * big, y * big) for x, y in points]
    getattr(ImageDraw.Draw(mask), kind)(scaled, fill=255)
    picture = Image.new("RGBA", (size, size), "white")
    picture.putalpha(mask.resize((size, size), Image.Resampling.BOX))
    return picture
