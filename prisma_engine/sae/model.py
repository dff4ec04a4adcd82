"""SAE: one encoder and one decoder. A sparse autoencoder reconstructs what it reads, a transcoder predicts another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from prisma_engine.edits import Selector
from prisma_engine.sae.activations import gated, jumprelu
from prisma_engine.sae.config import SAEConfig
from prisma_engine.sae.measuring.metrics import explained_variance
from prisma_engine.sae.normalize import Normalized, normalized
from prisma_engine.sae.sparse import Sparse
from prisma_engine.sae.steering import Changes, Steering, steering
from prisma_engine.sae.topk import topk

if TYPE_CHECKING:
    from prisma_engine.running import Hooked


@dataclass(frozen=True)
class SAEOutput:
    """What an SAE makes of activations.

    Attributes:
        acts: activation of every latent; 0 where it is not active, never negative.
        recon: reconstruction, in the units of the activations.
        target: what `recon` stands for: what was read, or for a transcoder what it predicts, if that was given.
    """

    acts: Float[Tensor, "*token latent"]
    recon: Float[Tensor, "*token d_out"]
    target: Float[Tensor, "*token d_out"] | None

    @cached_property
    def l0(self) -> float:
        """Active latents a token, on average."""
        return float((self.acts > 0).sum(-1).float().mean())

    @cached_property
    def explained_variance(self) -> float:
        """`metrics.explained_variance` over all tokens given.

        Raises:
            ValueError: of a transcoder that was not told its target, or where the activation is constant.
        """
        if self.target is None:
            raise ValueError("a transcoder's explained variance needs its target: call it as sae(x, target=…)")
        x, recon = self.target.detach(), self.recon.detach()
        return float(explained_variance(x.reshape(-1, x.shape[-1]), recon.reshape(-1, x.shape[-1])))


class SAE(nn.Module):
    """A sparse autoencoder or transcoder on one hook point of one model.

        pre_acts = (normalised x − input bias) @ W_encᵀ + b_enc
        acts     = activation(pre_acts)
        recon    = acts @ W_dec + b_dec, with the normalisation undone

    A latent is a row of both matrices.

    Attributes:
        config: its shape, and the model, hook point and tokens that it belongs to.
        W_enc: encoder directions [latent d_in].
        b_enc: encoder biases [latent]; of a gated SAE, those of the gate.
        W_dec: decoder directions [latent d_out], what one unit of activation adds (before normalisation is undone).
        b_dec: decoder bias [d_out].
        b_in: input bias of its own [d_in], or None.
        threshold: JumpReLU's [latent], or BatchTopK's one for all [], or None.
        r_mag, b_mag: a gated SAE's magnitudes [latent], or None.
        W_skip: a transcoder's linear path [d_in d_out], or None.
        scale_in, scale_out: stored factors of the normalisation "scale", for what is read and what is written.
    """

    W_enc: nn.Parameter
    b_enc: nn.Parameter
    W_dec: nn.Parameter
    b_dec: nn.Parameter
    b_in: nn.Parameter | None
    r_mag: nn.Parameter | None
    b_mag: nn.Parameter | None
    W_skip: nn.Parameter | None
    scale_in: Tensor
    scale_out: Tensor
    threshold: Tensor | None

    def __init__(self, config: SAEConfig) -> None:
        super().__init__()
        self.config = c = config
        vector = {"b_enc": c.d_sae, "b_dec": c.d_out}
        vector |= {"b_in": c.d_in} if c.input_bias == "own" else {}
        vector |= {"r_mag": c.d_sae, "b_mag": c.d_sae} if c.activation == "gated" else {}
        self.W_enc = nn.Parameter(torch.zeros(c.d_sae, c.d_in))
        self.W_dec = nn.Parameter(torch.zeros(c.d_sae, c.d_out))
        for name in ("b_enc", "b_dec", "b_in", "r_mag", "b_mag"):
            self.register_parameter(name, nn.Parameter(torch.zeros(vector[name])) if name in vector else None)
        self.register_parameter("W_skip", nn.Parameter(torch.zeros(c.d_in, c.d_out)) if c.skip else None)
        self._add_threshold()
        for name in ("scale_in", "scale_out"):
            self.register_buffer(name, torch.ones(()))

    def _add_threshold(self) -> None:
        if self.config.activation == "jumprelu":
            self.threshold = nn.Parameter(torch.zeros(self.config.d_sae))
        elif self.config.activation == "batch_topk":
            self.register_buffer("threshold", torch.zeros(()))
        else:
            self.threshold = None

    @staticmethod
    def load(name: str | Path, revision: str | None = None, model: Hooked | None = None) -> SAE:
        """Load one that ships, a folder or a Hub id, ready to use; see `prisma_engine.sae.files.load`.

        Args:
            model: the one that it is to be used on, to be checked as `prisma_engine.sae.probe.check` does: by name,
                revision and hook points, and by how well the SAE explains five built-in pictures, or texts.
        """
        from prisma_engine.sae.files import load  # these build on this file
        from prisma_engine.sae.probe import check

        sae = load(name, revision)
        if model is not None:
            check(sae, model)
        return sae

    @property
    def hook_name(self) -> str:
        """The hook point that it reads."""
        return self.config.hook_name

    def forward(
        self, x: Float[Tensor, "*token d_in"], target: Float[Tensor, "*token d_out"] | None = None
    ) -> SAEOutput:
        """Encode and reconstruct activations of `hook_name`, every vector on its own.

        Args:
            target: for a transcoder, the activation it predicts, where explained variance is wanted.
        """
        self._check(x)
        normal = self.normalized(x.to(self.W_enc.dtype))
        if self.config.activation == "topk":
            found = self._topk(normal)
            acts = found.dense().view(*x.shape[:-1], -1)
            written = found.decode(self.W_dec).view(*x.shape[:-1], -1)
        else:
            acts = self._acts(normal)
            written = acts @ self.W_dec
        recon = self.restored(normal, self._with_bias(written, normal)).to(x.dtype)
        return SAEOutput(acts, recon, target if self.config.is_transcoder else x)

    def encode(self, x: Float[Tensor, "*token d_in"]) -> Float[Tensor, "*token latent"]:
        """acts of activations of `hook_name`."""
        self._check(x)
        return self._acts(self.normalized(x.to(self.W_enc.dtype)))

    def decode(
        self, acts: Float[Tensor, "*token latent"], x: Float[Tensor, "*token d_in"] | None = None
    ) -> Float[Tensor, "*token d_out"]:
        """Reconstruction from acts, in the units of the activations.

        Args:
            x: what was read; needed to undo a normalisation that differs from vector to vector, and for a skip path.
        """
        if x is None:
            if self.config.skip or self.config.normalize in ("layer_norm", "constant_norm"):
                raise ValueError("this SAE's reconstruction depends on what it read; call decode(acts, x)")
            x = acts.new_zeros(*acts.shape[:-1], self.config.d_in)
        normal = self.normalized(x.to(acts.dtype))
        return self.restored(normal, self._with_bias(acts @ self.W_dec, normal))

    def normalized(self, x: Float[Tensor, "*token d_in"]) -> Normalized:
        """Activations as the encoder reads them, before the input bias."""
        return normalized(x, self.config.normalize, self.scale_in)

    def centred(self, normal: Normalized) -> Float[Tensor, "*token d_in"]:
        """Normalised activations less the input bias: what the encoder multiplies."""
        bias = {"tied": self.b_dec, "own": self.b_in, "none": None}[self.config.input_bias]
        return normal.x if bias is None else normal.x - bias

    def normalized_target(
        self, target: Float[Tensor, "*token d_out"], normal: Normalized
    ) -> Float[Tensor, "*token d_out"]:
        """What the decoder should give for this target, before normalisation is undone."""
        return target * self.scale_out if self.config.normalize == "scale" else (target - normal.shift) / normal.scale

    def restored(self, normal: Normalized, recon: Float[Tensor, "*token d_out"]) -> Float[Tensor, "*token d_out"]:
        """What the decoder gave, in the units of the activations at `config.writes`."""
        return recon / self.scale_out if self.config.normalize == "scale" else normal.undo(recon)

    def pre_acts(self, x: Float[Tensor, "*token d_in"]) -> Float[Tensor, "*token latent"]:
        """Every latent's encoder product and bias, before the activation; of a gated SAE, its gate."""
        self._check(x)
        return F.linear(self.centred(self.normalized(x.to(self.W_enc.dtype))), self.W_enc, self.b_enc)

    def written(
        self, change: Float[Tensor, "*token d_out"], x: Float[Tensor, "*token d_in"]
    ) -> Float[Tensor, "*token d_out"]:
        """What a change of the decoder's output at tokens x is in the units of the activations."""
        if self.config.normalize == "scale":
            return change / self.scale_out
        return change * self.normalized(x.to(change.dtype)).scale

    def steer(
        self, changes: Changes, how: str = "add", token: Selector | None = None, keep_error: bool = True
    ) -> Steering:
        """An edit that changes latents: `model.run_with_hooks(x, {sae.hook_name: sae.steer({4501: -8.0})})`.

        Args:
            changes: latent → amount, in units of its activation; or latent → (how, amount), to mix ways; or, to
                ablate, the latents alone.
            how: "add" an amount (the direction is then written whether or not the latent was active), "scale" by a
                factor, "clamp" to an amount, or "ablate" to 0.
            token: index, slice, list, "cls", "prefix" or "patches"; by default the tokens that the SAE is for.
            keep_error: leave what the SAE cannot reconstruct as it is, so that only the change is felt. Otherwise
                the activation is replaced by the reconstruction, at all tokens that the SAE is for, and latents
                change at `token`.

        Raises:
            ValueError: for a latent that there is none of, or a way to change it. The edit itself raises one at
                another hook point than its own.
        """
        return steering(self, changes, how, token, keep_error)

    def splice(self, token: Selector | None = None, keep_error: bool = False) -> Steering:
        """An edit that puts the reconstruction in the activation's place; with `keep_error` it changes nothing.

        A transcoder needs two hook points: `model.run_with_hooks(x, sae.splice().at())`, which is right for both.
        """
        return Steering(self, (), token, keep_error)

    def _acts(self, normal: Normalized) -> Float[Tensor, "*token latent"]:
        x, kind = self.centred(normal), self.config.activation
        if kind == "topk":
            return self._topk(normal).dense().view(*x.shape[:-1], -1)
        if kind == "gated":
            assert self.r_mag is not None and self.b_mag is not None
            return gated(F.linear(x, self.W_enc), self.b_enc, self.r_mag, self.b_mag)
        pre_acts = F.linear(x, self.W_enc, self.b_enc)
        return torch.relu(pre_acts) if self.threshold is None else jumprelu(pre_acts, self.threshold)

    def _topk(self, normal: Normalized) -> Sparse:
        x = self.centred(normal).reshape(-1, self.config.d_in)
        return topk(x, self.W_enc, self.b_enc, self.config.k).encoded_by(x, self.W_enc, self.b_enc)

    def _with_bias(self, written: Float[Tensor, "*token d_out"], normal: Normalized) -> Float[Tensor, "*token d_out"]:
        recon = written + self.b_dec
        return recon if self.W_skip is None else recon + normal.x @ self.W_skip

    def _check(self, x: Tensor) -> None:
        if x.shape[-1] != self.config.d_in:
            raise ValueError(
                f"this SAE reads vectors of width {self.config.d_in} at {self.hook_name}, got width {x.shape[-1]}"
            )

    def extra_repr(self) -> str:
        c = self.config
        return f"{c.model} {c.hook_name}, {c.d_in} → {c.d_sae} latents, {c.activation}" + f" k={c.k}" * bool(c.k)
