"""pre_acts → acts, for the activations that look at each latent alone, and what training needs in place of a gradient.

TopK and BatchTopK, which compare latents with each other, are in `prisma_engine.sae.topk`.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def jumprelu(
    pre_acts: Float[Tensor, "*token latent"], threshold: Float[Tensor, "*latent"]
) -> Float[Tensor, "*token latent"]:
    """pre_act where it is above the latent's threshold (and above 0), else 0 (Erichson et al. 2019)."""
    return pre_acts.where((pre_acts > threshold) & (pre_acts > 0), 0.0)


def gated(
    projected: Float[Tensor, "*token latent"],
    b_gate: Float[Tensor, " latent"],
    r_mag: Float[Tensor, " latent"],
    b_mag: Float[Tensor, " latent"],
) -> Float[Tensor, "*token latent"]:
    """Which latents are active, and how much, decided apart (Rajamanoharan et al. 2024, arXiv 2404.16014, eq. 6–7).

    With p = x @ W_encᵀ: active where p + b_gate > 0, by ReLU(exp(r_mag) p + b_mag).
    """
    return ((projected + b_gate) > 0) * torch.relu(r_mag.exp() * projected + b_mag)


def trainable_jumprelu(
    pre_acts: Float[Tensor, "token latent"], threshold: Float[Tensor, " latent"], bandwidth: float
) -> Float[Tensor, "token latent"]:
    """`jumprelu` whose threshold gets the straight-through gradient of arXiv 2407.14435, eq. 11.

    −threshold / bandwidth where the pre_act is within half a bandwidth of the threshold, 0 elsewhere.
    """
    return _JumpReLU.apply(pre_acts, threshold, bandwidth)


def trainable_l0(
    pre_acts: Float[Tensor, "token latent"], threshold: Float[Tensor, " latent"], bandwidth: float
) -> Float[Tensor, " token"]:
    """Active latents of each token, with the straight-through gradient for the threshold (ibid., eq. 12).

    −1 / bandwidth for each pre_act within half a bandwidth of the threshold.
    """
    return _Step.apply(pre_acts, threshold, bandwidth).sum(-1)


def _near(pre_acts: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
    return (pre_acts - threshold).abs() < bandwidth / 2


class _JumpReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pre_acts: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
        ctx.save_for_backward(pre_acts, threshold)
        ctx.bandwidth = bandwidth
        return jumprelu(pre_acts, threshold)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:  # type: ignore[override]
        pre_acts, threshold = ctx.saved_tensors
        active = (pre_acts > threshold) & (pre_acts > 0)
        near = _near(pre_acts, threshold, ctx.bandwidth)
        return grad * active, (-(threshold / ctx.bandwidth) * near * grad).sum(0), None


class _Step(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pre_acts: Tensor, threshold: Tensor, bandwidth: float) -> Tensor:
        ctx.save_for_backward(pre_acts, threshold)
        ctx.bandwidth = bandwidth
        return (pre_acts > threshold).to(pre_acts.dtype)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[None, Tensor, None]:  # type: ignore[override]
        pre_acts, threshold = ctx.saved_tensors
        near = _near(pre_acts, threshold, ctx.bandwidth)
        return None, (-(1 / ctx.bandwidth) * near * grad).sum(0), None
