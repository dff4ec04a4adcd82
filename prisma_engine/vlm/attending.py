"""The attention function that transformers calls: its own, unless somebody asks for scores or the pattern."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

if TYPE_CHECKING:
    from prisma_engine.vlm.decoder import AttentionPoints

BASES = ("sdpa", "eager")
"""transformers' implementations that are known here; the registered name is `prisma-` and one of them."""

_points: WeakKeyDictionary[nn.Module, list[AttentionPoints]] = WeakKeyDictionary()


def watch(attention: nn.Module, points: AttentionPoints) -> None:
    """Let these hook points see the scores and pattern of one attention module."""
    _points.setdefault(attention, []).append(points)


def implementation(base: str) -> str:
    """The name of our attention function that otherwise does as `base`, registered with transformers.

    Raises:
        ValueError: for an implementation that shows no pattern and is not known here.
    """
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS

    name = base if base.startswith("prisma-") else f"prisma-{base}"
    base = name.removeprefix("prisma-")
    if base not in BASES:
        raise ValueError(f"attention by {base!r} is not understood; load the model with one of {', '.join(BASES)}")
    AttentionInterface.register(name, _sdpa if base == "sdpa" else _explicit)
    AttentionMaskInterface.register(name, ALL_MASK_ATTENTION_FUNCTIONS[base])
    return name


def _sdpa(module: nn.Module, query: Tensor, key: Tensor, value: Tensor, attention_mask: Any, **kwargs: Any) -> Any:
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    wanted = any(p.hook_pattern.wanted or p.hook_attn_scores.wanted for p in _points.get(module, ()))
    attend = _explicit if wanted else ALL_ATTENTION_FUNCTIONS["sdpa"]
    return attend(module, query, key, value, attention_mask, **kwargs)


def _explicit(
    module: Any,
    query: Float[Tensor, "batch head query d_head"],
    key: Float[Tensor, "batch kv_head key d_head"],
    value: Float[Tensor, "batch kv_head key d_head"],
    attention_mask: Tensor | None,
    scaling: float,
    softcap: float | None = None,
    **kwargs: Any,
) -> tuple[Float[Tensor, "batch query head d_head"], Float[Tensor, "batch head query key"]]:
    """Attention as transformers' eager functions compute it, operation for operation, with hook points between.

    Scores are after scaling and soft-capping, −∞ where a key is hidden; the softmax is taken in float32.
    """
    groups = query.shape[1] // key.shape[1]
    key, value = (x.repeat_interleave(groups, dim=1) if groups > 1 else x for x in (key, value))
    scores = query @ key.transpose(2, 3) * scaling
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    hidden = _hidden(attention_mask, scores)
    scores = scores if hidden is None else scores.masked_fill(hidden, -math.inf)
    points = _points.get(module, ())
    for each in points:
        scores = each.hook_attn_scores(scores)
    pattern = scores.softmax(-1, dtype=torch.float32).to(query.dtype)
    for each in points:
        pattern = each.hook_pattern(pattern)
    return (pattern @ value).transpose(1, 2).contiguous(), pattern


def _hidden(mask: Tensor | None, scores: Tensor) -> Bool[Tensor, "#batch #head query key"] | None:
    """Which keys a query must not see; None for none.

    transformers leaves the mask out where it is plainly causal.
    """
    n_query, n_key = scores.shape[-2:]
    if mask is None:
        future = torch.ones(n_query, n_key, dtype=torch.bool, device=scores.device).triu(n_key - n_query + 1)
        return future if n_query > 1 else None
    return ~mask if mask.dtype == torch.bool else mask != 0
