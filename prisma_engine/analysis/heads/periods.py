"""Modulus heads: attention that takes steps of a fixed residue through the raster order, (j - i) mod m = r.

The masses of all periods are sums of one histogram, the attention that each step j - i gets.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prisma_engine.analysis.layout import Layout

Steps = Float[Tensor, "*any step"]


class Period(NamedTuple):
    """A period and a residue of it for each head.

    Attributes:
        m: the period, 2 to half the number of patches.
        r: the residue, 0 to m - 1.
    """

    m: Int[Tensor, "*any"]
    r: Int[Tensor, "*any"]


def step_masses(
    pattern: Float[Tensor, "*any query key"], layout: Layout, cells: Int[Tensor, "query key"] | None = None
) -> Steps:
    """Attention for each step j - i ≠ 0 between patches, summed over queries and divided by their number.

    Steps run from -(P - 1) to P - 1; the entry of step 0 is 0. With `cells`, a rearrangement drawn by a `Shuffle`,
    each cell counts for the step of the cell it comes from.
    """
    n, first = layout.n_patches, layout.n_prefix
    step = torch.full((layout.n_tokens, layout.n_tokens), n - 1)  # cells of prefix tokens join those of step 0
    patch = torch.arange(n)
    step[first:, first:] += patch[None, :] - patch[:, None]
    bins = step.flatten() if cells is None else step.flatten()[cells.flatten()]
    flat = pattern.flatten(-2)
    masses = flat.new_zeros(*flat.shape[:-1], 2 * n - 1).index_add_(-1, bins.to(flat.device), flat)
    masses[..., n - 1] = 0
    return masses / n


def period_mass(masses: Steps, period: Period) -> Float[Tensor, "*any"]:
    """Mean over queries of the attention on patches j ≠ i with (j - i) mod m = r, each head by its own period."""
    n = masses.shape[-1] // 2 + 1
    residue = torch.arange(1 - n, n) % period.m[..., None]
    return masses.where(residue == period.r[..., None], 0).sum(-1)


def best_period(masses: Steps, chance: Steps) -> tuple[Float[Tensor, "*any"], Period]:
    """The period and residue whose mass exceeds chance most, and by how much; of equals the shortest period.

    The excess, and not the strength: a head that always steps by 14 also steps by multiples of 7, with a strength
    of 1 in both.
    """
    n = masses.shape[-1] // 2 + 1
    excess = masses - chance
    best, r_best = _folded(excess, 2).max(-1)
    m_best = torch.full_like(r_best, 2)
    for m in range(3, n // 2 + 1):
        most, r = _folded(excess, m).max(-1)
        better = most > best + 1e-6
        best, r_best = torch.where(better, most, best), torch.where(better, r, r_best)
        m_best = m_best.where(~better, m)
    return best, Period(m_best, r_best)


def _folded(masses: Steps, m: int) -> Float[Tensor, "*any residue"]:
    """Sums over the steps of each residue mod m."""
    n = masses.shape[-1] // 2 + 1
    before = (1 - n) % m  # so that the first column is residue 0
    after = -(masses.shape[-1] + before) % m
    return torch.nn.functional.pad(masses, (before, after)).unflatten(-1, (-1, m)).sum(-2)


def step_in_words(step: int, layout: Layout) -> str:
    """Where a step along the raster order leads on the grid, such as "1 row up", in a few words."""
    rows, columns = layout.grid
    frame = rows * columns
    frames = round(step / frame) if layout.n_frames > 1 else 0
    down = round((step - frames * frame) / columns)
    right = step - frames * frame - down * columns
    moves = (frames, "frame", "on", "back"), (down, "row", "down", "up"), (right, "column", "right", "left")
    said = [f"{abs(n)} {unit}{'s' * (abs(n) > 1)} {ahead if n > 0 else back}" for n, unit, ahead, back in moves if n]
    return ", ".join(said) or "itself"


def in_words(m: int, r: int, layout: Layout) -> str:
    """What a period and residue mean on the grid, in a few words."""
    columns = layout.grid[1]
    name = f"every {m} patches from {r}" if r else f"every {m} patches"
    if layout.n_frames > 1 and m == layout.grid[0] * columns and r == 0:
        return f"{name}: the same place in other frames"
    if m != columns:
        return name
    side = r if r <= columns // 2 else r - columns
    return f"{name}: {step_in_words(side, layout) + ', in any row' if side else 'the same column'}"
