"""The largest pre_acts of each token, or of a whole batch, found without ever holding all pre_acts at once.

Both functions return acts after ReLU, and are exact: a positive pre_act that belongs among the largest is always
found. Where fewer are positive, the entries that are left over are latents with an activation of 0.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.sae import screen
from prisma_engine.sae.sparse import Sparse

CHUNK = 2**23
"""Pre_acts that are computed at a time (32 MB in float32)."""

Gather = Callable[[Tensor], Tensor]
"""A vector of this process → those of all processes, one after the other."""


@torch.no_grad()
def topk(
    x: Float[Tensor, "token d_in"], W_enc: Float[Tensor, "latent d_in"], b_enc: Float[Tensor, " latent"], k: int
) -> Sparse:
    """ReLU of the k largest of x @ W_encᵀ + b_enc at every token: exactly k entries a token, without a gradient.

    A processor that multiplies bfloat16 several times faster than float32 screens the latents first (see
    `prisma_engine.sae.screen`); what comes out is the same.
    """
    if screen.pays(x, W_enc, k):
        values, latent, certain = screen.topk(x, W_enc, b_enc, k)
        doubtful = (~certain).nonzero().squeeze(1)
        if len(doubtful):
            values[doubtful], latent[doubtful] = plain_topk(x[doubtful], W_enc, b_enc, k)
    else:
        values, latent = plain_topk(x, W_enc, b_enc, k)
    start = torch.arange(0, len(x) * k, k, device=x.device)
    return Sparse(values.flatten().relu_(), latent.flatten(), start, len(W_enc))


def plain_topk(x: Tensor, W_enc: Tensor, b_enc: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """Values and latents [token k] of the k largest pre_acts, by comparing all of them."""
    n, d_sae = len(x), len(W_enc)
    rows = max(1, min(n, CHUNK // d_sae))
    values, latent = x.new_empty(n, k), torch.empty(n, k, dtype=torch.long, device=x.device)
    pre_acts = x.new_empty(rows, d_sae)
    for at in range(0, n, rows):
        part = slice(at, min(n, at + rows))
        found = torch.addmm(b_enc, x[part], W_enc.T, out=pre_acts[: part.stop - at]).topk(k, dim=1, sorted=False)
        values[part], latent[part] = found
    return values, latent


@torch.no_grad()
def batch_topk(
    x: Float[Tensor, "token d_in"],
    W_enc: Float[Tensor, "latent d_in"],
    b_enc: Float[Tensor, " latent"],
    k: int,
    gather: Gather = lambda vector: vector,
    guess: int = 4,
) -> tuple[Sparse, float]:
    """ReLU of the k · tokens largest pre_acts of the whole batch, and the least activation that was kept.

    A token may have more or fewer than k.

    Args:
        gather: makes the batches of several processes one, out of which the largest are taken. Each process must
            have equally many tokens.
        guess: how many times k latents of a token are looked at first; more, if one of them might have more.
    """
    many = min(guess * k, len(W_enc))
    while True:
        found = topk(x, W_enc, b_enc, many)
        values = found.values.view(-1, many)
        least = _least_kept(values.flatten(), k * len(x), gather)
        might_hide_more = (values.amin(1) > least).any()
        if many == len(W_enc) or not gather(might_hide_more.view(1)).any():
            break
        many = min(2 * many, len(W_enc))
    kept = (values >= least) & (values > 0)
    counts = kept.sum(1)
    latent = found.latent.view(-1, many)[kept]
    return Sparse(values[kept], latent, counts.cumsum(0) - counts, len(W_enc)), float(least)


def _least_kept(values: Float[Tensor, " candidate"], share: int, gather: Gather) -> Tensor:
    """The smallest of the largest values of all processes, `share` a process."""
    n = share * (len(gather(values.new_zeros(1))))
    largest = values.topk(min(n, len(values)), sorted=False).values
    everywhere = gather(largest)
    return everywhere.topk(min(n, len(everywhere)), sorted=False).values.min()
