"""Latents that write nearly the same."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F

from prisma_engine.sae.features.feature_map import check_latent
from prisma_engine.sae.model import SAE


@dataclass(frozen=True)
class Neighbour:
    """Another latent, and the cosine of the two decoder rows, −1 to 1."""

    latent: int
    cosine: float


def neighbours(sae: SAE, latent: int, k: int = 8) -> tuple[Neighbour, ...]:
    """The latents whose decoder rows have the largest cosine with one's, nearest first.

    Raises:
        ValueError: for a latent that there is none of.
    """
    check_latent(sae, latent)
    rows = sae.W_dec.detach()
    cosine = F.cosine_similarity(rows, rows[latent], dim=1)
    cosine[latent] = -2  # itself
    best = cosine.topk(min(k, len(rows) - 1))
    return tuple(Neighbour(i, c) for i, c in zip(best.indices.tolist(), best.values.tolist(), strict=True))
