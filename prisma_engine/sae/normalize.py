"""What is done to activations before the encoder, and undone after the decoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.sae.config import Normalize

LAYER_NORM_EPS = 1e-5


@dataclass(frozen=True)
class Normalized:
    """Activations as the encoder reads them: x = normalised × `scale` + `shift`.

    Attributes:
        x: normalised.
        scale: what the normalised vectors are multiplied by to undo it.
        shift: what is then added.
    """

    x: Float[Tensor, "*token d_in"]
    scale: Float[Tensor, "*token 1"] | Float[Tensor, ""]
    shift: Float[Tensor, "*token 1"] | float

    def undo(self, recon: Float[Tensor, "*token d_out"]) -> Float[Tensor, "*token d_out"]:
        """A reconstruction in the units of the activations."""
        return recon * self.scale + self.shift


def normalized(x: Float[Tensor, "*token d_in"], kind: Normalize, factor: Float[Tensor, ""]) -> Normalized:
    """Normalise activations in one of the ways of `SAEConfig.normalize`.

    Args:
        factor: for "scale", what to multiply by.
    """
    one = torch.ones((), dtype=x.dtype, device=x.device)
    if kind == "none":
        return Normalized(x, one, 0.0)
    if kind == "scale":
        return Normalized(x * factor, 1 / factor, 0.0)
    if kind == "constant_norm":
        length = x.norm(dim=-1, keepdim=True) / x.shape[-1] ** 0.5
        return Normalized(x / length, length, 0.0)
    mean, std = x.mean(-1, keepdim=True), x.std(-1, keepdim=True)  # unbiased, as the SAEs that use it were trained
    return Normalized((x - mean) / (std + LAYER_NORM_EPS), std, mean)


def unit_scale(x: Float[Tensor, "token d"]) -> Float[Tensor, ""]:
    """The factor that makes the mean squared length of these vectors d, their width."""
    return (x.shape[-1] / x.pow(2).sum(-1).mean()).sqrt()
