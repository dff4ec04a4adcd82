"""The read-out with everything held fixed that is not linear: an affine map from the final stream to the logits.

The divisor of the final norm stays what it was in the run, as do the length of CLIP's image embedding and the
pattern of SigLIP's attention pooling. The MLP of that pooling cannot be made linear; what it adds is a part of its own.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.analysis.metrics import Logits
from prisma_engine.edits import replace
from prisma_engine.heads import AttentionPoolHead, ZeroShotHead
from prisma_engine.hooks import HookPoint
from prisma_engine.vit import HookedViT

Stream = Float[Tensor, "batch token d_model"]


class ReadOut:
    """The affine map of one run.

    Attributes:
        pool_mlp: what the MLP of an attention pooling adds to the logits; None for other heads.
    """

    def __init__(self, model: HookedViT, resid: Stream, token: int | None = None) -> None:
        """
        Args:
            resid: the stream after the last block, in the run whose scales are kept.
            token: read this token as if it were what the head reads, as the logit lens does; None for the answer.
        """
        self.model, self.token = model, token
        scales: dict[str, Tensor] = {}

        def keep(scale: Tensor, point: HookPoint) -> Tensor:
            scales[point.name] = scale
            return scale

        names = ["ln_final.hook_scale"] if model.config.final_norm else []
        with model.hooks(dict.fromkeys(names, keep)):
            normed = self._normed(resid)
        self._frozen = {name: replace(scale) for name, scale in scales.items()}
        self._nothing = torch.zeros_like(normed)
        self._fix_head(model.head, normed)

    def __call__(self, resid: Stream) -> Logits:
        """Logits of any stream; of that run's, they are its own, less what `pool_mlp` adds."""
        with self.model.hooks(self._frozen):
            normed = self._normed(resid)
        return self.head(normed)

    def head_bias(self) -> Logits:
        """What the head answers to nothing at all."""
        return self.head(self._nothing)

    def head(self, normed: Stream) -> Logits:
        """The fixed head alone."""
        head: Any = self.model.head
        if isinstance(head, ZeroShotHead):
            return head.compare(head.projection(self._pooled(normed)), self._length)
        if isinstance(head, AttentionPoolHead):
            return head.linear(self._attended(head, normed))
        return head(normed) if self.token is None else head.read(normed[:, 0])

    def _fix_head(self, head: Any, normed: Stream) -> None:
        self.pool_mlp: Logits | None = None
        if isinstance(head, ZeroShotHead):
            self._length = head.length(head.projection(self._pooled(normed)))
        if isinstance(head, AttentionPoolHead):
            q, k, _ = head.project(self._patches(normed))
            self._pattern = (q * q.shape[-1] ** -0.5 @ k.transpose(-2, -1)).softmax(-1)
            attended = self._attended(head, normed)
            self.pool_mlp = head.linear(attended + head.mlp(attended)) - head.linear(attended)

    def _normed(self, resid: Stream) -> Stream:
        """The final norm of what the head reads."""
        if self.token is not None:
            resid = resid[:, [self.token]]
        elif self.model.config.pool_before_norm:
            resid = resid[:, self.model.patch_slice].mean(1, keepdim=True)
        return self.model.normalize(resid)

    def _pooled(self, normed: Stream) -> Float[Tensor, "batch d_model"]:
        head: Any = self.model.head
        return head.pooled(normed) if self.token is None else normed[:, 0]

    def _patches(self, normed: Stream) -> Stream:
        return normed[:, self.model.patch_slice] if self.token is None else normed

    def _attended(self, head: AttentionPoolHead, normed: Stream) -> Float[Tensor, "batch d_model"]:
        _, _, v = head.project(self._patches(normed))
        return head.proj((self._pattern @ v).transpose(1, 2).flatten(2))[:, 0]
