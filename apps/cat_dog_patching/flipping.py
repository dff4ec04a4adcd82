"""The fewest patches that flip the answer, searched in the background so that it can be followed and stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import prisma_engine as pe
from apps.cat_dog_patching.analysis import PairResult
from apps.cat_dog_patching.places import Chip, chip_of
from apps.cat_dog_patching.sweeping import MAX_CELLS, Ask, n_cells
from prisma_engine import HookedViT, MinimalFlip


@dataclass(frozen=True)
class Flip:
    """A search for the fewest patches: still running, or with its result."""

    state: Literal["running", "done", "stopped", "none"]
    text: str
    found: MinimalFlip | None = None
    chips: tuple[Chip, ...] = ()  # the members that were found, as patches to apply

    @property
    def strongest_head(self) -> tuple[int, int] | None:
        """Layer and head of the member that does most alone; None where members are not heads."""
        if self.found is None or any(chip.head is None for chip in self.chips):
            return None
        chip = self.chips[int(self.found.alone.argmax())]
        return chip.layer, chip.head or 0

    def as_dict(self, result: PairResult) -> dict[str, Any]:
        """The JSON that the canvas reads."""
        found = self.found
        if found is None:
            return {"state": self.state, "text": self.text, "members": []}
        alone = found.alone.tolist()
        members = [
            {**chip.as_dict(result.prefix_names), "alone": value} for chip, value in zip(self.chips, alone, strict=True)
        ]
        return {
            "state": self.state if found.flips else "none",
            "text": self.text,
            "members": members,
            "size": found.size,
            "n_numbers": found.n_numbers,
            "method": found.method,
            "is_smallest": found.is_smallest,
            "n_passes": round(found.n_passes, 2),
            "n_flipping": found.n_flipping,
            "n_tried": found.n_tried,
            "margin": found.margin,
            "margin_before": found.margin_before,
            "margin_source": found.margin_source,
            "top": result.top(found.logits),
        }


def find_flip(
    model: HookedViT,
    result: PairResult,
    ask: Ask,
    progress: Callable[[str, float], object] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Flip:
    """Search among the cells of a sweep.

    Raises:
        ValueError: one sentence, if there is nothing to flip, or more cells than this page tries.
    """
    cells = n_cells(ask, result.extent)
    if cells > MAX_CELLS:
        raise ValueError(f"the search would try {cells:,} single patches; this page tries up to {MAX_CELLS:,}")
    check_pair(result)
    a, b, _ = result.answers
    found = pe.minimal_flip(
        model,
        result.clean.x,
        result.corrupt.x,
        metric=pe.logit_diff(a, b),
        progress=progress,
        stop=stop,
        **ask.where,
    )
    chips = tuple(chip_of(site, result.extent) for member in found.members for site in member)
    flip = Flip("stopped" if stop() else "done", "", found, chips)
    return replace(flip, text=sentence(flip, result))


def check_pair(result: PairResult) -> None:
    """Refuse a pair in which nothing can flip.

    Raises:
        ValueError: one sentence that says why, and what to do.
    """
    a, b, _ = result.answers
    clean, corrupt = result.clean.metric, result.corrupt.metric
    if clean * corrupt >= 0:
        winner = result.name(a if clean > 0 else b)
        raise ValueError(
            f"of {result.name(a)} and {result.name(b)} the model prefers {winner} in both pictures, so nothing can "
            "flip; hide something else, or choose other answers"
        )


def sentence(flip: Flip, result: PairResult) -> str:
    """What came of it, in words."""
    found = flip.found
    assert found is not None, "a finished search has a result"
    passes = f"{found.n_tried:,} sets tried, the work of {found.n_passes:,.0f} forward passes"
    if not found.flips:
        tried = "stopped before a set was found" if flip.state == "stopped" else "no set that was tried flips it"
        return f"{tried[:1].upper()}{tried[1:]}; the best one is shown. {passes}."
    a, b, _ = result.answers
    first, second = (a, b) if result.clean.metric > 0 else (b, a)
    before, after = (int(logits.argmax()) for logits in (result.corrupt.logits, found.logits))
    turned = f"turn {result.name(before)} into {result.name(after)}"
    if after != first:
        turned = f"put {result.name(first)} before {result.name(second)}, though the answer is {result.name(after)}"
    names = " + ".join(chip.label(result.prefix_names) for chip in flip.chips)
    fewest = "no smaller set does" if found.is_smallest else "smaller sets were not all tried"
    return f"{names}: {found.n_numbers:,} numbers {turned}; {fewest}. {passes}."
