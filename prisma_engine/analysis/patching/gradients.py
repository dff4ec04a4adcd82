"""Attribution patching: what every patch of a sweep would do, estimated from one gradient.

effect ≈ (source's activation − target's) · ∂ metric / ∂ activation, in the target's run: exact where the rest of the
model is linear over that distance, and wrong where it saturates, so compare (`PatchSweep.correlation`). After Nanda
2023, "Attribution patching: activation patching at industrial scale".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.analysis.metrics import AnyMetric, Logits, Metric, Values, bound
from prisma_engine.analysis.patching.activation import Direction, Image, PatchSweep, in_order
from prisma_engine.analysis.patching.sites import TOKEN_AXES, SiteGrid, site_grid, token_positions
from prisma_engine.analysis.patching.sweeps import one_image
from prisma_engine.edits import LAST_AXES, Selector
from prisma_engine.hooks import HookPoint
from prisma_engine.vit import HookedViT

PASSES = 4.0
"""The source's run, the target's, and a backward pass, which costs two."""


def attribution_patching(
    model: HookedViT,
    clean: Image,
    corrupt: Image,
    at: str | Iterable[str],
    by: str | Sequence[str],
    *,
    metric: AnyMetric,
    token: Selector = "all",
    direction: Direction = "denoise",
) -> PatchSweep:
    """An estimate of the same sweep by `patch_sweep`, for every cell at once: three runs, however many cells.

    Arguments and errors are those of `patch_sweep`. What a cell patches together is added up as if each site were
    patched alone, so a cell that spans several layers is wrong even for small differences.

    Raises:
        ValueError: also for a metric without a gradient, such as a rank.
    """
    one_image(clean=clean, corrupt=corrupt)
    grid, measure = site_grid(model, at, by, token), bound(metric, model)
    if isinstance(metric, Metric) and metric.kind == "rank":
        raise ValueError("a rank has no gradient; use logit(c), logit_diff(a, b) or probability(c)")
    source, target = in_order(clean, corrupt, direction)
    own, gradients, value = _with_gradients(model, target, grid.points, measure)
    with torch.no_grad():
        answer, other = model.run_with_cache(source, grid.points)
        gained = {name: _product(other[name], own[name], gradients[name])[0] for name in grid.points}
        estimate = value + _gathered(model, grid, gained, token_positions(model, token))
        values = in_order(float(measure(answer)), value, direction)
    return PatchSweep(estimate, grid, PASSES, *values, direction, method="gradient")


def _with_gradients(
    model: HookedViT, x: Image, points: Iterable[str], measure: Callable[[Logits], Values]
) -> tuple[dict[str, Tensor], dict[str, Tensor], float]:
    """Activations at some hook points, the metric's gradient with respect to each, and the metric."""
    activations: dict[str, Tensor] = {}
    nudges: dict[str, Tensor] = {}

    def nudge(activation: Tensor, point: HookPoint) -> Tensor:
        activations[point.name] = activation.detach()
        nudges[point.name] = torch.zeros_like(activation, requires_grad=True)
        return activation + nudges[point.name]

    with torch.enable_grad():
        value = measure(model.run_with_hooks(x, dict.fromkeys(points, nudge)))
        if not value.requires_grad:
            raise ValueError("this metric has no gradient; use logit(c), logit_diff(a, b) or probability(c)")
        found = torch.autograd.grad(value.sum(), list(nudges.values()), allow_unused=True, materialize_grads=True)
    return activations, dict(zip(nudges, found, strict=True)), float(value.detach())


def _product(source: Tensor, target: Tensor, gradient: Tensor) -> Tensor:
    """Gradient × difference; 0 where nothing differs, also between scores that are both hidden (-inf)."""
    return torch.where(source == target, 0.0, (source - target) * gradient)


def _gathered(model: HookedViT, grid: SiteGrid, gained: dict[str, Tensor], tokens: list[int]) -> Float[Tensor, "*by"]:
    """The sum over what each cell of the grid patches."""
    rest = tuple(axis for axis in grid.by if axis != "layer")
    first = next(iter(gained.values()))
    total = first.new_zeros(grid.shape)
    for name, values in gained.items():
        part = _summed(model.hook_points[name], values, rest, tokens)
        if "layer" in grid.by:
            axis = grid.by.index("layer")
            layers = grid.indices[axis]
            total.select(axis, layers.index(int(name.split(".")[1]))).add_(part)
        else:
            total += part
    return total


def _summed(point: HookPoint, values: Tensor, keep: tuple[str, ...], tokens: list[int]) -> Tensor:
    """One image's values summed over every axis but `keep`, in that order; over the selected tokens alone."""
    axes = [_role(axis) for axis in point.axes[1:]]
    if "token" in axes:
        at = axes.index("token")
        values = values.index_select(at, torch.tensor(tokens, device=values.device)) if values.shape[at] > 1 else values
    others = [i for i, axis in enumerate(axes) if axis not in keep]
    left = [axis for axis in axes if axis in keep]
    return (values.sum(others) if others else values).permute([left.index(axis) for axis in keep])


def _role(axis: str) -> str:
    return "token" if axis in TOKEN_AXES else "neuron" if axis in LAST_AXES else axis
