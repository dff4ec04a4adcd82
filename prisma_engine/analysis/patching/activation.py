"""Activation patching: which activations carry the difference between two images?

Run the model on one image (the target) and put in, at one site, what it computed for another (the source). Denoising
puts the clean image's activation into the corrupt run: what suffices to restore the answer. Noising does the
reverse: what is needed for it. After Vig et al. 2020 ("Investigating gender bias in language models using causal
mediation analysis") and Meng et al. 2022 ("Locating and editing factual associations in GPT").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.analysis.metrics import AnyMetric, Logits, Values, bound
from prisma_engine.analysis.patching.resume import TargetRun, chunk_size
from prisma_engine.analysis.patching.sites import Site, check_points, site_grid
from prisma_engine.analysis.patching.sweeps import Sweep, normalised, one_image, sweep_metric, watched
from prisma_engine.edits import Selector
from prisma_engine.vit import HookedViT

Direction = Literal["denoise", "noise"]
T = TypeVar("T")
Image = Float[Tensor, "1 channel height width"]
Images = Float[Tensor, "image channel height width"]


@dataclass(frozen=True)
class PatchSweep(Sweep):
    """The metric of every patch of a sweep.

    Attributes:
        clean, corrupt: the metric of the two runs, unpatched.
        direction: "denoise", clean into corrupt, or "noise", corrupt into clean.
        method: "exact", or "gradient" for the estimates of attribution patching.
    """

    clean: float
    corrupt: float
    direction: Direction
    method: Literal["exact", "gradient"] = "exact"

    @property
    def effect(self) -> Float[Tensor, "*by"]:
        """The metric, normalised: 0 as in the corrupt run, 1 as in the clean one, whatever the direction.

        NaN everywhere if both runs have the same metric.
        """
        return normalised(self.metric, self.clean, self.corrupt)

    def correlation(self, other: PatchSweep) -> float:
        """Pearson correlation of the metrics of two sweeps over the cells that both have; NaN if one is constant.

        Raises:
            ValueError: if the sweeps are not of the same cells.
        """
        if self.grid.sets != other.grid.sets:
            raise ValueError("only sweeps of the same cells can be compared: same at, by and token")
        pair = torch.stack([self.metric.flatten(), other.metric.flatten()]).double()
        return float(torch.corrcoef(pair[:, ~pair.isnan().any(0)])[0, 1])


def patch_sweep(
    model: HookedViT,
    clean: Image,
    corrupt: Image,
    at: str | Iterable[str],
    by: str | Sequence[str],
    *,
    metric: AnyMetric,
    token: Selector = "all",
    direction: Direction = "denoise",
    chunk: int | None = None,
    progress: Callable[[PatchSweep], object] | None = None,
    stop: Callable[[], bool] | None = None,
) -> PatchSweep:
    """Patch every site of a grid, one at a time, and measure what comes of it.

    The numbers are those of one forward pass for each patch, but variants run in batches, begin at the patched
    block, and leave out what the patch does not change (`prisma_engine.analysis.patching.resume`).

    Args:
        clean, corrupt: inputs, as `model.preprocess` gives them; a batch of one each.
        at: hook point name or pattern, or several.
        by: "layer", "head", "token", "neuron": one patch for each combination. What is left out is patched together.
        token: the tokens that are patched, "cls", "patches", "all", an index or several; with "token" in `by`, those
            that are patched one at a time.
        metric: `logit_diff(a, b)`, `probability(c)`, `logit(c)`, `rank(c)` or a function logits → [batch].
        chunk: patches that run at once, which bounds memory beyond what both runs keep (the target's stream and the
            source's activations at `at`); by default 1,024 tokens' worth.
        progress: called with the sweep so far, before the first patch and after each batch.
        stop: asked after each batch; if it says yes, the sweep ends, with NaN where it did not come.

    Raises:
        KeyError: if a pattern matches no hook point.
        ValueError: for a hook point without such an axis, an unknown class, or inputs that are not of one image.
    """
    steps = patch_sweep_steps(
        model, clean, corrupt, at, by, metric=metric, token=token, direction=direction, chunk=chunk
    )
    return watched(steps, progress, stop)


@torch.no_grad()
def patch_sweep_steps(
    model: HookedViT,
    clean: Image,
    corrupt: Image,
    at: str | Iterable[str],
    by: str | Sequence[str],
    *,
    metric: AnyMetric,
    token: Selector = "all",
    direction: Direction = "denoise",
    chunk: int | None = None,
) -> Iterator[PatchSweep]:
    """`patch_sweep` as it goes: the sweep so far, before the first patch and after each batch of patches."""
    grid, measure = site_grid(model, at, by, token), bound(metric, model)
    pair = Pair(model, clean, corrupt, direction, grid.points)
    for values in sweep_metric(pair.run, grid, pair.sources, measure, chunk):
        yield PatchSweep(values, grid, pair.run.work.n_passes, *pair.measured(measure), direction)


@torch.no_grad()
def apply_patches(
    model: HookedViT, target: Images, source: Images, sets: Sequence[Sequence[Site]], chunk: int | None = None
) -> Float[Tensor, "set image class"]:
    """The logits of `target` with each set of sites taken from `source`, every set on every image.

    Args:
        target: the images that are run.
        source: where activations come from: as many images, one for each of `target`, or one for all.
        sets: sites that are patched together; an empty set leaves the target as it is.
        chunk: variants that run at once, which bounds memory; by default 1,024 tokens' worth.

    Raises:
        ValueError: if the numbers of images do not fit, or a site selects what its hook point does not have.
    """
    check_points(model, (site for sites in sets for site in sites))
    if len(source) not in (1, len(target)):
        raise ValueError(f"give one source image, or one for each of the {len(target)} targets; got {len(source)}")
    size = chunk_size(model, chunk)
    targets = target.split(size)
    sources = [source] * len(targets) if len(source) == 1 else source.split(size)
    return torch.cat([_applied(model, t, s, sets, chunk) for t, s in zip(targets, sources, strict=True)], dim=1)


def _applied(
    model: HookedViT, target: Images, source: Images, sets: Sequence[Sequence[Site]], chunk: int | None
) -> Float[Tensor, "set image class"]:
    run, n = TargetRun(model, target), len(target)
    sources = model.run_with_cache(source, {site.point for sites in sets for site in sites})[1]
    each = [sites for sites in sets for _ in range(n)]
    image = torch.arange(n, device=target.device).repeat(len(sets))
    out = run.logits.repeat(len(sets), 1)
    for batch, logits in run.variants(each, sources, chunk, image, origin=image % len(source)):
        out[batch] = logits
    return out.unflatten(0, (len(sets), n))


class Pair:
    """Both runs of a patching experiment.

    Attributes:
        run: that of the image that is patched.
        answer: the other one's logits.
        sources: the other one's activations at `points`.
    """

    @torch.no_grad()
    def __init__(
        self, model: HookedViT, clean: Image, corrupt: Image, direction: Direction, points: Iterable[str]
    ) -> None:
        one_image(clean=clean, corrupt=corrupt)
        self.direction: Direction = direction
        source, target = in_order(clean, corrupt, direction)
        self.run = TargetRun(model, target)
        self.answer, self.sources = model.run_with_cache(source, list(points))
        self.run.work.passes(1)

    def measured(self, metric: Callable[[Logits], Values]) -> tuple[float, float]:
        """The metric of the clean and of the corrupt run."""
        target, source = float(metric(self.run.logits)), float(metric(self.answer))
        return in_order(source, target, self.direction)


def in_order(a: T, b: T, direction: Direction) -> tuple[T, T]:
    """(clean, corrupt) as (source, target), or the reverse; its own inverse.

    Raises:
        ValueError: if there is no such direction.
    """
    if direction not in ("denoise", "noise"):
        raise ValueError(f"direction is {direction!r}; use 'denoise' (clean into corrupt) or 'noise' (the reverse)")
    return (a, b) if direction == "denoise" else (b, a)
