"""What a named head does, in a few words: which corners, which side, which step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from prisma_engine.analysis.heads.periods import in_words, step_in_words, step_masses
from prisma_engine.analysis.heads.types import HeadType
from prisma_engine.analysis.layout import Layout

Where = Callable[[Layout], Bool[Tensor, "query key"]]
MOST, ENOUGH = 4, 0.8
"""Parts that are mentioned: at most so many, and no more than make up this share of the type's attention."""


def _towards(down: int, right: int) -> Where:
    """Keys on that side of the query: above or below it, left or right of it, or straight ahead where 0."""
    return lambda at: (at.steps[..., 1].sign() == down) & (at.steps[..., 2].sign() == right)


def _place(row: int | None, column: int | None) -> Where:
    """Keys in that row and column, counted as indices are: -1 is the last."""

    def keys(at: Layout) -> Bool[Tensor, "query key"]:
        here = torch.ones(at.n_patches, dtype=torch.bool)
        for axis, index in ((1, row), (2, column)):
            if index is not None:
                here &= at.places[:, axis] == index % at.grid[axis - 1]
        return here.expand(at.n_patches, -1)

    return keys


LEFT, RIGHT, UP, DOWN = _towards(0, -1), _towards(0, 1), _towards(-1, 0), _towards(1, 0)
PARTS: dict[str, dict[str, Where]] = {
    "corner": {
        "top left": _place(0, 0),
        "top right": _place(0, -1),
        "bottom left": _place(-1, 0),
        "bottom right": _place(-1, -1),
    },
    "edges": {"top": _place(0, None), "bottom": _place(-1, None), "left": _place(None, 0), "right": _place(None, -1)},
    "row": {"to the left": LEFT, "to the right": RIGHT},
    "column": {"above": UP, "below": DOWN},
    "neighbour": {
        "left": LEFT,
        "right": RIGHT,
        "above": UP,
        "below": DOWN,
        "above left": _towards(-1, -1),
        "above right": _towards(-1, 1),
        "below left": _towards(1, -1),
        "below right": _towards(1, 1),
    },
}


def describe(pattern: Float[Tensor, "query key"], type: HeadType, layout: Layout) -> str | None:
    """How the attention of one head of that type is shared out, largest part first, such as "left 71 %".

    At most `MOST` parts, and no more than make up `ENOUGH` of it. None for types without parts.
    """
    if type.template is None or type.id not in PARTS:
        return None
    patches = layout.patch_slice
    masses = (pattern * type.template.weights(layout))[patches, patches]
    whole = masses.sum().item()
    if whole <= 0:
        return None
    shares = {name: masses[where(layout)].sum().item() / whole for name, where in PARTS[type.id].items()}
    said, told = [], 0.0
    for name, share in sorted(shares.items(), key=lambda item: -item[1])[:MOST]:
        if told < ENOUGH and share > 0:
            said.append(f"{name} {100 * share:.0f} %")
            told += share
    return ", ".join(said)


def describe_period(pattern: Float[Tensor, "query key"], m: int, r: int, layout: Layout) -> str:
    """A Modulus head's period in words, or its step, where one single step makes up `ENOUGH` of it."""
    masses = step_masses(pattern, layout)
    steps = torch.arange(len(masses)) - layout.n_patches + 1
    masses = masses.where(steps % m == r, 0)
    step, share = int(steps[masses.argmax()]), (masses.max() / masses.sum()).item()
    if share < ENOUGH:
        return in_words(m, r, layout)
    return f"one step of {step:+d}, {step_in_words(step, layout)}: {100 * share:.0f} %"
