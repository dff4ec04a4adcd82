"""Attention maps of one picture: what every token of every head reads, before and after the softmax.

One forward pass keeps queries and keys, and fused attention runs as ever; the maps of a layer are computed when
they are asked for, since all of them at once are 0.5 GB for a ViT-L/14 at 336 pixels.
Row = query, the token that reads; column = key, the token that is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from prisma_engine.analysis.layout import Layout
from prisma_engine.cache import hook_name
from prisma_engine.hooks import Edit, HookPoint, current_edits
from prisma_engine.vit import HookedViT

KINDS = ("pattern", "scores", "rank", "value")
"""What a map may show: `AttentionMaps.pattern`, `.scores`, `.rank_difference`, `.value_weighted`."""

HeadMap = Float[Tensor, "head query key"]
TokenMap = Float[Tensor, "query key"]


@dataclass(frozen=True)
class AttentionMaps:
    """Every attention head's view of one picture.

    Attributes:
        q, k: queries and keys.
        value_norm: ‖v W_O‖ of each key: how long a vector the head would add to the stream for it, before
            LayerScale and without `b_O`, in units of the residual stream.
        answer: the model's logits in this run; None where it has no classifier.
        layout: which token is what, and lies where.
        causal_from: first layer in which attention was made causal (`causal_edits`); None where it was not.
        prefix_sees_all: whether prefix tokens were exempt from that.
        model_is_causal: whether the model itself only reads backwards, in every layer.
        edited: scores and patterns by hook point name, where edits around this run changed them.
    """

    q: Float[Tensor, "layer token head d_head"]
    k: Float[Tensor, "layer token head d_head"]
    value_norm: Float[Tensor, "layer head token"]
    answer: Float[Tensor, " class"] | None
    layout: Layout
    causal_from: int | None = None
    prefix_sees_all: bool = True
    model_is_causal: bool = False
    edited: Mapping[str, HeadMap] = field(default_factory=dict)

    n_layers = property(lambda self: self.q.shape[0])
    n_tokens = property(lambda self: self.q.shape[1])
    n_heads = property(lambda self: self.q.shape[2])
    n_prefix = property(lambda self: self.layout.n_prefix, doc="How many tokens precede the patches.")
    prefix_names = property(lambda self: self.layout.prefix_names)
    grid = property(lambda self: self.layout.grid, doc="Rows and columns of patches in one frame.")
    n_frames = property(lambda self: self.layout.n_frames, doc="Frames of tokens; 1 for a still picture.")

    def scores(self, layer: int) -> HeadMap:
        """q · k / √d_head, before the softmax; no unit. Keys hidden from a query are -inf."""
        layer = self._layer(layer)
        if (edited := self.edited.get(hook_name("attn_scores", layer))) is not None:
            return edited
        q, k = self.q[layer].transpose(0, 1), self.k[layer].transpose(0, 1)
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        hidden = self.hidden(layer)
        return scores if hidden is None else scores.masked_fill(hidden, -math.inf)

    def pattern(self, layer: int) -> HeadMap:
        """Share of each query's attention that each key gets: the softmax of the scores; rows sum to 1."""
        edited = self.edited.get(hook_name("pattern", self._layer(layer)))
        return self.scores(layer).softmax(-1) if edited is None else edited

    def value_weighted(self, layer: int) -> HeadMap:
        """Pattern × `value_norm` of the key: the length of what is really moved, in units of the stream.

        After Kobayashi et al. 2020, "Attention is not only a weight": much attention on a key of short values moves
        little.
        """
        return self.pattern(layer) * self.value_norm[layer][:, None, :]

    def rank_difference(self, layer: int) -> HeadMap:
        """Percentile of each cell among its head's cells by score, less that by pattern: -100 to 100 points.

        Within a row both orders are always the same, since the softmax keeps order. Between rows they differ:
        a score counts as it is, a pattern relative to the rest of its row. Positive: a high score in a row of high
        scores, which the softmax tones down. Hidden cells have no rank and are 0.
        """
        scores = self.scores(layer).double()
        # The pattern's logarithm has its order, and does not underflow to ties at 0.
        log_pattern = scores - scores.logsumexp(-1, keepdim=True)
        edited = self.edited.get(hook_name("pattern", self._layer(layer)))
        by_pattern = log_pattern if edited is None else edited.double().where(~scores.isneginf(), -math.inf)
        return _percentile(scores.float()) - _percentile(by_pattern.float())

    def kind(self, name: str, layer: int) -> HeadMap:
        """The map of that name, one of `KINDS`.

        Raises:
            ValueError: if there is no such kind, or no such layer.
        """
        maps = dict(zip(KINDS, (self.pattern, self.scores, self.rank_difference, self.value_weighted), strict=True))
        if name not in maps:
            raise ValueError(f"there is no map {name!r}; there are {', '.join(KINDS)}")
        return maps[name](layer)

    def mean(self, name: str, layer: int) -> TokenMap:
        """The map of that name averaged over the heads of a layer."""
        return self.kind(name, layer).mean(0)

    def rollout(self, layer: int) -> TokenMap:
        """How much of each token's input ends up in each token, if attention and the skip carried all: rows sum to 1.

        ∏ (½ · mean pattern + ½ · identity) over the layers up to and including `layer` (Abnar & Zuidema 2020,
        "Quantifying attention flow in transformers"). It leaves values, norms and MLPs out.
        """
        identity = torch.eye(self.n_tokens, device=self.q.device)
        rolled = identity
        for i in range(self._layer(layer) + 1):
            rolled = (self.mean("pattern", i) + identity) / 2 @ rolled
        return rolled

    def hidden(self, layer: int) -> Bool[Tensor, "query key"] | None:
        """Which keys are hidden from which queries in that layer; None where nothing is."""
        what_if = self.causal_from is not None and self._layer(layer) >= self.causal_from
        if not what_if and not self.model_is_causal:
            return None
        exempt = self.prefix_sees_all and not self.model_is_causal
        return causal_mask(self.n_tokens, self.n_prefix, exempt).to(self.q.device)

    def _layer(self, layer: int) -> int:
        if not -self.n_layers <= layer < self.n_layers:
            raise ValueError(f"there is no layer {layer}; this model has layers 0 to {self.n_layers - 1}")
        return layer % self.n_layers


@torch.no_grad()
def attention_maps(
    model: HookedViT,
    x: Float[Tensor, "1 channel height width"],
    causal_from: int | None = None,
    prefix_sees_all: bool = True,
) -> AttentionMaps:
    """Run `model` once on one picture (or video) and keep what its attention maps are made of.

    Inside `with model.hooks(…)` the maps are those of the edited run.

    Args:
        x: input, as `model.preprocess` gives it; a batch of 1.
        causal_from, prefix_sees_all: what if attention were causal from that layer on? See `causal_edits`.

    Raises:
        ValueError: if `x` is not a batch of 1, or there is no such layer.
    """
    if len(x) != 1:
        raise ValueError(f"attention maps are of one picture at a time, got a batch of {len(x)}; give x[i : i + 1]")
    config = model.config
    layers = range(config.n_layers)
    around = current_edits()
    shown = [hook_name(short, i) for short in ("attn_scores", "pattern") for i in layers]
    edited = [name for name in shown if model.hook_points[name] in around]
    plan = {} if causal_from is None else causal_edits(model, causal_from, prefix_sees_all)
    names = [hook_name(short, i) for short in "qkv" for i in layers]
    out, cache = model.run_with_cache(x, names=[*names, *edited], edits=plan)
    q, k = (torch.stack([cache[short, i][0] for i in layers]).float() for short in "qk")
    attention: list[Any] = [block.attn for block in model.blocks]
    lengths = [attention[i].result(cache["v", i])[0].norm(dim=-1).T for i in layers]
    return AttentionMaps(
        q,
        k,
        torch.stack(lengths).float(),
        answer=None if config.head == "identity" else out[0],
        layout=layout_of(model),
        causal_from=causal_from,
        prefix_sees_all=prefix_sees_all,
        model_is_causal=config.attention_direction == "causal",
        edited={name: cache[name][0].float() for name in edited},
    )


def layout_of(model: HookedViT) -> Layout:
    """Which token of `model` is what, and lies where."""
    config = model.config
    return Layout(config.prefix, config.grid, config.n_frames // config.tubelet)


def causal_mask(n_tokens: int, n_prefix: int, prefix_sees_all: bool = True) -> Bool[Tensor, "query key"]:
    """Which keys a causal query may not read, in raster order: True where hidden.

    A patch reads itself and the patches before it. With `prefix_sees_all`, prefix tokens read everything and are
    read by all, so in later layers they still carry news of later patches to earlier ones; without, the whole
    sequence is causal, and a first CLS token reads nothing but itself.
    """
    hidden = torch.ones(n_tokens, n_tokens, dtype=torch.bool).triu(1)
    if prefix_sees_all:
        hidden[:n_prefix] = False
    return hidden


def causal_edits(model: HookedViT, causal_from: int, prefix_sees_all: bool = True) -> dict[str, Edit]:
    """Edits that make attention causal from a layer on, for `run_with_hooks` or `with model.hooks(…)`.

    Other analyses then tell of the same what-if: `with model.hooks(causal_edits(model, 3)): logit_lens(model, x)`.

    Args:
        causal_from: 0 for all layers, the number of layers for none.
        prefix_sees_all: see `causal_mask`.

    Raises:
        ValueError: if there is no such layer.
    """
    n = model.config.n_layers
    if not 0 <= causal_from <= n:
        raise ValueError(f"causal_from is a layer from 0 to {n - 1}, or {n} for none, got {causal_from}")
    hidden = causal_mask(model.config.n_tokens, model.n_prefix, prefix_sees_all)

    def hide(scores: Float[Tensor, "batch head query key"], point: HookPoint) -> Tensor:
        return scores.masked_fill(hidden.to(scores.device), -math.inf)

    return {hook_name("attn_scores", layer): hide for layer in range(causal_from, n)}


def _percentile(x: HeadMap) -> HeadMap:
    """Share of the visible cells of its head that lie below each cell, ties in the middle, in percent; hidden: 0."""
    return torch.from_numpy(np.stack([_percentile_of_one(head) for head in x.cpu().numpy()])).to(x.device)


def _percentile_of_one(x: Float[np.ndarray, "query key"]) -> Float[np.ndarray, "query key"]:
    visible = x > -math.inf
    values = x[visible]
    order = values.argsort()  # numpy's is several times as fast as torch's
    ordered = values[order]
    first = np.flatnonzero(np.diff(ordered, prepend=-math.inf))  # of each group of equal values
    size = np.diff(first, append=len(values))
    rank = np.empty(len(values), np.float32)
    rank[order] = np.repeat((first + (size - 1) / 2) * (100 / len(values)), size)
    percentile = np.zeros(x.shape, np.float32)
    percentile[visible] = rank
    return percentile
