"""Random shifts and mirrorings of a batch of pictures, as bytes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor

Bytes = UInt8[Tensor, "picture channel height width"]


def shifted(pictures: Bytes, most: int, random: torch.Generator) -> Bytes:
    """Each picture moved by up to `most` pixels along both axes, what it uncovers filled by its mirror image."""
    n, _, height, width = pictures.shape
    wide = F.pad(pictures.float(), (most,) * 4, mode="reflect").to(torch.uint8)
    top, left = torch.randint(0, 2 * most + 1, (2, n, 1), generator=random)
    rows = (top + torch.arange(height))[:, None, :, None]
    columns = (left + torch.arange(width))[:, None, None, :]
    picture, channel = torch.arange(n)[:, None, None, None], torch.arange(pictures.shape[1])[None, :, None, None]
    return wide[picture, channel, rows, columns]


def mirrored(pictures: Bytes, random: torch.Generator) -> Bytes:
    """Half of the pictures, left and right exchanged."""
    turned = torch.rand(len(pictures), generator=random) < 0.5
    return torch.where(turned[:, None, None, None], pictures.flip(3), pictures)
