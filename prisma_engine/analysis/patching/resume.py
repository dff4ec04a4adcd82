"""Going on from a patched activation: exact, and without computing again what a patch does not change.

A run of the target is kept. Its variants (see `patches`) start together at the first block that is patched, and each
block computes only the tokens that differ from the target's:

- only attention mixes tokens, so what is patched after the heads have chosen what to read (q, attn_scores, pattern,
  z, result, attn_out, resid_mid, mlp.…, mlp_out, resid_post) changes its own token alone, until the next block;
- a patched key or value changes every token that may read it, so all tokens of that block are computed;
- in the last block, only the tokens that the head reads.

Blocks run through the model's own modules, so none of their arithmetic is written twice. Inside the edits of another
run (`with model.hooks(…)`), which may change anything, variants are ordinary forward passes from the input on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prisma_engine.analysis.patching.kernels import fast_linear
from prisma_engine.analysis.patching.patches import Patches, Rows, Touched, put_rows, rows_of, take_rows, union
from prisma_engine.analysis.patching.sites import Site, layer_of
from prisma_engine.analysis.patching.work import Work
from prisma_engine.cache import hook_name
from prisma_engine.hooks import active, current_edits
from prisma_engine.vit import Block, HookedViT

TOKENS_AT_ONCE = 1024
"""Tokens of the residual stream in one batch of variants, unless the caller says otherwise."""

MIXING = ("resid_pre", "ln1.scale", "ln1.normalized", "k", "v")
"""Hook points of a block whose change reaches other tokens in the same block."""


@dataclass(frozen=True)
class Stream:
    """The residual stream of every variant as it enters a block: the target's, except for some rows.

    Attributes:
        base: the target's stream.
        image: which image of the target each variant is of.
        values: the stream at `rows`; None where no variant differs from the target yet.
        rows: which tokens differ, or may; None for all.
    """

    base: Float[Tensor, "image token d_model"]
    image: Int[Tensor, " variant"]
    values: Float[Tensor, "variant row d_model"] | None = None
    rows: Rows | None = None

    def at(self, rows: Rows | None) -> Float[Tensor, "variant row d_model"]:
        """The stream at some tokens of each variant; at all of them for None."""
        if self.values is None:
            return take_rows(self.base, self.image, rows)
        if rows is self.rows:
            return self.values
        whole = self.values if self.rows is None else put_rows(self._targets(), self.rows, self.values)
        return take_rows(whole, None, rows)

    def _targets(self) -> Float[Tensor, "variant token d_model"]:
        return take_rows(self.base, self.image, None)

    @property
    def differs(self) -> Touched:
        """Which tokens of which variants may differ from the target; None if none."""
        if self.values is None:
            return None
        nothing = torch.zeros(len(self.image), self.base.shape[1], dtype=torch.bool, device=self.base.device)
        return ~nothing if self.rows is None else nothing.scatter(1, self.rows, True)


class TargetRun:
    """One run of one or several images, kept so that variants of it can be continued.

    Attributes:
        logits: what the model answers when nothing is patched.
        work: what was spent so far, on this run and on its variants.
    """

    @torch.no_grad()
    def __init__(self, model: HookedViT, x: Float[Tensor, "image channel height width"]) -> None:
        n = model.config.n_layers
        names = [*(hook_name("resid_pre", i) for i in range(n)), hook_name("resid_post", n - 1)]
        self.model, self.x, self.work = model, x, Work(model)
        self.logits, cache = model.run_with_cache(x, names)
        self.resid = [cache[name] for name in names]
        self.work.passes(len(x))

    def variants(
        self,
        sets: Sequence[Sequence[Site]],
        sources: Mapping[str, Tensor],
        chunk: int | None = None,
        image: Int[Tensor, " variant"] | None = None,
        origin: Int[Tensor, " variant"] | None = None,
    ) -> Iterator[tuple[list[int], Float[Tensor, "variant class"]]]:
        """Batches of variants: which of `sets` each holds, and their logits. Late layers, which are cheap, come first.

        Args:
            sets: for each variant, the sites that are patched.
            sources: by hook point name, activations [source …] to take from.
            chunk: variants in a batch at most, which bounds memory; by default 1,024 tokens' worth.
            image, origin: for each variant, its image of the target, and its source; the first unless given.
        """
        size = chunk_size(self.model, chunk)
        first = torch.zeros(len(sets), dtype=torch.long, device=self.x.device)
        image, origin = first if image is None else image, first if origin is None else origin
        for layer, members in _by_first_layer(self.model, sets):
            for start in range(0, len(members), size):
                batch = members[start : start + size]
                patches = Patches(self.model, [sets[i] for i in batch], sources, origin[batch])
                yield batch, self._continued(patches, image[batch], layer)

    @torch.no_grad()
    def _continued(self, patches: Patches, image: Tensor, first: int) -> Float[Tensor, "variant class"]:
        if current_edits():
            self.work.passes(len(image))
            return self.model.run_with_hooks(self.x[image], patches.edits())
        with fast_linear(), self.model.hooks(patches.edits()):
            stream = self._entering(first, image)
            for i in range(max(first, 0), self.model.config.n_layers):
                stream = self._through_block(i, stream, patches)
            return self._read_out(stream, patches)

    def _entering(self, first: int, image: Tensor) -> Stream:
        if first >= 0:
            return Stream(self.resid[first], image)
        self.work.embedded(len(image))
        return Stream(self.resid[0], image, self.model.stream(self.x[image]))

    def _through_block(self, i: int, stream: Stream, patches: Patches) -> Stream:
        mixed = union(stream.differs, patches.touched(hook_name(short, i) for short in MIXING))
        projected = union(mixed, patches.touched([hook_name("q", i)]))
        own = patches.touched(name for name in patches.masks if layer_of(name) == i)
        leaving = self._read(i, own if mixed is None else torch.ones_like(mixed))
        if leaving is None:
            return Stream(self.resid[i + 1], stream.image)
        block: Block = self.model.blocks[i]  # type: ignore[assignment]
        stream, q, k, v = self._projected(block, stream, projected, patches)
        rows = patches.rows = rows_of(leaving)
        written = block.attn.write(block.attn.attend(take_rows(q, None, rows), k, v, rows))
        after = block.after_attention(stream.at(rows), written)
        self.work.block(entering=0, leaving=after.shape[0] * after.shape[1])
        return Stream(self.resid[i + 1], stream.image, after, rows)

    def _projected(
        self, block: Block, stream: Stream, tokens: Touched, patches: Patches
    ) -> tuple[Stream, Tensor, Tensor, Tensor]:
        """The block's input, as it may have been patched, and every token's query, key and value."""
        if tokens is None:
            return stream, *self._targets_qkv(block, stream)
        rows = patches.rows = rows_of(tokens)
        entered = block.hook_resid_pre(stream.at(rows))
        qkv = block.attn.project(block.ln1(entered))
        self.work.block(entering=entered.shape[0] * entered.shape[1], leaving=0)
        if rows is not None:
            targets = self._targets_qkv(block, stream)
            q, k, v = (put_rows(target, rows, new) for target, new in zip(targets, qkv, strict=True))
            qkv = q, k, v
        return Stream(stream.base, stream.image, entered, rows), *qkv

    def _targets_qkv(self, block: Block, stream: Stream) -> tuple[Tensor, Tensor, Tensor]:
        with active(None):
            qkv = block.attn.project(block.ln1(stream.base))
        self.work.block(entering=stream.base.shape[0] * stream.base.shape[1], leaving=0)
        q, k, v = (take_rows(x, stream.image, None) for x in qkv)
        return q, k, v

    def _read(self, i: int, tokens: Touched) -> Touched:
        """Of the tokens that leave block `i`, those that are read after it; None if none is."""
        if tokens is None or not tokens.any():
            return None
        n = self.model.head.n_read
        if i < self.model.config.n_layers - 1 or n is None:
            return tokens
        read = torch.arange(tokens.shape[1], device=tokens.device) < n
        return tokens & read if (tokens & read).any() else None

    def _read_out(self, stream: Stream, patches: Patches) -> Float[Tensor, "variant class"]:
        n = self.model.head.n_read
        first = None if n is None else torch.arange(n, device=self.x.device).expand(len(stream.image), n)
        patches.rows = first
        return self.model.read_out(stream.at(first))


def chunk_size(model: HookedViT, chunk: int | None) -> int:
    """Variants in a batch: what the caller says, or as many as hold `TOKENS_AT_ONCE` tokens together.

    Raises:
        ValueError: if the caller says less than 1.
    """
    if chunk is not None and chunk < 1:
        raise ValueError(f"chunk is how many variants run at once, at least 1; got {chunk}")
    return chunk or max(1, TOKENS_AT_ONCE // model.config.n_tokens)


def first_layer(model: HookedViT, sites: Sequence[Site]) -> int:
    """The first block that sites change: -1 for sites before the blocks, the number of blocks if all lie behind."""
    n = model.config.n_layers
    points = list(model.hook_points)
    behind = points.index(hook_name("resid_post", n - 1))
    layers = [layer_of(s.point) for s in sites]
    outside = [n if points.index(s.point) > behind else -1 for s in sites if s.layer is None]
    return min([n, *outside, *(layer for layer in layers if layer is not None)])


def _by_first_layer(model: HookedViT, sets: Sequence[Sequence[Site]]) -> list[tuple[int, list[int]]]:
    """(first block, positions of the sets that start there), last blocks first."""
    groups: dict[int, list[int]] = {}
    for i, sites in enumerate(sets):
        groups.setdefault(first_layer(model, sites), []).append(i)
    return sorted(groups.items(), reverse=True)
