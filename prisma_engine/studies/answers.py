"""What a model answers under different edits, over many pictures: how often right, how often the same as without."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.hooks import Edit
from prisma_engine.studies.samples import Sample
from prisma_engine.vit import HookedViT

BATCH = 25
Plan = Mapping[str, Edit | Sequence[Edit]]
"""Edits by hook point name, as `model.run_with_hooks` takes them; an empty one is the model as it is."""


@dataclass(frozen=True)
class Outcome:
    """The answers under one plan.

    Attributes:
        plan: its name.
        accuracy: share of the pictures whose likeliest class is right (one of the right ones, where there are
            several); None where nobody says what is right.
        same: share of the pictures whose likeliest class is the one that the model gives as it is.
    """

    plan: str
    accuracy: float | None
    same: float


@torch.no_grad()
def outcomes(model: HookedViT, samples: Iterable[Sample], plans: Mapping[str, Plan]) -> tuple[int, tuple[Outcome, ...]]:
    """How many pictures there were, and one outcome for each plan, in order.

    Pictures without a right answer do not count for the accuracy.

    Raises:
        ValueError: if there is no picture, or the model has no classifier.
    """
    if model.config.head == "identity":
        raise ValueError(f"{model.name} gives features, no answers, so there is nothing to be right about")
    right, same, n, n_known = dict.fromkeys(plans, 0), dict.fromkeys(plans, 0), 0, 0
    for batch in _batches(samples):
        x = torch.cat([sample.x for sample in batch])
        plain = model(x).argmax(-1)
        n, n_known = n + len(batch), n_known + sum(bool(sample.classes) for sample in batch)
        for name, plan in plans.items():
            answer = model.run_with_hooks(x, plan).argmax(-1) if plan else plain
            same[name] += int((answer == plain).sum())
            right[name] += sum(c in s.classes for c, s in zip(answer.tolist(), batch, strict=True))
    if not n:
        raise ValueError("a study needs at least one picture that can be opened, got none")
    accuracy = {name: round(right[name] / n_known, 4) if n_known else None for name in plans}
    return n, tuple(Outcome(name, accuracy[name], round(same[name] / n, 4)) for name in plans)


def exchanged(
    x: Float[Tensor, "batch channel height width"], model: HookedViT, first: Sequence[int], second: Sequence[int]
) -> Float[Tensor, "batch channel height width"]:
    """The same pictures with the pixels of patches `first[i]` and `second[i]` in each other's place."""
    (rows, columns), across = model.config.patch_size, model.grid[1]
    out = x.clone()

    def block(patch: int) -> tuple[slice, slice]:
        top, left = patch // across * rows, patch % across * columns
        return slice(top, top + rows), slice(left, left + columns)

    for one, other in zip(first, second, strict=True):
        out[..., *block(one)], out[..., *block(other)] = x[..., *block(other)], x[..., *block(one)]
    return out


def _batches(samples: Iterable[Sample]) -> Iterator[list[Sample]]:
    stream = iter(samples)
    while batch := list(islice(stream, BATCH)):
        yield batch
