"""What runs cost, counted in multiply-adds and told in full forward passes."""

from __future__ import annotations

import math

from prisma_engine.vit import HookedViT


class Work:
    """A count of the multiply-adds of one model's embedding, linear layers and attention.

    Norms, activations and the head are left out, on both sides.
    """

    def __init__(self, model: HookedViT) -> None:
        c = model.config
        inner = c.n_heads * c.d_head
        self._embedding = c.n_patches * c.d_model * c.n_channels * c.tubelet * math.prod(c.patch_size)
        self._projected = 3 * c.d_model * inner
        mlp = 0 if c.attn_only else c.d_mlp * c.d_model * (3 if c.gated_mlp else 2)
        self._written = 2 * c.n_tokens * inner + inner * c.d_model + mlp
        self._whole = self._embedding + c.n_layers * c.n_tokens * (self._projected + self._written)
        self._done = 0

    @property
    def n_passes(self) -> float:
        """Everything so far, in equivalents of a forward pass over one image."""
        return self._done / self._whole

    def passes(self, n: int) -> None:
        """Add forward passes over `n` images. A backward pass costs two."""
        self._done += n * self._whole

    def embedded(self, n: int) -> None:
        """Add the embedding of `n` images."""
        self._done += n * self._embedding

    def block(self, entering: int, leaving: int) -> None:
        """Add one block: tokens whose queries, keys and values were computed, and tokens that the rest was for."""
        self._done += entering * self._projected + leaving * self._written
