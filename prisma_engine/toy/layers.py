"""Drawing sprites over backgrounds in batches, back to front, with exact visibility."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

from prisma_engine.toy.sprites import sprite_bank

FRAME = 96
"""Side of a scene in model pixels: every position and size below is in this unit."""


@dataclass(frozen=True)
class Layer:
    """One sprite a scene, or none: the same depth in every scene of a batch.

    Attributes:
        sprite: index into the sprite bank; -1 leaves the scene without this layer.
        x, y: centre in model pixels, y down.
        size: side in model pixels.
        angle: clockwise rotation in degrees.
        flip: mirrored left to right before the rotation.
        tint: factor per colour channel.
    """

    sprite: Int[Tensor, " scene"]
    x: Float[Tensor, " scene"]
    y: Float[Tensor, " scene"]
    size: Float[Tensor, " scene"]
    angle: Float[Tensor, " scene"]
    flip: Bool[Tensor, " scene"]
    tint: Float[Tensor, "scene channel"]


def draw(
    canvas: Float[Tensor, "scene channel side side"], layers: list[Layer], keep: list[int]
) -> Bool[Tensor, "scene kept side side"]:
    """Draw `layers` back to front onto `canvas` in place; the exact visible region of those in `keep`.

    A pixel belongs to a layer when more than half of its colour comes from it: alpha times the
    transparency of everything drawn later exceeds 0.5. So regions never overlap.
    """
    visible = torch.zeros(len(canvas), len(layers), *canvas.shape[-2:]) if keep else None
    for depth, layer in enumerate(layers):
        rows = (layer.sprite >= 0).nonzero(as_tuple=True)[0]
        if not len(rows):
            continue
        rgba = _placed(layer, rows, canvas.shape[-1])
        colour = (rgba[:, :3] * layer.tint[rows, :, None, None]).minimum(rgba[:, 3:])
        clear = 1 - rgba[:, 3:]
        canvas[rows] = canvas[rows] * clear + colour
        if visible is not None:
            visible[rows] *= clear
            visible[rows, depth] = rgba[:, 3]
    if visible is None:
        return torch.zeros(len(canvas), 0, *canvas.shape[-2:], dtype=torch.bool)
    return visible[:, keep] > 0.5


def _placed(layer: Layer, rows: Int[Tensor, " row"], side: int) -> Float[Tensor, "row rgba side side"]:
    """The layer's sprites of some scenes, moved, scaled and turned onto full canvases."""
    bank = sprite_bank(64 if side <= FRAME else 128)
    angle = torch.deg2rad(layer.angle[rows])
    scale = FRAME / layer.size[rows]
    cos, sin = angle.cos() * scale, angle.sin() * scale
    dx, dy = 1 - 2 * layer.x[rows] / FRAME, 1 - 2 * layer.y[rows] / FRAME
    mirror = 1 - 2 * layer.flip[rows].float()
    across = torch.stack([cos, sin, cos * dx + sin * dy], 1) * mirror[:, None]
    down = torch.stack([-sin, cos, -sin * dx + cos * dy], 1)
    grid = F.affine_grid(torch.stack([across, down], 1), [len(rows), 4, side, side], align_corners=False)
    return F.grid_sample(bank[layer.sprite[rows]], grid, align_corners=False)
