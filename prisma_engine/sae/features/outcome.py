"""What an intervention did to a watched class, over several draws or images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from torch import Tensor

from prisma_engine.analysis.intervals import Interval, mean_interval, share_interval


@dataclass(frozen=True)
class Outcome:
    """One number of each kind for every draw or image.

    Attributes:
        change: of the watched class' logit.
        probability: change of its softmax probability.
        answers: the likeliest class afterwards.
        changed: whether that is another one than before.
    """

    change: tuple[float, ...] = ()
    probability: tuple[float, ...] = ()
    answers: tuple[int, ...] = ()
    changed: tuple[bool, ...] = ()

    def __len__(self) -> int:
        return len(self.change)

    @property
    def mean(self) -> Interval:
        """Mean change of the logit, with its 95 % bootstrap interval."""
        return mean_interval(self.change)

    @property
    def mean_probability(self) -> Interval:
        """Mean change of the probability, with its 95 % bootstrap interval."""
        return mean_interval(self.probability)

    @property
    def spread(self) -> tuple[float, float]:
        """Between which 95 % of the changes of the logit lie (2.5 and 97.5 percent quantiles)."""
        low, high = np.quantile(self.change, (0.025, 0.975))
        return float(low), float(high)

    @property
    def rate(self) -> Interval:
        """Share of changed answers, with its 95 % Wilson interval."""
        return share_interval(sum(self.changed), len(self.changed))

    def part(self, rows: slice) -> Outcome:
        """Some of the rows."""
        return Outcome(self.change[rows], self.probability[rows], self.answers[rows], self.changed[rows])

    def plus(self, other: Outcome) -> Outcome:
        """Both, one after the other."""
        return Outcome(
            self.change + other.change,
            self.probability + other.probability,
            self.answers + other.answers,
            self.changed + other.changed,
        )


def outcome(before: Float[Tensor, "row class"], after: Float[Tensor, "row class"], watched: int) -> Outcome:
    """Compare logits row by row."""
    change = after[:, watched] - before[:, watched]
    probability = after.softmax(-1)[:, watched] - before.softmax(-1)[:, watched]
    answers = after.argmax(-1)
    changed = answers != before.argmax(-1)
    return Outcome(*(tuple(t.tolist()) for t in (change, probability, answers, changed)))
