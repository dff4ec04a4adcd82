"""One token's row and column in every head, without the matrices around them: a hundredth of the work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from apps.common.maps import heads_per_chunk
from prisma_engine.analysis.attention import AttentionMaps

HeadLines = Float[Tensor, "head token"]


def chunks(maps: AttentionMaps) -> Iterator[AttentionMaps]:
    """`maps` by as many heads as travel together, so that no more of a large layer is ever in memory."""
    n = heads_per_chunk(maps.n_heads, maps.n_tokens)
    for first in range(0, maps.n_heads, n):
        yield some_heads(maps, slice(first, first + n))


def some_heads(maps: AttentionMaps, heads: slice) -> AttentionMaps:
    """`maps` of some heads alone."""
    edited = {name: one[heads] for name, one in maps.edited.items()}
    return replace(
        maps, q=maps.q[:, :, heads], k=maps.k[:, :, heads], value_norm=maps.value_norm[:, heads], edited=edited
    )


class TokenLines:
    """Rows and columns of `maps`, token by token; safe to read from several threads."""

    def __init__(self, maps: AttentionMaps) -> None:
        self.maps = maps
        self._totals: dict[int, tuple[HeadLines, Float[Tensor, " head"]]] = {}

    @property
    def n_bytes(self) -> int:
        """What may come to be kept."""
        return 4 * (self.maps.value_norm.numel() + self.maps.n_layers * self.maps.n_heads)

    def at(self, kind: str, layer: int, token: int) -> tuple[HeadLines, HeadLines]:
        """What the token reads in every head of a layer, and who reads it there; hidden scores are -inf."""
        if kind == "rank" or self.maps.edited:
            whole = [part.kind(kind, layer) for part in chunks(self.maps)]
            return torch.cat([m[:, token] for m in whole]), torch.cat([m[..., token] for m in whole])
        row, column = self._scores(layer, token)
        if kind == "scores":
            return row, column
        row, column = row.softmax(-1), (column - self._total(layer)[0]).exp()
        if kind == "pattern":
            return row, column
        lengths = self.maps.value_norm[layer]
        return row * lengths, column * lengths[:, token, None]

    def longest(self, layer: int) -> Float[Tensor, " head"]:
        """The largest cell of each head's value-weighted attention."""
        return self._total(layer)[1]

    def _scores(self, layer: int, token: int) -> tuple[HeadLines, HeadLines]:
        q, k = self.maps.q[layer] * self.maps.q.shape[-1] ** -0.5, self.maps.k[layer]
        row, column = torch.einsum("hd,thd->ht", q[token], k), torch.einsum("thd,hd->ht", q, k[token])
        hidden = self.maps.hidden(layer)
        if hidden is None:
            return row, column
        return row.masked_fill(hidden[token], -torch.inf), column.masked_fill(hidden[:, token], -torch.inf)

    def _total(self, layer: int) -> tuple[HeadLines, Float[Tensor, " head"]]:
        """Of each row log Σ exp(score), of each head its largest value: once computed, kept."""
        if layer not in self._totals:
            parts = [
                (part.scores(layer).logsumexp(-1), part.value_weighted(layer).amax((-2, -1)))
                for part in chunks(self.maps)
            ]
            sums, longest = zip(*parts, strict=True)
            self._totals[layer] = torch.cat(sums), torch.cat(longest)
        return self._totals[layer]
