"""Kinds of attention heads, each with a score, what chance would give, and when a head is called by its name.

Every score is a share of attention, 0 to 1. `strength` says how much of what chance leaves a head has, so that
types with many cells and types with few are comparable.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from prisma_engine.analysis.heads import templates
from prisma_engine.analysis.heads.shuffles import RELABELLED, SPREAD, TURNED, Shuffle
from prisma_engine.analysis.heads.templates import Template
from prisma_engine.analysis.layout import Layout

STRENGTH = 0.1
"""Least strength of a named head. In networks of random weights no head of any type is above 0.04."""
P_VALUE = 0.05
"""Greatest family-wise p-value of a named head."""

RULE = (
    f"A head is named when its strength is at least {STRENGTH:g}, in either half of the images too, and in fewer than "
    f"{100 * P_VALUE:g} % of shuffles any head stands out as much (p < {P_VALUE:g})."
)


@dataclass(frozen=True)
class HeadType:
    """A kind of attention head.

    Attributes:
        id: for links and files.
        title: for people, such as "Corner head".
        meaning: what such a head does, in a sentence.
        formula: its score, and what is shuffled for its baseline.
        shuffle: the baseline.
        template: the cells whose mass is the score; None for the two types that choose theirs, Modulus and Sink.
        applies: whether a layout can have such heads.
    """

    id: str
    title: str
    meaning: str
    formula: str
    shuffle: Shuffle
    template: Template | None
    applies: Callable[[Layout], bool]


def strength(score: Float[Tensor, "*any"], chance: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """(score - chance) / (1 - chance): 1 is all attention, 0 is chance, negative is less than chance."""
    return (score - chance) / (1 - chance)


def _typed(id: str, title: str, meaning: str, keys: str, template: Template, shuffle: Shuffle) -> HeadType:
    formula = f"mean over patches i of Σ A[i, j] over {keys}; baseline: {shuffle.meaning}"
    applies = _has_directions if shuffle is TURNED else template.applies
    return HeadType(id, title, meaning, formula, shuffle, template, applies)


def _has_directions(layout: Layout) -> bool:
    return min(layout.grid) > 1 and layout.n_patches >= 6


BORDER = Template(
    "border without corners",
    patches=lambda layout: (layout.on_edge & ~layout.in_corner).expand(layout.n_patches, -1),
    queries=lambda layout: ~layout.on_edge,
)

CORNER = _typed(
    "corner",
    "Corner head",
    "Patches read the four corners of the picture, whatever it shows.",
    "the four corners j; i is none of them",
    templates.CORNERS,
    RELABELLED,
)
EDGES = _typed(
    "edges",
    "Edges head",
    "Patches inside read the border of the picture, its corners not counted.",
    "border patches j that are no corner; i is inside",
    BORDER,
    RELABELLED,
)
NEIGHBOUR = _typed(
    "neighbour",
    "Neighbour head",
    "Patches read the patches that touch them.",
    "the up to 8 patches j around i",
    templates.NEIGHBOURS,
    RELABELLED,
)
ROW = _typed(
    "row",
    "Row head",
    "Patches read their own row, more than other patches that are just as far away.",
    "patches j ≠ i in i's row",
    templates.ROW,
    TURNED,
)
COLUMN = _typed(
    "column",
    "Column head",
    "Patches read their own column, more than other patches that are just as far away.",
    "patches j ≠ i in i's column",
    templates.COLUMN,
    TURNED,
)
CLS_READER = _typed(
    "cls",
    "CLS reader",
    "Patches read the CLS token, which has no place in the picture.",
    "j = CLS",
    templates.CLS,
    SPREAD,
)
REGISTER_SINK = _typed(
    "register_sink",
    "Register sink",
    "Patches read the registers, tokens that were added to keep notes in.",
    "the registers j",
    templates.REGISTERS,
    SPREAD,
)
MODULUS = HeadType(
    "modulus",
    "Modulus head",
    "Patches read every m-th patch of the raster order: stripes along the diagonal of the pattern.",
    "mean over patches i of Σ A[i, j] over patches j ≠ i with (j - i) mod m = r, for the period m and residue r that "
    f"exceed chance most on the first 8 images; baseline: {TURNED.meaning}, and the best period is sought again",
    TURNED,
    None,
    _has_directions,
)
SINK = HeadType(
    "sink",
    "Sink head",
    "Patches agree on one single patch, whatever they show; which one may change with the picture.",
    "mean over images of the largest over patches j of the mean over patches i ≠ j of A[i, j]; "
    f"baseline: {SPREAD.meaning}, drawn for the first 2 images",
    SPREAD,
    None,
    lambda layout: layout.n_patches >= 3,
)

TYPES: tuple[HeadType, ...] = (CORNER, EDGES, MODULUS, ROW, COLUMN, CLS_READER, NEIGHBOUR, SINK, REGISTER_SINK)


def types_of(layout: Layout) -> tuple[HeadType, ...]:
    """The types that heads of this layout can be of."""
    return tuple(type for type in TYPES if type.applies(layout))
