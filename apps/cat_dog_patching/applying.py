"""Chips → what the model answers with them put in, and how many numbers that took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

import prisma_engine as pe
from apps.cat_dog_patching.analysis import PairResult
from apps.cat_dog_patching.places import Chip
from prisma_engine import HookedViT
from prisma_engine.analysis.patching.patches import n_selected


@dataclass(frozen=True)
class Applied:
    """The corrupt run with the chips' activations of the clean one put in."""

    chips: tuple[Chip, ...]
    logits: Float[Tensor, " class"]
    metric: float
    n_numbers: int

    def as_dict(self, result: PairResult) -> dict[str, Any]:
        """The JSON that the canvas reads."""
        return {
            "chips": [chip.as_dict(result.prefix_names) for chip in self.chips],
            "top": result.top(self.logits),
            "metric": self.metric,
            "n_numbers": self.n_numbers,
        }


def apply_chips(model: HookedViT, result: PairResult, chips: Sequence[Chip]) -> Applied:
    """Run the corrupt picture with every chip put in at once; without chips, as it is."""
    sites = tuple(chip.site_in_model for chip in chips)
    logits = pe.apply_patches(model, result.corrupt.x, result.clean.x, [sites])[0, 0].float()
    a, b, _ = result.answers
    return Applied(tuple(chips), logits, float(logits[a] - logits[b]), n_numbers(model, result, chips))


@torch.no_grad()
def n_numbers(model: HookedViT, result: PairResult, chips: Sequence[Chip]) -> int:
    """How many numbers of one forward pass the chips replace."""
    sites = [chip.site_in_model for chip in chips]
    if not sites:
        return 0
    _, cache = model.run_with_cache(result.clean.x, {site.point for site in sites})
    return sum(n_selected(model, site, cache) for site in sites)
