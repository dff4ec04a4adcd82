"""Permutation baselines: what a template's mass would be if attention did not know what the template is about.

A shuffle is a set of permutations of the cells of a pattern, drawn at random. Its expected pattern, the mean over
all of them, is exact: a template's chance level needs no draws. The draws give the spread, and so p-values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prisma_engine.analysis.layout import Layout

Pattern = Float[Tensor, "*any query key"]


@dataclass(frozen=True)
class Shuffle:
    """A random rearrangement of the cells of a pattern.

    Attributes:
        id: its name.
        meaning: what it keeps and what it destroys.
        expected: (pattern over all tokens, layout) → the mean of all its rearrangements.
        draw: (layout, generator) → where each cell of one rearranged pattern comes from.
    """

    id: str
    meaning: str
    expected: Callable[[Pattern, Layout], Pattern]
    draw: Callable[[Layout, torch.Generator], Int[Tensor, "query key"]]


def _relabelled(pattern: Pattern, layout: Layout) -> Pattern:
    out, patches = pattern.clone(), layout.patch_slice
    block = out[..., patches, patches]
    n = layout.n_patches
    diagonal = block.diagonal(dim1=-2, dim2=-1).sum(-1)
    elsewhere = (block.sum((-2, -1)) - diagonal) / max(1, n * (n - 1))
    block[:] = elsewhere[..., None, None]
    block.diagonal(dim1=-2, dim2=-1)[:] = (diagonal / n)[..., None]
    return out


def _draw_relabelling(layout: Layout, generator: torch.Generator) -> Int[Tensor, "query key"]:
    token = torch.arange(layout.n_tokens)
    token[layout.patch_slice] = layout.n_prefix + torch.randperm(layout.n_patches, generator=generator)
    return token[:, None] * layout.n_tokens + token


def _turned(pattern: Pattern, layout: Layout) -> Pattern:
    out, patches = pattern.clone(), layout.patch_slice
    ring = layout.ring.expand(*pattern.shape[:-2], -1, -1)
    block = out[..., patches, patches]
    total = torch.zeros(*block.shape[:-1], int(layout.ring.max()) + 1, dtype=block.dtype)
    size = torch.zeros_like(total).scatter_add_(-1, ring, torch.ones_like(block))
    mean = total.scatter_add_(-1, ring, block) / size.clamp(min=1)
    block[:] = mean.gather(-1, ring)
    return out


def _draw_turn(layout: Layout, generator: torch.Generator) -> Int[Tensor, "query key"]:
    n, first = layout.n_tokens, layout.n_prefix
    noise = torch.rand(layout.n_patches, layout.n_patches, generator=generator, dtype=torch.float64)
    at = layout.ring.argsort(dim=-1, stable=True)
    comes_from = (layout.ring + noise).argsort(-1)
    cell = torch.arange(n * n).view(n, n)
    key = torch.empty_like(at).scatter_(-1, at, comes_from)
    cell[first:, first:] = (first + torch.arange(layout.n_patches))[:, None] * n + first + key
    return cell


def _spread(pattern: Pattern, layout: Layout) -> Pattern:
    return pattern.mean(-1, keepdim=True).expand_as(pattern)


def _draw_spread(layout: Layout, generator: torch.Generator) -> Int[Tensor, "query key"]:
    n = layout.n_tokens
    return torch.rand(n, n, generator=generator).argsort(-1) + n * torch.arange(n)[:, None]


RELABELLED = Shuffle(
    "relabelled",
    "patches swap places, as queries and as keys at once: who reads whom stays, where they lie is lost",
    _relabelled,
    _draw_relabelling,
)
TURNED = Shuffle(
    "turned",
    "each query's attention is dealt anew among keys that are equally far from it: how far it looks stays, "
    "in which direction is lost",
    _turned,
    _draw_turn,
)
SPREAD = Shuffle(
    "spread",
    "each query's attention is dealt anew among all keys: how much it concentrates stays, on what is lost",
    _spread,
    _draw_spread,
)


def null_masses(
    pattern: Float[Tensor, "*layer head query key"],
    weights: Float[Tensor, "template query key"],
    shuffle: Shuffle,
    layout: Layout,
    n: int,
    generator: torch.Generator,
) -> Float[Tensor, "draw template *layer head"]:
    """Masses of templates on `n` rearrangements; all heads share each of them, so that their best can be compared."""
    flat = pattern.flatten(-2)
    drawn = [weights.flatten(-2)[:, shuffle.draw(layout, generator).flatten()] for _ in range(n)]
    return torch.stack([(flat @ w.T.to(flat)).movedim(-1, 0) for w in drawn])


NEARLY = 0.95
"""A shuffle that moves one loud key onto another of the template's is a tie, and noise must not decide it."""


def family_wise_p(
    score: Float[Tensor, "*layer head"], null: Float[Tensor, "draw *layer head"]
) -> Float[Tensor, "*layer head"]:
    """Probability that the best head of a shuffled network stands out as much as this one; never 0.

    A head stands out by its distance from its own null's mean in units of that null's spread. A draw counts against
    a head where any head of it stands out nearly as much, `NEARLY` (Westfall & Young 1993, single-step maxT); the
    observed scores count as one more draw.
    """
    chance = null.mean(0)
    spread = null.std(0, correction=0) + 1e-6  # a score that no shuffle can change is no evidence
    observed = (score - chance) / spread
    best = ((null - chance) / spread).flatten(1).amax(1)
    reached = (best.view(-1, *[1] * score.ndim) >= NEARLY * observed).sum(0)
    return (1 + reached) / (1 + len(null))
