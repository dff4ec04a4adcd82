"""A turn → the edits of each column: the reconstruction, the latents turned, random ones as far, the other sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import normalize

from apps.vlm_steering.turn import Turn
from prisma_engine.hooks import Edit, HookPoint
from prisma_engine.sae.features import Dial
from prisma_engine.vlm import at

if TYPE_CHECKING:
    from prisma_engine.running import Edits
    from prisma_engine.sae import SAE

COLUMNS = ("original", "reconstruction", "steered", "control")


def edits_of(sae: SAE, turn: Turn, column: str, typical: Float[Tensor, " latent"], seed: int = 0) -> Edits:
    """What `HookedVLM.generate` takes for one of `COLUMNS`.

    Args:
        seed: of the random latents.

    Raises:
        ValueError: one sentence, for amounts that are not possible.
    """
    if column == "original":
        return {}
    edit = _edit(sae, turn, column, typical, seed)
    return {} if edit is None else {sae.config.writes: at(edit, turn.where, turn.when)}


def _edit(sae: SAE, turn: Turn, column: str, typical: Float[Tensor, " latent"], seed: int) -> Edit | None:
    splice = sae.splice()
    if column == "reconstruction":
        return splice
    if not turn.dials:
        return None if turn.keep_error else splice
    steering = sae.steer(turn.changes(typical), keep_error=turn.keep_error)
    if column == "steered":
        return steering
    base = None if turn.keep_error else splice
    if turn.control == "opposite":
        return mirrored(steering, base)
    return randomised(steering, base, random_direction(sae, turn, typical, seed))


def mirrored(steering: Edit, base: Edit | None) -> Edit:
    """What takes away as much as `steering` adds; both are counted from what `base` makes of the activation."""

    def edit(x: Tensor, point: HookPoint) -> Tensor:
        against = x if base is None else base(x.clone(), point)
        return 2 * against - steering(x, point)

    return edit


def randomised(steering: Edit, base: Edit | None, direction: Float[Tensor, " d_out"]) -> Edit:
    """What moves every token as far as `steering` does, but along `direction`, a vector of length 1."""

    def edit(x: Tensor, point: HookPoint) -> Tensor:
        against = x if base is None else base(x.clone(), point)
        far = (steering(x, point) - against).norm(dim=-1, keepdim=True)
        return against + far * direction.to(x)

    return edit


def random_direction(sae: SAE, turn: Turn, typical: Float[Tensor, " latent"], seed: int) -> Float[Tensor, " d_out"]:
    """What random latents write together, as many as are turned, made a vector of length 1.

    They are drawn among those that were ever active and are not turned (among all, where those are too few), and each
    has the sign of the change that it stands for.
    """
    taken = [dial.latent for dial in turn.dials]
    free = typical > 0
    free[taken] = False
    pool = free.nonzero()[:, 0]
    if len(pool) < len(taken):
        pool = torch.arange(len(typical))
    generator = torch.Generator().manual_seed(seed)
    drawn = pool[torch.randperm(len(pool), generator=generator)[: len(taken)]]
    signs = torch.tensor([[-1.0] if _lowers(dial) else [1.0] for dial in turn.dials[: len(drawn)]])
    rows = normalize(sae.W_dec[drawn], dim=-1)
    return normalize((rows * signs.to(rows)).sum(0), dim=0)


def _lowers(dial: Dial) -> bool:
    """Whether a change takes away of what the latent writes."""
    return dial.how == "ablate" or (dial.how == "scale" and dial.amount < 1) or dial.amount < 0
