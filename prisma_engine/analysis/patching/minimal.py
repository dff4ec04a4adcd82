"""The fewest patches that flip an answer.

All single sites are tried first. If none flips, a greedy search adds the site that helps most until the answer flips,
and then drops members that are not needed. Then all sets of 2, 3, … sites are tried, up to the size that the greedy
search found, as long as that is affordable. The result says which it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.analysis.metrics import AnyMetric, Logits, Values, bound
from prisma_engine.analysis.patching.activation import Direction, Image, Pair
from prisma_engine.analysis.patching.patches import n_selected
from prisma_engine.analysis.patching.resume import first_layer
from prisma_engine.analysis.patching.sites import Site, SiteGrid, site_grid
from prisma_engine.edits import Selector
from prisma_engine.vit import HookedViT

Cells = tuple[int, ...]
"""Positions of cells of a grid, in order."""


@dataclass(frozen=True)
class MinimalFlip:
    """The smallest set that was found.

    Attributes:
        flips: whether patching the set flips the answer; if not, no set was found and this is the best one.
        labels: of each member, such as "L11 H4".
        members: of each, the sites that it patches.
        alone: margin of each member when it alone is patched.
        margin: of the whole set. A margin is how far the answer is beyond the flip: positive means flipped. It is the
            metric with the sign of the source's, or, for predictions, the logit of the source's class less the
            highest other one.
        margin_before: the unpatched target's, negative.
        margin_source: the source run's own, positive.
        logits: the answer with the set patched.
        is_smallest: whether every smaller set was tried, so that none can flip.
        method: "exact" if all sets of this size were tried and this one has the largest margin, else "greedy".
        n_flipping: how many sets of this size flip, where all were tried; else None.
        n_numbers: how many numbers the set replaces in one forward pass.
        n_tried: how many sets were run.
        n_passes: forward passes spent, as in `Sweep.n_passes`.
    """

    flips: bool
    labels: tuple[str, ...]
    members: tuple[tuple[Site, ...], ...]
    alone: Float[Tensor, " member"]
    margin: float
    margin_before: float
    margin_source: float
    logits: Float[Tensor, " class"]
    is_smallest: bool
    method: Literal["exact", "greedy"]
    n_flipping: int | None
    n_numbers: int
    n_tried: int
    n_passes: float

    @property
    def size(self) -> int:
        return len(self.members)


@torch.no_grad()
def minimal_flip(
    model: HookedViT,
    clean: Image,
    corrupt: Image,
    at: str | Iterable[str] = "blocks.*.attn.hook_z",
    by: str | Sequence[str] = ("layer", "head"),
    *,
    metric: AnyMetric | None = None,
    token: Selector = "all",
    direction: Direction = "denoise",
    max_exact: int = 3,
    max_size: int = 12,
    budget: float = 500,
    shortlist: int = 200,
    chunk: int | None = None,
    progress: Callable[[str, float], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> MinimalFlip:
    """Search for the fewest sites whose patching makes the target answer as the source does.

    Args:
        clean, corrupt, at, by, token, direction, chunk: as in `patch_sweep`; the cells of its grid are the sites.
        metric: what has to change its sign, such as `logit_diff(a, b)`. Without it, the highest class has to become
            the source run's.
        max_exact: largest size of which all sets may be tried.
        max_size: where the greedy search gives up.
        budget: forward passes that trying all sets of one size may cost, as estimated from the single sites; sizes
            that cost more are not tried in full. All single sites are tried whatever they cost.
        shortlist: the greedy search adds only sites that are among this many best ones alone.
        progress: called with what is being tried and which share of that is done.
        stop: asked after each batch; if it says yes, the result is what was found until then.

    Raises:
        ValueError: if the two runs do not differ in what has to flip, and as in `patch_sweep`.
    """
    grid = site_grid(model, at, by, token)
    pair = Pair(model, clean, corrupt, direction, grid.points)
    search = _Search(pair, grid, _margin(model, pair, metric), chunk, progress, stop)
    with suppress(_Stopped):
        _search(search, max_exact, max_size, budget, shortlist)
    return search.result()


def _search(search: _Search, max_exact: int, max_size: int, budget: float, shortlist: int) -> None:
    n = len(search.grid.sets)
    search.try_all("single sites", [(i,) for i in range(n)])
    if search.flips(search.best()):
        return
    best = sorted(range(n), key=lambda i: -search.tried[(i,)])[:shortlist]
    search.prune(search.greedy(best, max_size))
    for size in range(2, max_exact + 1):
        if len(search.best()) < size and search.flips(search.best()):
            return
        if search.estimate(size) > budget:
            return
        search.try_all(f"all sets of {size}", list(combinations(range(n), size)))


def _margin(model: HookedViT, pair: Pair, metric: AnyMetric | None) -> Callable[[Logits], Values]:
    """How far an answer is beyond the flip: negative for the target, positive for the source."""
    if metric is None:
        wanted = int(pair.answer[0].argmax())
        margin = lambda logits: _lead(logits, wanted)  # noqa: E731
    else:
        measure = bound(metric, model)
        sign = float(measure(pair.answer).sign())
        margin = lambda logits: sign * measure(logits)  # noqa: E731
    if not (float(margin(pair.answer)) > 0 > float(margin(pair.run.logits))):
        what = "answer with the same class" if metric is None else "have the metric on the same side of 0"
        raise ValueError(f"both runs {what}, so there is nothing to flip; choose another pair of images or metric")
    return margin


def _lead(logits: Logits, c: int) -> Values:
    """Logit of class `c` less the highest other one."""
    others = logits.clone()
    others[:, c] = -torch.inf
    return logits[:, c] - others.amax(1)


class _Stopped(Exception):
    """The caller asked the search to end."""


class _Search:
    """Which sets were tried, and what came of each."""

    def __init__(
        self,
        pair: Pair,
        grid: SiteGrid,
        margin: Callable[[Logits], Values],
        chunk: int | None,
        progress: Callable[[str, float], object] | None,
        stop: Callable[[], bool] | None,
    ) -> None:
        self.pair, self.grid, self.margin = pair, grid, margin
        self.chunk, self.progress, self.stop = chunk, progress, stop
        self.tried: dict[Cells, float] = {}
        self.layer = [first_layer(pair.run.model, sites) for sites in grid.sets]
        self.cost: dict[int, float] = {}  # forward passes of one set that begins in that layer

    def try_all(self, what: str, sets: Sequence[Cells]) -> None:
        """Run the sets that have not been tried."""
        new = [cells for cells in dict.fromkeys(sets) if cells not in self.tried]
        done, spent = 0, self.pair.run.work.n_passes
        for batch, logits in self.pair.run.variants([self._sites(c) for c in new], self.pair.sources, self.chunk):
            for i, margin in zip(batch, self.margin(logits).tolist(), strict=True):
                self.tried[new[i]] = margin
            done, before, spent = done + len(batch), spent, self.pair.run.work.n_passes
            self.cost.setdefault(min(self.layer[i] for i in new[batch[0]]), (spent - before) / len(batch))
            self._report(what, done / len(new))

    def _sites(self, cells: Cells) -> tuple[Site, ...]:
        return tuple(site for i in cells for site in self.grid.sets[i])

    def _report(self, what: str, share: float) -> None:
        if self.progress is not None:
            self.progress(what, share)
        if self.stop is not None and self.stop():
            raise _Stopped

    def flips(self, cells: Cells) -> bool:
        return self.tried[cells] > 0

    def best(self) -> Cells:
        """The smallest set that flips, of those the one with the largest margin; if none flips, the largest margin."""
        flipping = [cells for cells, margin in self.tried.items() if margin > 0]
        return max(flipping or self.tried, key=lambda cells: (-len(cells) if flipping else 0, self.tried[cells]))

    def greedy(self, sites: Sequence[int], max_size: int) -> Cells:
        """Add the site that helps most, until the answer flips."""
        chosen: Cells = (sites[0],)
        while not self.flips(chosen) and len(chosen) < min(max_size, len(sites)):
            larger = [tuple(sorted((*chosen, i))) for i in sites if i not in chosen]
            self.try_all(f"greedy, {len(chosen) + 1} sites", larger)
            chosen = max(larger, key=lambda cells: self.tried[cells])
        return chosen

    def prune(self, chosen: Cells) -> None:
        """Drop members as long as the rest flips."""
        while self.flips(chosen) and len(chosen) > 2:  # single sites are known not to flip
            smaller = list(combinations(chosen, len(chosen) - 1))
            self.try_all("dropping members", smaller)
            best = max(smaller, key=lambda cells: self.tried[cells])
            if not self.flips(best):
                return
            chosen = best

    def estimate(self, size: int) -> float:
        """Forward passes that trying all sets of that size would cost: a set costs what its first site does."""
        total = 0.0
        for layer, cost in self.cost.items():
            from_here = sum(at >= layer for at in self.layer)
            after = sum(at > layer for at in self.layer)
            total += cost * (comb(from_here, size) - comb(after, size))
        return total

    def result(self) -> MinimalFlip:
        cells, n = self.best(), len(self.grid.sets)
        counts = {size: sum(len(c) == size for c in self.tried) for size in range(1, len(cells) + 1)}
        complete = {size: count == comb(n, size) for size, count in counts.items()}
        of_this_size = [margin for c, margin in self.tried.items() if len(c) == len(cells)]
        logits = next(self.pair.run.variants([self._sites(cells)], self.pair.sources))[1][0]
        return MinimalFlip(
            flips=self.flips(cells),
            labels=tuple(self.grid.names[i] for i in cells),
            members=tuple(self.grid.sets[i] for i in cells),
            alone=torch.tensor([self.tried.get((i,), torch.nan) for i in cells]),
            margin=self.tried[cells],
            margin_before=float(self.margin(self.pair.run.logits)),
            margin_source=float(self.margin(self.pair.answer)),
            logits=logits,
            is_smallest=self.flips(cells) and all(complete[size] for size in range(1, len(cells))),
            method="exact" if complete[len(cells)] else "greedy",
            n_flipping=sum(m > 0 for m in of_this_size) if complete[len(cells)] else None,
            n_numbers=sum(n_selected(self.pair.run.model, s, self.pair.sources) for s in self._sites(cells)),
            n_tried=len(self.tried),
            n_passes=self.pair.run.work.n_passes,
        )
