"""Where training starts: normalisation measured, b_dec at the data's centre, latents in random directions."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.sae.model import SAE
from prisma_engine.sae.normalize import unit_scale
from prisma_engine.training.seeds import generator

SAMPLE = 16_384
"""Tokens that the centre is taken over."""


@torch.no_grad()
def initialise(sae: SAE, x: Float[Tensor, "token d_in"], target: Float[Tensor, "token d_out"], seed: int) -> None:
    """Set every parameter before the first step.

    Decoder rows are random unit vectors. The encoder starts as the decoder's transpose (Gao et al. 2024, arXiv
    2406.04093, §A.1); of a transcoder, whose two sides have nothing to do with each other, as random unit vectors.
    """
    x, target = x[:SAMPLE], target[:SAMPLE]
    sae.scale_in.fill_(unit_scale(x) if sae.config.normalize == "scale" else 1.0)
    sae.scale_out.fill_(unit_scale(target) if sae.config.normalize == "scale" else 1.0)
    random = generator(seed, "start")
    sae.W_dec.copy_(_unit_rows(sae.config.d_sae, sae.config.d_out, random))
    same = not sae.config.is_transcoder
    sae.W_enc.copy_(sae.W_dec if same else _unit_rows(sae.config.d_sae, sae.config.d_in, random))
    normal = sae.normalized(x)
    sae.b_dec.copy_(geometric_median(normal.x if same else sae.normalized_target(target, normal)))
    if sae.b_in is not None:
        sae.b_in.copy_(geometric_median(normal.x))
    if sae.config.activation == "jumprelu" and sae.threshold is not None:
        sae.threshold.fill_(0.001)  # arXiv 2407.14435, §A


def _unit_rows(n: int, d: int, random: torch.Generator) -> Float[Tensor, "n d"]:
    return torch.nn.functional.normalize(torch.randn(n, d, generator=random), dim=1)


def geometric_median(
    x: Float[Tensor, "token d"], iterations: int = 100, tolerance: float = 1e-6
) -> Float[Tensor, " d"]:
    """The point whose distances to all tokens have the least sum, by Weiszfeld's iteration (1937).

    Few tokens far away from the others, as vision transformers have, move the mean a lot and this little.
    """
    centre = x.mean(0)
    for _ in range(iterations):
        weight = 1 / (x - centre).norm(dim=1).clamp(min=1e-6)
        moved = (weight[:, None] * x).sum(0) / weight.sum()
        if float((moved - centre).norm()) <= tolerance * float(centre.norm()):
            return moved
        centre = moved
    return centre
