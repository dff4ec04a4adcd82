"""How well chosen numbers stand out among others: by order alone, and on a linear scale."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def auroc(values: Float[Tensor, " cell"], chosen: Bool[Tensor, " cell"]) -> float:
    """How often a chosen value is higher than another, ties counting half: ½ is chance, 1 always, 0 never.

    The area under the ROC curve (Mann and Whitney 1947). It depends on the order of the values alone.

    Raises:
        ValueError: if none is chosen, or all.
    """
    picked, others = _parted(values, chosen)
    order = others.sort().values
    below = torch.searchsorted(order, picked) + torch.searchsorted(order, picked, right=True)
    return (below.double().mean() / (2 * len(others))).item()


def d_prime(values: Float[Tensor, " cell"], chosen: Bool[Tensor, " cell"]) -> float:
    """Difference of the means of the chosen and the others, in units of their spread within (root mean variance).

    As an eye sees it that judges shades on a linear scale; 0 is no difference (Green and Swets 1966).

    Raises:
        ValueError: if fewer than two are chosen or left, or none of them vary.
    """
    picked, others = _parted(values, chosen)
    spread = ((picked.var() + others.var()) / 2).sqrt() if min(len(picked), len(others)) > 1 else picked.new_zeros(())
    if not spread > 0:
        raise ValueError("d′ is not defined: the values do not vary within the chosen or the others")
    return ((picked.mean() - others.mean()) / spread).item()


def _parted(values: Tensor, chosen: Tensor) -> tuple[Tensor, Tensor]:
    if chosen.all() or not chosen.any():
        raise ValueError(
            f"some of the {len(chosen)} values must be chosen and some not, got {int(chosen.sum())} chosen"
        )
    return values[chosen], values[~chosen]
