"""Timing two things fairly on a noisy machine: alternate them, and look at the median of the paired ratios.

A pair is timed within a fraction of a second of itself, so that a neighbour's load falls on both sides; the order
turns round with every pair, so that neither side always runs on the other's warm caches. On a machine with no time
to itself, `BENCH_CLOCK=cpu OMP_NUM_THREADS=1 make bench` counts CPU time on one thread instead of the wall clock.
"""

import os
import resource
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter

Work = Callable[[], object]


def _cpu_seconds() -> float:
    """CPU time of this process and of the children that have ended."""
    used = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in used)


clock = _cpu_seconds if os.environ.get("BENCH_CLOCK") == "cpu" else perf_counter


@dataclass(frozen=True)
class Comparison:
    """One line of a benchmark: how much longer `ours` takes than the reference."""

    name: str
    ours: tuple[float, ...]
    """Seconds, one a pair."""
    reference: tuple[float, ...]
    target: float
    """The ratio that we promise to stay under."""

    @property
    def ratios(self) -> list[float]:
        return [a / b for a, b in zip(self.ours, self.reference, strict=True)]

    @property
    def ratio(self) -> float:
        """Median of the paired ratios; 1 is as fast as the reference."""
        return median(self.ratios)

    @property
    def spread(self) -> tuple[float, float]:
        """The middle half of the paired ratios."""
        low, _, high = quantiles(self.ratios, n=4)
        return low, high

    def __str__(self) -> str:
        low, high = self.spread
        times = f"{median(self.ours) * 1e3:8.1f} ms {median(self.reference) * 1e3:8.1f} ms"
        return f"{self.name:44} {times} {self.ratio:7.3f} [{low:.3f} {high:.3f}] {verdict(self.ratio, self.target)}"


def compare(name: str, ours: Work, reference: Work, target: float, pairs: int = 15, warmup: int = 2) -> Comparison:
    """Time `pairs` pairs of calls, after `warmup` untimed ones."""
    sides = ours, reference
    for work in sides * warmup:
        work()
    times: tuple[list[float], list[float]] = ([], [])
    for i in range(pairs):
        for side in (0, 1) if i % 2 else (1, 0):
            times[side].append(seconds(sides[side]))
    return Comparison(name, tuple(times[0]), tuple(times[1]), target)


def seconds(work: Work) -> float:
    start = clock()
    work()
    return clock() - start


def verdict(value: float, target: float, unit: str = "") -> str:
    return f"≤ {target:g}{unit} {'met' if value <= target else 'MISSED'}"


def show(title: str, lines: Sequence[Comparison]) -> None:
    """Print a table: medians of both sides, median ratio, its middle half, and whether the target is met."""
    measured = "CPU time" if clock is _cpu_seconds else "wall clock"
    print(f"{title}, {measured}\n{'':44} {'ours':>11} {'reference':>11} {'ratio':>7} [middle half] target")
    for line in lines:
        print(line)
