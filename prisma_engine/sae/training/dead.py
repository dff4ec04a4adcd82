"""Dead latents: how long each has been silent, and how to give silent ones something to do."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prisma_engine.sae.model import SAE

QUIET = 0.2
"""A resampled encoder row's length, in those of living ones."""


def silence(since: Int[Tensor, " latent"], counts: Int[Tensor, " latent"], tokens: int) -> Int[Tensor, " latent"]:
    """Tokens since each latent was last active, after a batch of so many tokens."""
    return (since + tokens).where(counts == 0, 0)


@torch.no_grad()
def resample(
    sae: SAE,
    optimizer: torch.optim.Optimizer,
    dead: Int[Tensor, " chosen"],
    x: Float[Tensor, "token d_in"],
    target: Float[Tensor, "token d_out"],
    random: torch.Generator,
) -> None:
    """Point dead latents at badly reconstructed tokens (Bricken et al. 2023, "Neuron resampling").

    Tokens are drawn with a probability proportional to their squared error; the decoder row becomes the token's
    residual and the encoder row what the token itself looks like, both as unit vectors, the encoder's shortened to
    `QUIET` of the living latents' mean length; the bias becomes 0 and the optimiser forgets these rows.
    """
    normal = sae.normalized(x)
    error = sae.normalized_target(target, normal) - sae.normalized_target(sae(x).recon, normal)
    drawn = torch.multinomial(error.pow(2).sum(1).cpu(), len(dead), replacement=True, generator=random).to(x.device)
    alive = torch.ones(sae.config.d_sae, dtype=torch.bool, device=x.device).index_fill(0, dead, False)
    length = sae.W_enc[alive].norm(dim=1).mean() if bool(alive.any()) else 1.0
    sae.W_dec[dead] = torch.nn.functional.normalize(error[drawn], dim=1)
    reads = sae.centred(normal)[drawn] if sae.config.is_transcoder else error[drawn]
    sae.W_enc[dead] = torch.nn.functional.normalize(reads, dim=1) * QUIET * length
    for p in (sae.b_enc, sae.W_enc, sae.W_dec):
        for moment in ("exp_avg", "exp_avg_sq"):
            if p in optimizer.state:
                optimizer.state[p][moment][dead] = 0
    sae.b_enc[dead] = 0
