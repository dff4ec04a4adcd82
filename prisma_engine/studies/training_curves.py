"""Findings over a model's training: `python -m prisma_engine.studies.training_curves dsprites-base-attn-mlp`.

For each step whose weights were kept: how well the lens finds what a picture shows, where its pixels are known, and
how much every head is of every type. Written to `curves.json` in the model's folder.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Tensor

from prisma_engine.analysis.heads.evidence import Evidence
from prisma_engine.analysis.heads.gathering import gather
from prisma_engine.analysis.heads.types import RULE
from prisma_engine.analysis.lens import logit_lens
from prisma_engine.analysis.segmentation import (
    best_constant,
    choose_threshold,
    label_map,
    label_patches,
    overlap,
    to_pixels,
)
from prisma_engine.curves import Curves, LensCurves, TypeCurves
from prisma_engine.history import revision_of
from prisma_engine.load import embedded_models, history, load, models_folder
from prisma_engine.toy.zoo.scoring import AT_ONCE, normalised
from prisma_engine.toy.zoo.task import Examples, Task, load_task
from prisma_engine.vit import HookedViT

MASKS: dict[str, Callable[[Tensor], Tensor]] = {"dsprites": lambda pictures: pictures[:, 0] > 0}
"""Data set → which pixels of its pictures [picture channel height width] show the class; only sets that tell."""


@dataclass(frozen=True)
class Sizes:
    """How many held-out pictures each finding rests on, and how many shuffles a head's name."""

    lens: int = 300
    threshold: int = 200
    heads: int = 200
    shuffles: int = 99


@dataclass(frozen=True)
class Masked:
    """Pictures of which every pixel is known."""

    x: Float[Tensor, "picture channel height width"]
    truth: Int[Tensor, "picture height width"]


@dataclass(frozen=True)
class _AtStep:
    """The lens at one step, point by point, and the head types."""

    lens: tuple[tuple[float, ...], tuple[float, ...], int] | None  # thresholds, IoU, best point
    evidence: Evidence


def training_curves(
    model: str | Path,
    task: Task,
    data: str,
    sizes: Sizes | None = None,
    seed: int = 0,
    progress: Callable[[int], None] = lambda step: None,
) -> Curves:
    """Measure every kept step of `model` on the same held-out pictures of its task, named `data`.

    Raises:
        ValueError: if the model has kept no steps, or the task has too few pictures.
    """
    steps, sizes = history(model).steps, sizes or Sizes()
    if not steps:
        raise ValueError(f"{model} has kept no steps of its training, so there is nothing to follow")
    pictures = _drawn(task, sizes, seed)
    masked = [_masked(task, data, pictures[name]) for name in ("threshold", "lens")] if data in MASKS else None
    found = []
    for step in steps:
        progress(step)
        found.append(_at_step(load(model, revision=revision_of(step)), masked, pictures["heads"], sizes, seed))
    first = found[0].evidence
    return Curves(
        model=first.model,
        data=data,
        seed=seed,
        sizes={name: n for name, n in asdict(sizes).items() if masked or name not in ("lens", "threshold")},
        steps=steps,
        layers=first.layers,
        n_heads=first.heads,
        rule=RULE,
        types=tuple(_type_curves([one.evidence for one in found], number) for number in range(len(first.types))),
        lens=None if masked is None else _lens_curves(found, masked[1], load(model), task),
    )


def _drawn(task: Task, sizes: Sizes, seed: int) -> dict[str, Examples]:
    """Different held-out pictures for each purpose, by chance; those for the heads are among those for the lens."""
    part = next(iter(task.held_out.values()))
    scored = max(sizes.lens, sizes.heads)
    if len(part) < scored + sizes.threshold:
        raise ValueError(f"{scored + sizes.threshold} held-out pictures are needed, got {len(part)}")
    order = np.random.default_rng(seed).permutation(len(part))
    chosen = {
        "lens": order[: sizes.lens],
        "heads": order[: sizes.heads],
        "threshold": order[scored : scored + sizes.threshold],
    }
    return {name: part[numbers] for name, numbers in chosen.items()}


def _masked(task: Task, data: str, examples: Examples) -> Masked:
    pictures, labels = examples
    mask: Bool[Tensor, "picture height width"] = MASKS[data](pictures)
    return Masked(normalised(pictures, task), label_map(mask[:, None], labels[:, None]))


def _at_step(model: HookedViT, masked: list[Masked] | None, examples: Examples, sizes: Sizes, seed: int) -> _AtStep:
    evidence = gather(model, _images(examples), "held-out pictures", n_shuffles=sizes.shuffles, seed=seed)
    return _AtStep(None if masked is None else _lens(model, *masked), evidence)


def _images(examples: Examples) -> Iterator[tuple[str, Image.Image]]:
    pictures, _ = examples
    for number, picture in enumerate(pictures.permute(0, 2, 3, 1).numpy()):
        yield str(number), Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture)


def _lens(model: HookedViT, chosen: Masked, held: Masked) -> tuple[tuple[float, ...], tuple[float, ...], int]:
    """Thresholds and IoU of each point, and the point that is best on the pictures that chose the thresholds."""
    n, size = model.config.n_classes, (held.truth.shape[1], held.truth.shape[2])
    thresholds, on_chosen, iou = [], [], []
    for first, second in zip(_lensed(model, chosen.x), _lensed(model, held.x), strict=True):
        threshold, there = choose_threshold(first, chosen.truth, model.grid, n)
        labels = to_pixels(label_patches(second, threshold), model.grid, size)
        thresholds.append(threshold)
        on_chosen.append(there)
        iou.append(overlap(labels, held.truth, n).iou)
    return tuple(thresholds), tuple(iou), int(np.argmax(on_chosen))


def _lensed(model: HookedViT, x: Tensor) -> Float[Tensor, "point picture patch class"]:
    return torch.cat([logit_lens(model, part).patches for part in x.split(AT_ONCE)], 1)


def _lens_curves(found: list[_AtStep], held: Masked, model: HookedViT, task: Task) -> LensCurves:
    at = [one.lens for one in found if one.lens is not None]
    return LensCurves(
        labels=logit_lens(model, held.x[:1]).labels,
        threshold=tuple(thresholds for thresholds, _, _ in at),
        iou=tuple(iou for _, iou, _ in at),
        best=tuple(best for _, _, best in at),
        baseline=best_constant(held.truth, len(task.names), lambda o: o.iou),
    )


def _type_curves(evidence: list[Evidence], number: int) -> TypeCurves:
    types = [one.types[number] for one in evidence]
    first = types[0]
    return TypeCurves(
        id=first.id,
        title=first.title,
        meaning=first.meaning,
        score=tuple(one.score for one in types),
        strength=tuple(one.strength for one in types),
        named=tuple(
            tuple(sorted((head.layer, head.head) for head in one.found if head.type == first.id)) for one in evidence
        ),
    )


def report(curves: Curves) -> str:
    """A line for each step: the lens at its best point, and the strongest head of every type."""
    return "\n".join(_line(curves, at) for at in range(len(curves.steps)))


def _line(curves: Curves, at: int) -> str:
    words = [f"step {curves.steps[at]:6}"]
    if curves.lens is not None:
        best = curves.lens.best[at]
        words.append(f"lens IoU {curves.lens.iou[at][best]:.3f} at {curves.lens.labels[best]}")
    for of in curves.types:
        strengths = [
            (value, layer, head)
            for layer, row in enumerate(of.strength[at])
            for head, value in enumerate(row)
            if value is not None
        ]
        if strengths:
            value, layer, head = max(strengths)
            words.append(f"{of.id} {value:.2f} L{layer}H{head}{'*' if (layer, head) in of.named[at] else ''}")
    return "  ".join(words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="an embedded model, or a folder of ours, that has kept steps of its training")
    parser.add_argument("--source", help="where the data set is, if not in its usual place")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--share", type=float, default=1.0, help="measure on this share of the pictures only")
    given = parser.parse_args()
    folder = models_folder() / given.model if given.model in embedded_models() else Path(given.model)
    full = Sizes()
    counts = {name: max(2, round(n * given.share)) for name, n in asdict(full).items() if name != "shuffles"}
    try:
        words = load(given.model).vocabulary
        data = words.id if words is not None else ""
        curves = training_curves(
            given.model,
            load_task(data, given.source),
            data,
            replace(full, **counts),
            given.seed,
            lambda step: print(f"\rstep {step}", end="", file=sys.stderr, flush=True),
        )
        print(file=sys.stderr)
        curves.save(folder)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    print(report(curves))


if __name__ == "__main__":
    main()
