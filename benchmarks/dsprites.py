"""Drawing dSprites in bulk, in the random order that a training asks in: pictures a second, beside a promised rate."""

from statistics import median

import numpy as np

from benchmarks.paired import seconds, verdict
from prisma_engine.toy.dsprites import N_PICTURES, draw

BATCH, REPEATS = 20_000, 9
PROMISED = 20_000
"""Pictures a second."""


def main() -> None:
    rng = np.random.default_rng(0)
    draw(np.array([0]))  # the turned shapes are drawn once
    times = [seconds(lambda: draw(rng.integers(0, N_PICTURES, BATCH))) for _ in range(REPEATS)]
    share = median(times) / (BATCH / PROMISED)
    print(f"dSprites: {BATCH / median(times):,.0f} pictures/s drawn, time beside that of {PROMISED:,}/s: {share:.3f}")
    print(verdict(share, 1))


if __name__ == "__main__":
    main()
