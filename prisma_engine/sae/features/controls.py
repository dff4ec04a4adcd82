"""Is it this direction? The same push along random latents, and along the same latents the other way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from prisma_engine.analysis.metrics import ClassName, class_index
from prisma_engine.sae.features.outcome import Outcome, outcome
from prisma_engine.sae.features.rack import Rack
from prisma_engine.sae.features.start import Start
from prisma_engine.sae.features.steer import Placed, placed
from prisma_engine.sae.model import SAE


@dataclass(frozen=True)
class Controls:
    """What a rack does to one image, beside what else as much would do.

    Attributes:
        steered: the rack itself.
        random: random latents, as many, at the same tokens, each token's change of the same length.
        opposite: the rack's change with the other sign.
        against: what changes are counted from: the "original", or where the error is not kept, the "reconstruction".
    """

    steered: Outcome
    random: Outcome
    opposite: Outcome
    against: Literal["original", "reconstruction"]


@torch.no_grad()
def controls(
    start: Start, rack: Rack, typical: Float[Tensor, " latent"], watched: ClassName, n: int = 50, seed: int = 0
) -> Controls:
    """Compare a rack with `n` random ones of the same length, and with its own opposite, on one image.

    Args:
        watched: the class whose logit is followed, by name or index.
        seed: of the draws.

    Raises:
        ValueError: for an empty rack, several images, fewer than one draw, or what `placed` refuses.
    """
    if not rack.dials:
        raise ValueError("there is nothing to compare yet: put a latent into the rack")
    if len(start.x) != 1 or n < 1:
        raise ValueError(f"controls are of one image and at least one draw, got {len(start.x)} and {n}")
    put, index = placed(start, rack, typical), class_index(start.model, watched)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.cat([random_change(start.sae, rack, typical, put, generator) for _ in range(n)])
    variants = torch.cat([with_change(put, change) for change in (put.written, -put.written, drawn)])
    after = start.answers(variants, put.tokens)
    before = start.logits if rack.keep_error else start.answers(put.against, put.tokens)
    found = outcome(before.expand_as(after), after, index)
    against = "original" if rack.keep_error else "reconstruction"
    return Controls(found.part(slice(1)), found.part(slice(2, None)), found.part(slice(1, 2)), against)


def with_change(put: Placed, change: Float[Tensor, "variant changed d_out"]) -> Float[Tensor, "variant token d_out"]:
    """Activations in which something else is added at the changed tokens."""
    out = put.against.expand(len(change), -1, -1).clone()
    out[:, list(put.changed)] += change
    return out


def random_change(
    sae: SAE, rack: Rack, typical: Float[Tensor, " latent"], put: Placed, generator: torch.Generator
) -> Float[Tensor, "image changed d_out"]:
    """What random latents write instead of the rack's, when they are moved as far at the same tokens.

    They are drawn anew for each image, as many as in the rack, among those that are ever active and not in it (among
    all, where those are too few). Each token's change is then made as long as the rack's own there.
    """
    taken = [dial.latent for dial in rack.dials]
    free = typical > 0
    free[taken] = False
    pool = free.nonzero().squeeze(1)
    if len(pool) < len(taken):
        pool = torch.arange(len(typical))
    draws = [pool[torch.randperm(len(pool), generator=generator)[: len(taken)]] for _ in range(len(put.moved))]
    directions = normalize(sae.W_dec[torch.stack(draws)], dim=-1) * sae.W_dec[taken].norm(dim=-1)[:, None]
    return normalize(put.moved @ directions, dim=-1) * put.written.norm(dim=-1, keepdim=True)
