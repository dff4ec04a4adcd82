"""Which latents can be among the k largest: bfloat16 rules out the others, with a proof.

Comparing all latents takes one dense product, x @ W_encᵀ, which is most of a training step. In bfloat16 it is about
five times faster where the processor has instructions for it, and too coarse to rank latents. But its error is
bounded: with x̃, w̃ the rounded vectors, |x·w − x̃·w̃| ≤ ‖x − x̃‖ ‖w‖ + ‖x̃‖ ‖w − w̃‖ (Cauchy–Schwarz). A few more columns
make the bfloat16 product an *upper bound* of each pre_act instead of an estimate: those two terms, and the bias as two
halves. The latents with the 2k largest bounds are then computed in float32. If the k-th largest of those is above the
next bound, no other latent can be among the k largest, and the token is certain. Tokens that are not are looked at
again with 4k and 10k latents; those that are still not certain are compared in full.
"""

from __future__ import annotations

from functools import cache

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

CHUNK = 2**23
"""Bounds that are computed at a time (16 MB)."""
SPARE = (2, 4, 10)
"""Candidates a token, in multiples of k, at one look after the other."""
UP = 1 + 2**-7
"""A positive number times this is at least itself once rounded to bfloat16."""
PAD = 32
"""Widths that are a multiple of this are multiplied fastest."""


@cache
def fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 matrices faster than float32 ones."""
    able = torch.cpu.get_capabilities()
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def pays(x: Tensor, W_enc: Tensor, k: int) -> bool:
    """Whether screening is faster than comparing everything: on such a processor, with k small beside d_sae."""
    worthwhile = len(W_enc) >= 2 * SPARE[-1] * k and len(x) * len(W_enc) >= 2**20
    return worthwhile and x.device.type == "cpu" and x.dtype == torch.float32 and fast_bfloat16()


def topk(
    x: Float[Tensor, "token d_in"], W_enc: Float[Tensor, "latent d_in"], b_enc: Float[Tensor, " latent"], k: int
) -> tuple[Float[Tensor, "token k"], Int[Tensor, "token k"], Bool[Tensor, " token"]]:
    """The k largest pre_acts, their latents, and for which tokens these are certain up to what ReLU sets to 0."""
    left, right = widened(x, W_enc, b_enc)
    values, latent = x.new_empty(len(x), k), torch.empty(len(x), k, dtype=torch.long)
    certain = torch.zeros(len(x), dtype=torch.bool)
    first = 0
    for part in torch.arange(len(x)).split(max(1, CHUNK // len(W_enc))):
        bounds, waiting = left[part[0] : part[-1] + 1] @ right.T, torch.arange(len(part))
        for spare in SPARE[first:]:
            chosen, some = part[waiting], bounds if len(waiting) == len(part) else bounds[waiting]
            values[chosen], latent[chosen], sure = _best(some, x[chosen], W_enc, b_enc, k, spare * k)
            certain[chosen] = sure
            if spare == SPARE[first] and 2 * int(sure.sum()) < len(sure) and spare < SPARE[-1]:
                first += 1  # this look was hardly worth it, and will not be for the next tokens
            waiting = waiting[~sure]
            if not len(waiting):
                break
    return values, latent, certain


def _best(
    bounds: Tensor, x: Tensor, W_enc: Tensor, b_enc: Tensor, k: int, many: int
) -> tuple[Tensor, Tensor, Bool[Tensor, " token"]]:
    """The k largest among the latents with the largest bounds, and whether no other can be larger."""
    others, candidate = largest_bounds(bounds, many)
    values, which = pre_acts_at(x, W_enc, b_enc, candidate).topk(k, dim=1, sorted=False)
    return values, candidate.gather(1, which), values.amin(1) >= others


def widened(x: Tensor, W_enc: Tensor, b_enc: Tensor) -> tuple[Tensor, Tensor]:
    """bfloat16 factors [token width], [latent width] whose product is at least the pre_act."""
    d = x.shape[1]
    width = -(-(d + 4) // PAD) * PAD
    sum_error = width * 2**-22  # of adding up the products in float32, in ‖x̃‖ ‖w̃‖
    left, right = (torch.zeros(len(rows), width, dtype=torch.bfloat16) for rows in (x, W_enc))
    left[:, :d], right[:, :d] = x, W_enc
    x_error, x_length = _rounding(x, left), left[:, :d].float().norm(dim=1)
    w_error, w_length = _rounding(W_enc, right), W_enc.norm(dim=1)
    left[:, d], right[:, d] = (x_error + sum_error * x_length) * UP, w_length * UP
    left[:, d + 1], right[:, d + 1] = x_length * UP, (w_error + sum_error * w_error) * UP
    left[:, d + 2 : d + 4] = 1
    right[:, d + 2] = b_enc
    left_over = b_enc - right[:, d + 2].float()
    right[:, d + 3] = left_over + left_over.abs() * 2**-7 + b_enc.abs() * 2**-14
    return left, right


def _rounding(exact: Tensor, rounded: Tensor) -> Float[Tensor, " row"]:
    """How far each row moved when it was rounded; a few rows at a time, which stay in the cache."""
    parts = zip(exact.split(1024), rounded.split(1024), strict=True)
    return torch.cat([(a - b[:, : a.shape[1]]).norm(dim=1) for a, b in parts])


def largest_bounds(bounds: Tensor, n: int) -> tuple[Float[Tensor, " token"], Int[Tensor, "token n"]]:
    """The latents with the n largest bounds of each token, and a bound for all the others.

    The largest n lie in the n groups with the largest maxima, so most bounds are only looked at by a maximum.
    Positive bfloat16 numbers are ordered like their bits read as integers, whose maximum is quicker; negative ones
    come after all positive ones, out of order, which ReLU does not mind.
    """
    rows, d_sae = bounds.shape
    bits = bounds.view(torch.int16)
    group = next((g for g in (16, 8, 4, 2) if d_sae % g == 0 and d_sae >= g * g * n // 2), 1)
    grouped = bits.view(rows, group, d_sae // group)
    best = grouped.amax(1).topk(n, dim=1, sorted=False).indices
    members = grouped.gather(2, best.unsqueeze(1).expand(-1, group, -1)).flatten(1)
    found, which = members.topk(n, dim=1, sorted=False)
    latent = (which // n) * (d_sae // group) + best.gather(1, which % n)
    least = found.amin(1).contiguous().view(torch.bfloat16).float().clamp(min=0)
    return least * (1 + 2**-7), latent  # the product was rounded to bfloat16, perhaps down


def pre_acts_at(
    x: Float[Tensor, "token d_in"],
    W_enc: Float[Tensor, "latent d_in"],
    b_enc: Float[Tensor, " latent"],
    latent: Int[Tensor, "token n"],
) -> Float[Tensor, "token n"]:
    """Pre_acts of chosen latents only.

    The product of a token with some rows is the gradient of a weighted sum of these rows for its weights, and the
    kernel of that gradient visits nothing else.
    """
    tokens, n = latent.shape
    start, token = torch.arange(0, tokens * n, n), torch.arange(tokens).repeat_interleave(n)
    product = torch.ops.aten._embedding_bag_per_sample_weights_backward
    return product(x.contiguous(), W_enc.detach(), latent.flatten(), start, token, 0).view_as(latent) + b_enc[latent]
