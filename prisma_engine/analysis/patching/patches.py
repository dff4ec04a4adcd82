"""Patches: what one batch of variants of a run has put in, and where.

A variant is the target's run with parts of some activations replaced. All variants of a batch go through the model
together, so a patch is a mask over (variant, activation) and a source to take from. Where only some tokens of the
stream are computed, `rows` says which, and masks and sources are cut to them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from prisma_engine.analysis.patching.sites import TOKEN_AXES, Site
from prisma_engine.edits import LAST_AXES, resolve
from prisma_engine.hooks import Edit, HookPoint
from prisma_engine.vit import HookedViT

Rows = Int[Tensor, "variant row"]
"""For each variant, which tokens are computed; None, in its place, means all of them."""

Touched = Bool[Tensor, "variant token"] | None
"""Which tokens of which variants; None stands for none."""


class Patches:
    """A batch of variants: masks over what is replaced, and sources of what is put in.

    Attributes:
        rows: which tokens of each variant the model is computing at the moment; None for all.
    """

    def __init__(
        self, model: HookedViT, sets: Sequence[Sequence[Site]], sources: Mapping[str, Tensor], origin: Tensor
    ) -> None:
        """
        Args:
            sets: for each variant, the sites that are replaced.
            sources: by hook point name, activations [source …] to take from.
            origin: for each variant, which source it takes from [variant].

        Raises:
            ValueError: if a site selects along an axis that its hook point does not have, or outside of it.
        """
        self.sources, self.origin = sources, origin
        self.rows: Rows | None = None
        self.masks = {
            name: _mask(model.hook_points[name], sets, sources[name])
            for name in dict.fromkeys(site.point for sites in sets for site in sites)
        }

    def edits(self) -> dict[str, Edit]:
        """The patches as edits for a forward pass over the whole batch of variants."""
        return dict.fromkeys(self.masks, self._put)

    def touched(self, points: Iterable[str]) -> Touched:
        """Which tokens are replaced at any of these hook points."""
        return union(*(self.masks[name].flatten(2).any(2) for name in points if name in self.masks))

    def _put(self, x: Tensor, point: HookPoint) -> Tensor:
        mask, source = self.masks[point.name], self.sources[point.name]
        if not _has_tokens(point):
            return torch.where(mask, take_rows(source, self.origin, None), x)
        mask = take_rows(mask, None, self.rows)
        source = take_rows(_tokens_first(source, point), self.origin, self.rows)
        return _tokens_back(torch.where(mask, source, _tokens_first(x, point)), point)


def take_rows(x: Tensor, which: Int[Tensor, " variant"] | None, rows: Rows | None) -> Tensor:
    """From activations [some token …], those of `which` (None: of each) at `rows`: [variant row …]."""
    if rows is not None:
        return x[(_every(rows) if which is None else which)[:, None], rows]
    if which is None:
        return x
    return x.expand(len(which), *x.shape[1:]) if len(x) == 1 else x[which]


def put_rows(x: Tensor, rows: Rows, values: Tensor) -> Tensor:
    """A copy of activations [variant token …] with `values` [variant row …] at `rows`."""
    out = x.clone(memory_format=torch.contiguous_format)
    out[_every(rows)[:, None], rows] = values
    return out


def _every(rows: Rows) -> Int[Tensor, " variant"]:
    return torch.arange(len(rows), device=rows.device)


def union(*given: Touched) -> Touched:
    """Tokens that are in any of these."""
    masks = [mask for mask in given if mask is not None]
    return torch.stack(masks).any(0) if masks else None


def rows_of(mask: Bool[Tensor, "variant token"]) -> Rows | None:
    """The rows that a mask selects. Variants with fewer than others are filled up with other tokens of theirs."""
    most = max(1, int(mask.sum(1).max()))
    return None if most == mask.shape[1] else mask.byte().topk(most, dim=1).indices.sort(1).values


def n_selected(model: HookedViT, site: Site, sources: Mapping[str, Tensor]) -> int:
    """How many numbers of one image's activation a site selects."""
    like = torch.empty(1, *sources[site.point].shape[1:], device="meta")
    return like[resolve(model.hook_points[site.point], like, site.where)].numel()


def _mask(point: HookPoint, sets: Sequence[Sequence[Site]], source: Tensor) -> Tensor:
    """Where each variant is patched at `point`, tokens first. The last axis is 1 long if nothing selects along it."""
    sites = [(i, site.where) for i, chosen in enumerate(sets) for site in chosen if site.point == point.name]
    by_last = point.axes[-1] in (*LAST_AXES, "key") and any({"neuron", "key"} & set(where) for _, where in sites)
    shape = source.shape[1:] if by_last else (*source.shape[1:-1], 1)
    mask = torch.zeros(len(sets), *shape, dtype=torch.bool, device=source.device)
    like = torch.empty(1, *source.shape[1:], device="meta")
    for i, where in sites:
        index = resolve(point, like, where)[1:]
        mask[i : i + 1][(slice(None), *(index if by_last else index[:-1]))] = True
    return _tokens_first(mask, point) if _has_tokens(point) else mask


def _has_tokens(point: HookPoint) -> bool:
    return bool(set(point.axes) & set(TOKEN_AXES))


def _tokens_first(x: Tensor, point: HookPoint) -> Tensor:
    return x.movedim(_token_axis(point), 1)


def _tokens_back(x: Tensor, point: HookPoint) -> Tensor:
    return x.movedim(1, _token_axis(point))


def _token_axis(point: HookPoint) -> int:
    return next(i for i, axis in enumerate(point.axes) if axis in TOKEN_AXES)
