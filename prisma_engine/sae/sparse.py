"""Few active latents among many: what is active as a list, and matrix products that touch nothing else.

With k of d_sae latents active, the decoder and both weight gradients need k/d_sae of a dense product's work. All of
them are weighted sums of rows, which torch has a kernel for (`embedding_bag`): the reconstruction sums decoder rows,
a latent's gradients sum the tokens at which it was active. The encoder's own product stays dense, since every latent
must be compared to know which are the largest; see `prisma_engine.sae.topk`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Sparse:
    """The active latents of a batch of tokens, token by token.

    Attributes:
        values: activation of each; differentiable.
        latent: which latent each is.
        start: index of each token's first entry; its entries run to the next token's first.
        d_sae: number of latents.
    """

    values: Float[Tensor, " active"]
    latent: Int[Tensor, " active"]
    start: Int[Tensor, " token"]
    d_sae: int

    @cached_property
    def token(self) -> Int[Tensor, " active"]:
        """The token of each entry."""
        counts = torch.diff(self.start, append=self.start.new_tensor([len(self.latent)]))
        return torch.repeat_interleave(torch.arange(len(self.start), device=self.start.device), counts)

    @cached_property
    def by_latent(self) -> tuple[Tensor, Tensor]:
        """Order that sorts the entries by latent, and where in it each latent's entries start."""
        order = self.latent.argsort(stable=True)
        counts = self.latent.bincount(minlength=self.d_sae)
        return order, counts.cumsum(0) - counts

    @property
    def counts(self) -> Int[Tensor, " latent"]:
        """At how many tokens each latent is active; an entry of 0 does not count."""
        return self.latent[self.values > 0].bincount(minlength=self.d_sae)

    def with_values(self, values: Float[Tensor, " active"]) -> Sparse:
        """The same places with other activations; what was sorted stays sorted."""
        other = replace(self, values=values)
        for name in ("token", "by_latent"):
            if name in self.__dict__:
                other.__dict__[name] = self.__dict__[name]
        return other

    def within(self, low: int, high: int) -> Sparse:
        """Only the latents from `low` up to, not including, `high`, counted from `low`."""
        kept = (self.latent >= low) & (self.latent < high)
        counts = self.token[kept].bincount(minlength=len(self.start))
        return Sparse(self.values[kept], self.latent[kept] - low, counts.cumsum(0) - counts, high - low)

    def dense(self) -> Float[Tensor, "token latent"]:
        """All latents, most of them 0."""
        flat = self.token * self.d_sae + self.latent
        out = self.values.new_zeros(len(self.start) * self.d_sae)
        return out.index_put((flat,), self.values).view(len(self.start), self.d_sae)

    def decode(self, W_dec: Float[Tensor, "latent d_out"]) -> Float[Tensor, "token d_out"]:
        """acts @ W_dec, differentiable in both, without the latents that are 0."""
        # The kernel's own gradient for its weights visits every row; ours is attached to the result instead.
        recon = F.embedding_bag(self.latent, W_dec.detach(), self.start, mode="sum", per_sample_weights=self.values)
        return _DecoderGradient.apply(recon, W_dec, self) if W_dec.requires_grad else recon

    def encoded_by(
        self, x: Float[Tensor, "token d_in"], W_enc: Float[Tensor, "latent d_in"], b_enc: Float[Tensor, " latent"]
    ) -> Sparse:
        """The same, differentiable as what the values are: ReLU(x @ W_encᵀ + b_enc) at these places."""
        return self.with_values(torch.relu(_EncoderGradient.apply(self.values, x, W_enc, b_enc, self)))

    def sum_rows(self, rows: Float[Tensor, "token d"], values: Float[Tensor, " active"]) -> Float[Tensor, "latent d"]:
        """For each latent, the sum over its tokens of value × row: the transpose of `decode`."""
        order, start = self.by_latent
        return F.embedding_bag(
            self.token[order], rows.contiguous(), start, mode="sum", per_sample_weights=values[order]
        )


class _DecoderGradient(torch.autograd.Function):
    """The identity on the reconstruction; gives W_dec its gradient."""

    @staticmethod
    def forward(ctx: Any, recon: Tensor, W_dec: Tensor, active: Sparse) -> Tensor:
        ctx.active = active
        return recon.view_as(recon)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:  # type: ignore[override]
        return grad, ctx.active.sum_rows(grad, ctx.active.values.detach()), None


class _EncoderGradient(torch.autograd.Function):
    """The identity on the values; gives x, W_enc and b_enc their gradients."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, x: Tensor, W_enc: Tensor, b_enc: Tensor, active: Sparse) -> Tensor:
        ctx.save_for_backward(x, W_enc)
        ctx.active = active
        return values.view_as(values)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, W_enc = ctx.saved_tensors
        active: Sparse = ctx.active
        for_x = active.with_values(grad).decode(W_enc.detach()) if ctx.needs_input_grad[1] else None
        for_bias = grad.new_zeros(active.d_sae).index_add_(0, active.latent, grad)
        return None, for_x, active.sum_rows(x, grad), for_bias, None
