"""What one head reads on both pictures, and which of that it passes on towards the first answer."""

from __future__ import annotations

from typing import Any

import torch

import prisma_engine as pe
from apps.cat_dog_patching.analysis import SIDES, PairResult
from apps.cat_dog_patching.sweeping import plain_row
from prisma_engine import HookedViT
from prisma_engine.cache import hook_name


@torch.no_grad()
def reads(model: HookedViT, result: PairResult, layer: int, head: int) -> dict[str, Any]:
    """The JSON that the canvas reads: for each picture, attention and attribution by token that is read.

    Attention is CLS's, or the mean over all tokens where there is no CLS. Attribution is what the head adds to
    logit[a] − logit[b] by way of each token; it sums to the head's own share of the direct logit attribution.

    Raises:
        ValueError: if there is no such layer or head.
    """
    if not (0 <= layer < result.n_layers and 0 <= head < result.n_heads):
        raise ValueError(f"there is no layer {layer} with a head {head} in this model")
    a, b, _ = result.answers
    found: dict[str, Any] = {"layer": layer, "head": head}
    for side in SIDES:
        x = getattr(result, side).x
        name = hook_name("pattern", layer)
        pattern = model.run_with_cache(x, name)[1][name][0, head]
        attention = pattern[0] if result.prefix_names else pattern.mean(0)
        attribution = pe.source_attribution(model, x, pe.logit_diff(a, b), layer)[0, head]
        found[side] = {"attention": plain_row(attention), "attribution": plain_row(attribution)}
    return found
