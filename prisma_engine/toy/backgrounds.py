"""Procedural backgrounds: gradients, glows, stripes, checkers, blobs and clouds in random colours.

Every random number is drawn before the picture size is used, so one seed gives the same background
at every size.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

KINDS = ("gradient", "glow", "stripes", "checkers", "blobs", "clouds")
COARSE = 6
"""Cells per side of the random grid behind blobs and clouds."""


def backgrounds(generator: torch.Generator, n: int, size: int) -> Float[Tensor, "scene channel size size"]:
    """`n` backgrounds with values in [0, 1], drawn from `generator`."""
    draw = torch.rand(n, 12, generator=generator)
    coarse = torch.rand(n, 4, COARSE, COARSE, generator=generator)
    smooth = F.interpolate(coarse, (size, size), mode="bilinear", align_corners=True)
    blend = _pattern(draw[:, 6:], smooth[:, 3], size)[:, None]
    first = draw[:, 0:3, None, None]
    contrast = (0.15 + 0.85 * draw[:, 3:6])[..., None, None]
    second = first + contrast * (draw[:, 9:12].flip(1)[..., None, None] - first)
    cloud = (0.35 * draw[:, 8, None, None, None]) * (smooth[:, :3] - 0.5)
    return (first + (second - first) * blend + cloud).clamp_(0, 1)


def _pattern(
    draw: Float[Tensor, "scene 6"], cloud: Float[Tensor, "scene size size"], size: int
) -> Float[Tensor, "scene size size"]:
    """How much of the second colour each pixel takes, 0 to 1; the kind is `draw`'s first column."""
    kind = (draw[:, 0] * len(KINDS)).long().clamp_(max=len(KINDS) - 1)
    axis = (torch.arange(size) + 0.5) / size * 2 - 1
    y, x = axis[:, None], axis[None, :]
    angle = (2 * math.pi * draw[:, 1])[:, None, None]
    u, v = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    rate = (4 + 12 * draw[:, 2])[:, None, None]
    phase = (2 * math.pi * draw[:, 3])[:, None, None]
    blend = torch.empty(len(draw), size, size)
    for index, name in enumerate(KINDS):
        rows = (kind == index).nonzero(as_tuple=True)[0]
        if len(rows):
            blend[rows] = _kind(name, u[rows], v[rows], rate[rows], phase[rows], cloud[rows])
    return blend


def _kind(name: str, u: Tensor, v: Tensor, rate: Tensor, phase: Tensor, cloud: Tensor) -> Tensor:
    if name == "gradient":
        return (u + 1.4) / 2.8
    if name == "glow":
        return ((u - 0.5 * phase.cos()).square() + (v - 0.5 * phase.sin()).square()).sqrt() / 2
    if name == "stripes":
        return torch.sigmoid(6 * torch.sin(rate * u + phase))
    if name == "checkers":
        return torch.sigmoid(12 * torch.sin(rate * u + phase) * torch.sin(rate * v))
    if name == "blobs":
        return torch.sigmoid(25 * (cloud - 0.5))
    return cloud
