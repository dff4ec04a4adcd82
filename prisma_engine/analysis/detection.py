"""How well something that is active at some tokens detects a class: precision, recall, F1 and the area under ROC."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Labels:
    """A proposal for each latent, and how well it holds on texts or images that did not choose it.

    Attributes:
        label: class index; -1 for no label.
        precision: share of the tokens where it is active that are of the class.
        recall: share of the tokens of the class where it is active.
        f1: harmonic mean of the two.
        auroc: probability that its activation is larger at a token of the class than at another one, ties counting
            half; 0.5 is chance.
    """

    label: Int[Tensor, " latent"]
    precision: Float[Tensor, " latent"]
    recall: Float[Tensor, " latent"]
    f1: Float[Tensor, " latent"]
    auroc: Float[Tensor, " latent"]


def scores(
    both: Float[Tensor, "*any"], active: Float[Tensor, "*any"], present: Float[Tensor, "*any"]
) -> tuple[Tensor, Tensor, Tensor]:
    """Precision, recall and F1 = 2 · both / (active + present) from counts of tokens; 0 where nothing is counted."""
    precision, recall = both / active.clamp(min=1), both / present.clamp(min=1)
    return precision, recall, 2 * both / (active + present).clamp(min=1)


def auroc(values: Float[Tensor, " active"], positive: Tensor, n_positive: int, n_negative: int) -> float:
    """Area under the ROC curve of an activation that is 0 at all tokens but those given.

    The share of (positive, negative) pairs of tokens in which the positive one has the larger activation, ties
    counting half (Mann–Whitney U); 0.5 where either kind is missing.

    Args:
        values: the activations that are above 0.
        positive: whether each of those tokens is of the class.
        n_positive, n_negative: tokens of either kind, active or not.
    """
    if not n_positive or not n_negative:
        return 0.5
    levels, which = values.unique(return_inverse=True)
    ups = torch.bincount(which[positive], minlength=len(levels)).double()
    downs = torch.bincount(which[~positive], minlength=len(levels)).double()
    silent_up, silent_down = n_positive - float(ups.sum()), n_negative - float(downs.sum())
    below = silent_down + downs.cumsum(0) - downs
    won = (ups * (below + downs / 2)).sum() + silent_up * silent_down / 2
    return float(won) / (n_positive * n_negative)
