"""What one visitor tried on many pictures, as the canvas reads it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from apps.common import payload
from apps.common.blobs import Result
from apps.sae_steering.analysis import SteerResult
from prisma_engine.analysis.intervals import Interval
from prisma_engine.sae.features import Controls, Generality, Outcome, Rack

RANDOM = "random latents, as many, whose writing is as long at the same tokens, drawn anew for every picture"
Named = Callable[[int], dict[str, Any]]
"""Tells a class from its index, as the canvas reads it."""
HOW = "intervals: Wilson for the share, percentile bootstrap for the mean"


@dataclass(frozen=True, eq=False)
class Trial:
    """A trial of the rack on other pictures.

    Attributes:
        source: where they come from, in words.
        key: under which the pictures lie on which it did least.
        before: the watched logit on these, before anything was changed; empty while more are tried.
    """

    found: Generality
    source: str
    key: str
    before: tuple[float, ...] = ()

    @property
    def said(self) -> str:
        """Where the pictures come from, and how many could not be used."""
        parts = [self.source]
        if self.found.n_skipped:
            parts.append(f"{self.found.n_skipped} that it calls otherwise are left out")
        if self.found.n_refused:
            parts.append(f"{self.found.n_refused} could not be opened")
        return "; ".join(parts)

    def files(self) -> Result:
        """The pictures of failures, for the shelf."""
        failures = enumerate(self.found.failures)
        files = {f"failure/{i}": payload.pack_png(np.asarray(f.picture.convert("RGB"))) for i, f in failures}
        return Result(files, None, sum(map(len, files.values())))

    def as_dict(self, base: str, named: Named) -> dict[str, Any]:
        """The JSON that the canvas reads; `base` is what the address of a failure's picture begins with."""
        found = self.found
        known = self.before or (math.nan,) * len(found.failures)
        return {
            "state": found.state,
            "done": found.done,
            "total": found.total,
            "source": self.said,
            **effects_value(found.effect),
            "control": {**effects_value(found.control), "what": f"{RANDOM}; {HOW}"},
            "n_skipped": found.n_skipped,
            "failures": [
                {
                    "title": failure.reference,
                    "picture": f"{base}{i}",
                    "before": plain(before),
                    "after": plain(before + failure.change),
                    "change": plain(failure.change),
                    "answers": [named(failure.before), named(failure.after)],
                }
                for i, (failure, before) in enumerate(zip(found.failures, known, strict=True))
            ],
        }


@torch.no_grad()
def logits_before(result: SteerResult, rack: Rack, index: int, found: Generality) -> tuple[float, ...]:
    """The watched logit on the pictures where a rack did least, without the latents' changes."""
    if not found.failures:
        return ()
    preprocess = result.model.preprocess
    assert preprocess is not None, "a result's model takes pictures"
    x = torch.stack([preprocess.normalize(failure.picture) for failure in found.failures])
    spliced = {} if rack.keep_error else result.loaded.sae.splice().at()
    return tuple(result.model.run_with_hooks(x, spliced)[:, index].tolist())


def effects_value(effects: Outcome) -> dict[str, Any]:
    """Mean change of the watched logit, and share of changed answers, each with its interval."""
    return {"effect": interval_value(effects.mean, "mean"), "changed": interval_value(effects.rate, "rate")}


def interval_value(interval: Interval, name: str) -> dict[str, float | None]:
    """An interval as the canvas reads it; null where there is nothing to estimate from."""
    return {name: plain(interval.value), "low": plain(interval.low), "high": plain(interval.high)}


def plain(value: float) -> float | None:
    """A number for JSON; None where there is none."""
    return float(value) if math.isfinite(value) else None


def controls_value(controls: Controls, named: Named) -> dict[str, Any]:
    """Random latents and the wrong sign, as the canvas reads them."""
    random, low_high = controls.random, controls.random.spread
    return {
        "state": "done",
        "text": "",
        "against": controls.against,
        "random": {
            "n": len(random.change),
            "mean": plain(random.mean.value),
            "low": plain(low_high[0]),
            "high": plain(low_high[1]),
            "changed": plain(random.rate.value),
            "draws": [plain(change) for change in random.change],
        },
        "opposite": {"change": plain(controls.opposite.change[0]), "answer": named(controls.opposite.answers[0])},
        "steered": {"change": plain(controls.steered.change[0]), "answer": named(controls.steered.answers[0])},
    }
