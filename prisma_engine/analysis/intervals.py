"""Estimates with their 95 % intervals: Wilson's for a share, a bootstrap for a mean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Interval:
    """An estimate with its 95 % interval; NaN where there is nothing to estimate from."""

    value: float
    low: float
    high: float

    def as_dict(self, name: str) -> dict[str, float | None]:
        """Plain JSON, the estimate under `name`; None for NaN."""
        numbers = {name: self.value, "low": self.low, "high": self.high}
        return {key: value if math.isfinite(value) else None for key, value in numbers.items()}


def wilson(right: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Interval of a proportion (Wilson 1927)."""
    p, spread = right / n, z * math.sqrt(right * (n - right) / n + z * z / 4) / n
    middle, scale = p + z * z / (2 * n), 1 + z * z / n
    return (middle - spread) / scale, (middle + spread) / scale


def share_interval(k: int, n: int) -> Interval:
    """The share k / n with its Wilson interval."""
    return Interval(k / n, *wilson(k, n)) if n else Interval(math.nan, math.nan, math.nan)


def mean_interval(values: Sequence[float], resamples: int = 2000) -> Interval:
    """The mean with its percentile bootstrap interval, the same for the same values."""
    if not values:
        return Interval(math.nan, math.nan, math.nan)
    given = np.array(values)
    drawn = np.random.default_rng(0).integers(0, len(given), (resamples, len(given)))
    low, high = np.quantile(given[drawn].mean(1), (0.025, 0.975))
    return Interval(float(given.mean()), float(low), float(high))
