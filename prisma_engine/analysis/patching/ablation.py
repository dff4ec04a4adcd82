"""Ablation: what the answer loses when a part of the model is silenced.

`zero` puts 0 in the activation's place, which may be far from anything that the model ever sees; `mean` its mean
over other images; `resample` what another image gave (Chan et al. 2022, "Causal scrubbing"). The last two keep the
part's usual values and take away what they said of this image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.analysis.metrics import AnyMetric, bound
from prisma_engine.analysis.patching.resume import TargetRun, chunk_size
from prisma_engine.analysis.patching.sites import site_grid
from prisma_engine.analysis.patching.sweeps import Sweep, one_image, sweep_metric, watched
from prisma_engine.edits import Selector
from prisma_engine.vit import HookedViT

Kind = Literal["zero", "mean", "resample"]
Images = Float[Tensor, "image channel height width"]


@dataclass(frozen=True)
class AblationSweep(Sweep):
    """The metric with each site ablated.

    Attributes:
        intact: the metric when nothing is ablated.
        kind: "zero", "mean" or "resample".
    """

    intact: float
    kind: Kind

    @property
    def change(self) -> Float[Tensor, "*by"]:
        """What ablating does to the metric: ablated less intact."""
        return self.metric - self.intact


def ablation_sweep(
    model: HookedViT,
    x: Images,
    at: str | Iterable[str],
    by: str | Sequence[str],
    *,
    metric: AnyMetric,
    kind: Kind = "zero",
    reference: Images | Iterable[Images] | None = None,
    token: Selector = "all",
    chunk: int | None = None,
    progress: Callable[[AblationSweep], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> AblationSweep:
    """Ablate every site of a grid, one at a time, and measure what comes of it.

    Args:
        x: input, a batch of one.
        at, by, token, metric, chunk, progress, stop: as in `patch_sweep`.
        kind: what is put in: zeros, the mean activation over `reference`, or the activations of one reference image
            after the other, whose metrics are averaged.
        reference: images, or batches of images; for "mean" and "resample".

    Raises:
        KeyError: if a pattern matches no hook point.
        ValueError: if there is no reference where one is needed, and as in `patch_sweep`.
    """
    steps = ablation_sweep_steps(
        model, x, at, by, metric=metric, kind=kind, reference=reference, token=token, chunk=chunk
    )
    return watched(steps, progress, stop)


@torch.no_grad()
def ablation_sweep_steps(
    model: HookedViT,
    x: Images,
    at: str | Iterable[str],
    by: str | Sequence[str],
    *,
    metric: AnyMetric,
    kind: Kind = "zero",
    reference: Images | Iterable[Images] | None = None,
    token: Selector = "all",
    chunk: int | None = None,
) -> Iterator[AblationSweep]:
    """`ablation_sweep` as it goes; by resampling, each cell is the mean over the reference images so far."""
    one_image(x=x)
    grid, measure = site_grid(model, at, by, token), bound(metric, model)
    run = TargetRun(model, x)
    intact = float(measure(run.logits))
    mean: Tensor | None = None
    for n, sources in enumerate(_sources(run, kind, reference, grid.points)):
        for values in sweep_metric(run, grid, sources, measure, chunk):
            so_far = values if mean is None else torch.where(values.isnan(), mean, mean + (values - mean) / (n + 1))
            yield AblationSweep(so_far, grid, run.work.n_passes, intact, kind)
        mean = so_far


@torch.no_grad()
def mean_activations(
    model: HookedViT, images: Images | Iterable[Images], names: str | Iterable[str] = "*"
) -> dict[str, Float[Tensor, "1 ..."]]:
    """The mean over images of the named activations, each token by itself: values for `mean` ablation or `replace`.

    Args:
        images: one tensor, or batches; only one batch is in memory at a time.
        names: hook point names or patterns.

    Raises:
        KeyError: if a pattern matches no hook point.
        ValueError: if there is no image.
    """
    means: dict[str, Tensor] = {}
    n = 0
    for batch in _batches(model, images):
        n += len(batch)
        for name, activation in model.run_with_cache(batch, names)[1].items():
            own = activation.mean(0, keepdim=True)
            means[name] = own if name not in means else means[name] + (own - means[name]) * (len(batch) / n)
    if not n:
        raise ValueError("a mean needs at least one image, got none")
    return means


def _batches(model: HookedViT, images: Images | Iterable[Images]) -> Iterable[Images]:
    return images.split(chunk_size(model, None)) if isinstance(images, Tensor) else images


def _sources(
    run: TargetRun, kind: Kind, reference: Images | Iterable[Images] | None, points: Sequence[str]
) -> Iterator[Mapping[str, Tensor]]:
    """What is put in; by resampling, of one reference image after the other."""
    if kind not in ("zero", "mean", "resample"):
        raise ValueError(f"kind is {kind!r}; use 'zero', 'mean' or 'resample'")
    if kind == "zero":
        run.work.passes(1)
        yield {name: torch.zeros_like(x) for name, x in run.model.run_with_cache(run.x, points)[1].items()}
        return
    if reference is None:
        raise ValueError(f"{kind} ablation takes its values from other images; give them as reference")
    batches = _counted(run, _batches(run.model, reference))
    if kind == "mean":
        yield mean_activations(run.model, batches, points)
        return
    for batch in batches:
        for image in batch.split(1):
            yield run.model.run_with_cache(image, points)[1]


def _counted(run: TargetRun, batches: Iterable[Images]) -> Iterator[Images]:
    """The same batches, each added to the work of the run."""
    for batch in batches:
        run.work.passes(len(batch))
        yield batch
