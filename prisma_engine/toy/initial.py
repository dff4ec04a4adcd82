"""Where training starts: the random weights of a new model."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from prisma_engine.vit import HookedViT

POSITION_SCALE = 0.5
"""Amplitude of the initial position vectors, of the order of the patch embeddings."""


@torch.no_grad()
def initialise(model: HookedViT) -> None:
    """Fill a model in place from torch's global random generator.

    Matrices keep the variance of their input, biases and the head are zero (so the first answer is
    uniform), and positions start as the sines and cosines of their row and column, from where they learn
    faster than from noise.
    """
    for name, p in model.named_parameters():
        if name.endswith("bias") or name.startswith("head."):
            nn.init.zeros_(p)
        elif name.endswith("qkv.weight"):
            nn.init.xavier_uniform_(p)
        elif p.ndim == 2:
            nn.init.trunc_normal_(p, std=p.shape[1] ** -0.5)
    embed = model.embed
    if embed.prefix_tokens is not None:
        nn.init.trunc_normal_(embed.prefix_tokens, std=0.02)
    embed.pos_embed.zero_()
    embed.pos_embed[0, model.patch_slice] = POSITION_SCALE * sines(model.grid, model.config.d_model)


def sines(grid: tuple[int, int], d_model: int) -> Float[Tensor, "patch d_model"]:
    """Sines and cosines of a patch's column and row at geometrically spaced frequencies."""
    frequency = 10_000 ** -torch.linspace(0, 1, d_model // 4)
    rows, columns = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing="ij")
    y, x = rows.flatten()[:, None] * frequency, columns.flatten()[:, None] * frequency
    return torch.cat([x.sin(), x.cos(), y.sin(), y.cos()], 1)
