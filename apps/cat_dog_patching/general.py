"""Is it general? The same intervention on many other pairs, with intervals, failures first, and a random control."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

import prisma_engine as pe
from apps.cat_dog_patching.analysis import PairResult
from apps.cat_dog_patching.cases import Case, beside
from apps.cat_dog_patching.places import BY_ID, Chip, Extent
from apps.common import payload
from prisma_engine import HookedViT
from prisma_engine.analysis.intervals import Interval, mean_interval, share_interval

BATCH = 16
MAX_FAILURES = 12
MAX_SKIPPED = 20  # pairs left out for each one that is wanted, before this gives up
HOW = "95 % intervals: Wilson for the share, percentile bootstrap for the mean"
_ids = itertools.count(1)


@dataclass(frozen=True)
class Outcome:
    """What an intervention did on many pairs: whether each flipped, and how far it went (0 corrupt, 1 clean)."""

    flipped: tuple[bool, ...] = ()
    effects: tuple[float, ...] = ()

    @property
    def rate(self) -> Interval:
        return share_interval(sum(self.flipped), len(self.flipped))

    @property
    def effect(self) -> Interval:
        return mean_interval(self.effects)

    def plus(self, flipped: Sequence[bool], effects: Sequence[float]) -> Outcome:
        return Outcome((*self.flipped, *flipped), (*self.effects, *effects))

    def as_dict(self) -> dict[str, Any]:
        """The JSON that the canvas reads."""
        return {"flip": self.rate.as_dict("rate"), "effect": self.effect.as_dict("mean")}


@dataclass(frozen=True)
class Failure:
    """A pair that did not flip; metrics have the clean picture's sign as positive."""

    title: str
    metric_before: float
    metric_after: float
    png: bytes

    @property
    def file(self) -> str:
        """What its picture is called: always the same for the same picture, so that a browser may keep it."""
        return f"failure/{hashlib.sha256(self.png).hexdigest()[:16]}"


@dataclass(frozen=True)
class General:
    """The intervention so far; in the state "none" there was nothing to measure, and `text` says why."""

    state: Literal["running", "done", "stopped", "none"]
    source: str
    chips: tuple[Chip, ...]
    total: int
    outcome: Outcome = field(default_factory=Outcome)
    control: Outcome = field(default_factory=Outcome)
    n_skipped: int = 0  # pairs in which the model did not change its preference, so nothing could flip
    failures: tuple[Failure, ...] = ()
    text: str = ""
    id: int = field(default_factory=lambda: next(_ids))  # of the trial, so that no two look alike to the canvas

    @property
    def done(self) -> int:
        return len(self.outcome.flipped)

    @property
    def said(self) -> str:
        """Where the pairs come from, and how many could not be used."""
        if not self.n_skipped:
            return self.source
        return (
            f"{self.source}; {self.n_skipped} more are left out, as the model prefers the same answer in both pictures"
        )

    def as_dict(self, result: PairResult, base: str) -> dict[str, Any]:
        """The JSON that the canvas reads; `base` is what the address of a failure's picture begins with."""
        return {
            "id": self.id,
            "state": self.state,
            "text": self.text,
            "done": self.done,
            "total": self.total,
            "source": self.said,
            "members": [chip.label(result.prefix_names) for chip in self.chips],
            **self.outcome.as_dict(),
            "control": {**self.control.as_dict(), "what": f"{control_said(self.chips)}; {HOW}"},
            "n_skipped": self.n_skipped,
            "failures": [
                {
                    "title": failure.title,
                    "picture": base + failure.file,
                    "metric_before": failure.metric_before,
                    "metric_after": failure.metric_after,
                }
                for failure in self.failures
            ],
        }


def general_steps(
    model: HookedViT,
    result: PairResult,
    chips: Sequence[Chip],
    cases: Iterator[Case],
    n: int,
    source: str,
    stop: Callable[[], bool] = lambda: False,
    seed: int = 0,
) -> Iterator[General]:
    """Apply `chips`, and as many at random, to one batch of pairs after the other.

    Pairs in which the model prefers the same answer in both pictures are left out and counted.

    Raises:
        ValueError: if there is nothing to apply.
    """
    if not chips:
        raise ValueError("there is nothing to try yet: apply a patch, or find the fewest that flip it")
    general = General("running", source, tuple(chips), n)
    generator = np.random.default_rng(seed)
    yield general
    while general.done < n and general.n_skipped < MAX_SKIPPED * n:
        batch = list(islice(cases, min(BATCH, n - general.done)))
        if not batch or stop():
            break
        general = _with_batch(model, result, general, batch, generator)
        yield general
    if general.done or stop():
        yield replace(general, state="stopped" if stop() else "done")
    else:
        yield replace(general, state="none", text=unusable_said(result, general.n_skipped))


def refused(text: str) -> General:
    """A trial that could not begin, with the sentence that says why."""
    return General("none", "", (), 0, text=text)


def unusable_said(result: PairResult, n_skipped: int) -> str:
    """Why no pair could be used, in words."""
    a, b, _ = result.answers
    if n_skipped:
        return f"In all {n_skipped:,} pairs the model prefers the same answer in both pictures, so nothing can flip."
    names = f"{result.name(a)} in some of these pictures and {result.name(b)} in others"
    return f"There is no pair to try: the model does not prefer {names}."


@torch.no_grad()
def _with_batch(
    model: HookedViT, result: PairResult, general: General, batch: list[Case], generator: np.random.Generator
) -> General:
    a, b, _ = result.answers
    sign = 1.0 if result.clean.metric > result.corrupt.metric else -1.0
    clean, corrupt = (torch.cat([getattr(case, side) for case in batch]) for side in ("clean", "corrupt"))
    random = control_chips(general.chips, result.extent, generator)
    sets = [tuple(chip.site_in_model for chip in chosen) for chosen in (general.chips, random)]

    def measured(logits: Tensor) -> np.ndarray:
        return sign * (logits[..., a] - logits[..., b]).double().numpy()

    before, source = measured(model(corrupt)), measured(model(clean))
    usable = (source > 0) & (before < 0)
    chosen = torch.from_numpy(usable)
    patched = measured(pe.apply_patches(model, corrupt[chosen], clean[chosen], sets)) if usable.any() else None
    general = replace(general, n_skipped=general.n_skipped + int((~usable).sum()))
    if patched is None:
        return general
    effects = (patched - before[usable]) / (source - before)[usable]
    outcome = general.outcome.plus((patched[0] > 0).tolist(), effects[0].tolist())
    control = general.control.plus((patched[1] > 0).tolist(), effects[1].tolist())
    tried = [case for case, use in zip(batch, usable, strict=True) if use]
    failed = [
        Failure(case.title, float(was), float(became), payload.pack_png(beside(case)))
        for case, was, became in zip(tried, before[usable], patched[0], strict=True)
        if became <= 0
    ]
    worst = sorted((*general.failures, *failed), key=lambda failure: failure.metric_after)[:MAX_FAILURES]
    return replace(general, outcome=outcome, control=control, failures=tuple(worst))


def control_chips(chips: Sequence[Chip], extent: Extent, generator: np.random.Generator) -> tuple[Chip, ...]:
    """As many patches of the same kinds, drawn at random among those that are not in `chips`.

    A head's stand-in is of the same layer as long as there is one: late heads do more than early ones, so a draw from
    all layers would flatter. Where heads do not matter, another layer stands in.
    """
    taken = set(chips)
    drawn = []
    for chip in chips:
        others = [replace(chip, layer=layer, head=head) for layer, head in _others(chip, extent)]
        free = [other for other in others if other not in taken]
        near = [other for other in free if other.layer == chip.layer] or free
        chosen = near[int(generator.integers(len(near)))] if near else chip
        taken.add(chosen)
        drawn.append(chosen)
    return tuple(drawn)


def _others(chip: Chip, extent: Extent) -> list[tuple[int, int | None]]:
    heads = range(extent.n_heads) if BY_ID[chip.site].of_heads and chip.head is not None else (chip.head,)
    return [(layer, head) for layer in range(extent.n_layers) for head in heads]


def control_said(chips: Sequence[Chip]) -> str:
    """What the control is, in words."""
    heads = all(chip.head is not None for chip in chips)
    what = "other heads of the same layers" if heads else "patches of the same kinds elsewhere"
    return f"{what}, drawn at random, as many, anew for every {BATCH} pairs"
