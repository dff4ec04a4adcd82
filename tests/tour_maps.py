"""Layouts of tokens, and attention patterns made by hand for them."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

import prisma_engine as pe

VIDEO = pe.Layout(("CLS",), (3, 4), 3)
LAYOUTS = [
    pe.Layout(("CLS",), (7, 7)),
    pe.Layout((), (4, 6)),
    pe.Layout(("CLS", "REG1", "REG2", "REG3", "REG4"), (5, 3)),
    VIDEO,
]


def place(layout: pe.Layout, patch: int) -> tuple[int, int, int]:
    """Frame, row and column."""
    rows, columns = layout.grid
    return patch // (rows * columns), patch // columns % rows, patch % columns


def pattern_of(layout: pe.Layout, reads: Callable[[int, int], bool]) -> Tensor:
    """One head [head query key] in which patch i reads all patches j with reads(i, j) alike, and prefix tokens all."""
    n = layout.n_patches
    pattern = every(layout).clone()
    pattern[0, layout.n_prefix :, : layout.n_prefix] = 0
    cells = torch.tensor([[reads(i, j) for j in range(n)] for i in range(n)]).float()
    pattern[0, layout.patch_slice, layout.patch_slice] = cells / cells.sum(-1, keepdim=True).clamp(min=1)
    return pattern


def every(layout: pe.Layout) -> Tensor:
    """One head [head query key] that reads all tokens alike."""
    return torch.full((1, layout.n_tokens, layout.n_tokens), 1 / layout.n_tokens)


def maps_of(scores: Tensor, layout: pe.Layout, **more) -> pe.AttentionMaps:
    """Maps whose scores [layer head query key] are these."""
    n = scores.shape[-1]
    k = torch.eye(n)[:, None].expand(len(scores), n, scores.shape[1], n)
    q = scores.transpose(1, 2) * math.sqrt(n)
    return pe.AttentionMaps(q, k, torch.ones(*scores.shape[:3]), None, layout, **more)


def maps_showing(pattern: Tensor, layout: pe.Layout) -> pe.AttentionMaps:
    """Maps whose pattern [layer head query key] is this one."""
    return maps_of(pattern.log().clamp(min=-200), layout)  # -200 is no attention at all, in single precision
