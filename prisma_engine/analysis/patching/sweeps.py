"""Sweeps: one variant of a run for each cell of a grid of sites, and one number for each variant."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.analysis.metrics import Logits, Values
from prisma_engine.analysis.patching.resume import TargetRun
from prisma_engine.analysis.patching.sites import SiteGrid


@dataclass(frozen=True)
class Sweep:
    """What every sweep has.

    Attributes:
        metric: the metric of each variant; NaN where a sweep was stopped before it came to it.
        grid: which sites each cell stands for.
        n_passes: forward passes really spent, whole runs included, in equivalents of a full pass over one image:
            multiply-adds of embedding, linear layers and attention, divided by those of a full pass.
    """

    metric: Float[Tensor, "*by"]
    grid: SiteGrid
    n_passes: float

    by = property(lambda self: self.grid.by, doc="Names of the axes of `metric`.")
    labels = property(lambda self: self.grid.labels, doc="Of each axis, what its places are called.")
    indices = property(lambda self: self.grid.indices, doc="Of each axis: layers, heads, token positions, neurons.")
    n_variants = property(lambda self: len(self.grid.sets), doc="How many variants the whole sweep has.")

    @property
    def n_done(self) -> int:
        """How many variants have been run."""
        return int((~self.metric.isnan()).sum())

    @property
    def is_complete(self) -> bool:
        return self.n_done == self.n_variants


SAME = 1e-5
"""Relative difference below which two metrics are the same but for rounding, so that nothing can be normalised."""

S = TypeVar("S", bound=Sweep)


def sweep_metric(
    run: TargetRun,
    grid: SiteGrid,
    sources: Mapping[str, Tensor],
    metric: Callable[[Logits], Values],
    chunk: int | None = None,
) -> Iterator[Float[Tensor, "*by"]]:
    """The metric of every variant of a grid, batch by batch: each time a new tensor, NaN where not yet computed.

    The first comes before any variant is run. Late layers, which cost least, come first.
    """
    values = torch.full((len(grid.sets),), torch.nan, dtype=run.logits.dtype, device=run.logits.device)
    yield values.view(grid.shape).clone()
    for batch, logits in run.variants(grid.sets, sources, chunk):
        values[batch] = metric(logits)
        yield values.view(grid.shape).clone()


def watched(
    steps: Iterator[S], progress: Callable[[S], object] | None = None, stop: Callable[[], bool] | None = None
) -> S:
    """The last step of a sweep, or the one at which `stop` said so; `progress` sees all of them."""
    sweep = None
    for sweep in steps:
        if progress is not None:
            progress(sweep)
        if stop is not None and stop():
            break
    assert sweep is not None, "a sweep begins with its baselines"
    return sweep


def normalised(metric: Tensor, clean: float, corrupt: float) -> Tensor:
    """0 as in the corrupt run, 1 as in the clean one; NaN if both have the same metric, but for rounding."""
    distance = clean - corrupt
    same = abs(distance) <= SAME * max(abs(clean), abs(corrupt))
    return (metric - corrupt) / (torch.nan if same else distance)


def one_image(**inputs: Tensor) -> None:
    """Check that each input is a batch of one.

    Raises:
        ValueError: if one is not; the sentence names it.
    """
    for name, x in inputs.items():
        if len(x) != 1:
            raise ValueError(f"a sweep is of one image at a time, got {len(x)} as {name}; give x[i : i + 1] of each")
