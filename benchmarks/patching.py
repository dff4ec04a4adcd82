"""Activation patching beside a loop of one hooked forward pass for each patch: ViT-B/32, random weights.

The loop's passes all cost the same, so it is timed on an even sample of its patches, and counted in full. It is also
timed with the matrix product that sweeps use (`fast_linear`), which tells apart what that gives and what comes of
leaving out work and running patches in batches.
"""

from collections.abc import Callable
from contextlib import nullcontext

import torch

import prisma_engine as pe
from benchmarks.forward import models
from benchmarks.paired import Comparison, seconds, show
from prisma_engine.analysis.patching.activation import PatchSweep, patch_sweep
from prisma_engine.analysis.patching.kernels import fast_linear

HEADS = "blocks.*.attn.hook_z"
SAMPLE, PAIRS = 12, 5


def metric(logits: torch.Tensor) -> torch.Tensor:
    return logits[:, 281] - logits[:, 232]


@torch.no_grad()
def loop(model: pe.HookedViT, corrupt: torch.Tensor, cache: pe.Cache, sweep: PatchSweep, cells: list[int]) -> list:
    """The metric of some cells of a sweep, as a notebook would compute it."""
    values = []
    for cell in cells:
        (site,) = sweep.grid.sets[cell]
        edit = pe.replace(cache[site.point], **site.where)
        values.append(float(metric(model.run_with_hooks(corrupt, {site.point: edit}))))
    return values


@torch.no_grad()
def beside_loop(name: str, ours: Callable[[], PatchSweep], model: pe.HookedViT, images: tuple, target: float) -> list:
    """Paired timings of a whole sweep and of the loop, with torch's own matrix product and with the sweep's."""
    sweep, (clean, corrupt) = ours(), images
    n = sweep.n_variants
    cells = list(range(0, n, n // SAMPLE))[:SAMPLE]
    _, cache = model.run_with_cache(clean, sweep.grid.points)
    worst = max(abs(sweep.metric.flatten()[cells] - torch.tensor(loop(model, corrupt, cache, sweep, cells))))
    print(f"{name}: {n} patches, {sweep.n_passes:.1f} forward passes spent, differs by {worst:.1e}")
    assert worst <= 1e-4, "not the same numbers, so not worth timing"
    lines = []
    for product, kernel, at_most in (("", nullcontext, target), (", same product", fast_linear, None)):
        times: list[tuple[float, float]] = []
        for _ in range(PAIRS):
            with kernel():
                theirs = seconds(lambda: loop(model, corrupt, cache, sweep, cells)) * n / len(cells)
            times.append((seconds(ours), theirs))
        mine, theirs = zip(*times, strict=True)
        lines.append(Comparison(name + product, mine, theirs, at_most or 2 * target))
    return lines


def main() -> None:
    _, model = models("vit_base_patch32_224")
    images = clean, corrupt = torch.randn(2, 1, 3, 224, 224).unbind()
    last = "blocks.11.attn.hook_"
    sweeps = {
        "144 heads at CLS": (HEADS, ("layer", "head"), "cls", 1 / 5),
        "last layer's z, 600 cells": (last + "z", ("token", "head"), "all", 1 / 40),
        "last layer's v, 600 cells": (last + "v", ("token", "head"), "all", 1 / 40),
    }
    lines = []
    for name, (at, by, token, target) in sweeps.items():
        ours = lambda at=at, by=by, token=token: patch_sweep(  # noqa: E731
            model, clean, corrupt, at, by, metric=metric, token=token
        )
        lines += beside_loop(name, ours, model, images, target)
    show(f"patch sweeps beside one forward pass a patch, {torch.get_num_threads()} threads", lines)


if __name__ == "__main__":
    main()
