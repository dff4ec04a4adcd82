"""What training minimises: squared error, sparsity where the activation does not force it, and the revival of the dead.

Everything here is in normalised units. The squared error is summed over dimensions and averaged over tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

from prisma_engine.sae.activations import gated, trainable_jumprelu, trainable_l0
from prisma_engine.sae.model import SAE
from prisma_engine.sae.normalize import Normalized
from prisma_engine.sae.sparse import Sparse
from prisma_engine.sae.topk import Gather, batch_topk, topk
from prisma_engine.sae.training.recipe import Loss


def alone(vector: Tensor) -> Tensor:
    """The `gather` of a single process."""
    return vector


@dataclass(frozen=True)
class Judged:
    """A batch and what was made of it.

    Attributes:
        total: what is minimised.
        parts: its terms, weighted.
        recon: reconstruction in the units of the activations, without a gradient.
        counts: at how many tokens each latent was active.
        least: BatchTopK: the least activation that was kept; otherwise 0.
    """

    total: Float[Tensor, ""]
    parts: dict[str, float]
    recon: Float[Tensor, "token d_out"]
    counts: Int[Tensor, " latent"]
    least: float


@dataclass(frozen=True)
class _Encoded:
    """acts, in whichever form is smaller, and the sparsity penalty that belongs to them."""

    acts: Sparse | Float[Tensor, "token latent"]
    penalty: Tensor | None = None
    gate: Float[Tensor, "token latent"] | None = None
    least: float = 0.0

    def decode(self, W_dec: Float[Tensor, "latent d_out"], low: int = 0, high: int | None = None) -> Tensor:
        """What the latents from `low` to `high` add to the reconstruction."""
        if high is None:
            return self.acts.decode(W_dec) if isinstance(self.acts, Sparse) else self.acts @ W_dec
        if isinstance(self.acts, Sparse):
            return self.acts.within(low, high).decode(W_dec[low:high])
        return self.acts[:, low:high] @ W_dec[low:high]

    @property
    def counts(self) -> Int[Tensor, " latent"]:
        return self.acts.counts if isinstance(self.acts, Sparse) else (self.acts > 0).sum(0)


def judge(
    sae: SAE,
    x: Float[Tensor, "token d_in"],
    target: Float[Tensor, "token d_out"],
    loss: Loss,
    warm: float = 1.0,
    dead: Bool[Tensor, " latent"] | None = None,
    gather: Gather = alone,
) -> Judged:
    """The loss of one batch.

    Args:
        warm: share of the sparsity weight that applies, while it rises.
        dead: latents that AuxK may revive.
        gather: see `batch_topk`.
    """
    normal = sae.normalized(x)
    centred, wanted = sae.centred(normal), sae.normalized_target(target, normal)
    encoded = _encode(sae, centred, loss, gather)
    recon, error = _reconstruct(sae, encoded, normal, wanted)
    terms = {"mse": error}
    if encoded.penalty is not None and loss.sparsity:
        terms["sparsity"] = loss.sparsity * warm * encoded.penalty
    if encoded.gate is not None:
        terms["gate"] = _gate_error(sae, encoded.gate, normal, wanted)
    if loss.aux and dead is not None and bool(dead.any()):
        terms["aux"] = loss.aux * _aux(sae, centred, (wanted - recon).detach(), dead, loss.k_aux)
    total = torch.stack(list(terms.values())).sum()
    parts = {name: float(term.detach()) for name, term in terms.items()}
    return Judged(total, parts, sae.restored(normal, recon.detach()), encoded.counts, encoded.least)


def _encode(sae: SAE, x: Float[Tensor, "token d_in"], loss: Loss, gather: Gather) -> _Encoded:
    c = sae.config
    if c.activation == "topk":
        return _Encoded(topk(x, sae.W_enc, sae.b_enc, c.k).encoded_by(x, sae.W_enc, sae.b_enc))
    if c.activation == "batch_topk":
        found, least = batch_topk(x, sae.W_enc, sae.b_enc, c.k, gather)
        return _Encoded(found.encoded_by(x, sae.W_enc, sae.b_enc), least=least)
    if c.activation == "gated":
        assert sae.r_mag is not None and sae.b_mag is not None
        projected = F.linear(x, sae.W_enc)
        gate = torch.relu(projected + sae.b_enc)
        return _Encoded(gated(projected, sae.b_enc, sae.r_mag, sae.b_mag), _l1(sae, gate), gate)
    pre_acts = F.linear(x, sae.W_enc, sae.b_enc)
    if c.activation == "jumprelu":
        assert sae.threshold is not None
        l0 = trainable_l0(pre_acts, sae.threshold, loss.bandwidth).mean()
        return _Encoded(trainable_jumprelu(pre_acts, sae.threshold, loss.bandwidth), l0)
    acts = torch.relu(pre_acts)
    return _Encoded(acts, _l1(sae, acts))


def _l1(sae: SAE, acts: Float[Tensor, "token latent"]) -> Float[Tensor, ""]:
    """Mean over tokens of Σ act · ‖decoder row‖, so that shrinking acts and growing rows gains nothing."""
    return (acts * sae.W_dec.norm(dim=1)).sum(-1).mean()


def _squared(error: Float[Tensor, "token d"]) -> Float[Tensor, ""]:
    return error.pow(2).sum(-1).mean()


def _reconstruct(sae: SAE, encoded: _Encoded, normal: Normalized, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """The whole reconstruction and its error; of a Matryoshka SAE the mean error over its nested parts.

    Bussmann et al. 2025, arXiv 2503.17547, eq. 5.
    """
    base = sae.b_dec if sae.W_skip is None else sae.b_dec + normal.x @ sae.W_skip
    if not sae.config.nested:
        recon = encoded.decode(sae.W_dec) + base
        return recon, _squared(wanted - recon)
    recon, errors = base, []
    for low, high in pairwise((0, *sae.config.nested)):
        recon = recon + encoded.decode(sae.W_dec, low, high)
        errors.append(_squared(wanted - recon))
    return recon, torch.stack(errors).mean()


def _gate_error(sae: SAE, gate: Tensor, normal: Normalized, wanted: Tensor) -> Float[Tensor, ""]:
    """What the gate alone would reconstruct through a frozen decoder (arXiv 2404.16014, eq. 8), which trains it."""
    base = sae.b_dec if sae.W_skip is None else sae.b_dec + normal.x @ sae.W_skip
    return _squared(wanted - gate @ sae.W_dec.detach() - base.detach())


def _aux(sae: SAE, x: Tensor, residual: Tensor, dead: Bool[Tensor, " latent"], k: int) -> Float[Tensor, ""]:
    """Error of reconstructing the residual from the k_aux largest dead latents (arXiv 2406.04093, §A.2).

    Their pre_acts count as they are, negative too: ReLU would leave the deadest without a gradient. Weighed down
    where fewer than k_aux are dead.
    """
    which = dead.nonzero().squeeze(1)
    k = k or sae.config.d_in // 2
    pre_acts = F.linear(x, sae.W_enc[which], sae.b_enc[which])
    largest = pre_acts.topk(min(k, len(which)), dim=1, sorted=False)
    acts = torch.zeros_like(pre_acts).scatter(1, largest.indices, largest.values)
    return min(1.0, len(which) / k) * _squared(residual - acts @ sae.W_dec[which])
