"""What heads do over many images, for print: where each type of head was found, and what the found heads do."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle

from apps.attention_tour.measures import Matrix, say
from apps.attention_tour.painting import HIDDEN, SEQUENTIAL
from apps.common.figures import ACCENT, INK, MUTED, shorten
from apps.common.paper import Sheet
from prisma_engine.analysis.heads.evidence import Evidence
from prisma_engine.analysis.layout import Layout

WIDTH, MARGIN, GAP = 7.2, 0.36, 0.42
ACROSS, N_NAMED, HEADING = 3, 4, 0.62  # types side by side, names below each; height above the maps, inches
PANEL, STRIP = 1.02, 0.3  # side of a gallery's picture, height of its words


@dataclass(frozen=True)
class TypeMap:
    """How much each head is of one type."""

    title: str
    strength: Float[np.ndarray, "layer head"]  # (mass - chance) / (1 - chance): 1 is that and nothing else
    found: tuple[tuple[int, int], ...]  # layer and head of those that the rule names


@dataclass(frozen=True)
class MeanPattern:
    """One head's pattern, averaged over a data set.

    Raises:
        ValueError: if the matrix is not one of these tokens with themselves.
    """

    title: str  # such as "Row head, layer 1, head 3"
    note: str  # such as "strength 0.62"
    pattern: Matrix
    grid: tuple[int, int]
    n_prefix: int
    n_frames: int = 1

    def __post_init__(self) -> None:
        n_tokens = self.n_prefix + self.n_frames * self.grid[0] * self.grid[1]
        if self.pattern.shape != (n_tokens, n_tokens):
            raise ValueError(f"{n_tokens} tokens need a matrix [{n_tokens} {n_tokens}], got {list(self.pattern.shape)}")

    @property
    def between_patches(self) -> Float[np.ndarray, "query key"]:
        return self.pattern[self.n_prefix :, self.n_prefix :]


def type_maps(evidence: Evidence) -> list[TypeMap]:
    """One map for each type of the evidence, in its order; a strength that is not defined is 0."""
    named = {one.id: tuple((f.layer, f.head) for f in evidence.found if f.type == one.id) for one in evidence.types}
    return [
        TypeMap(one.title, np.array([[s or 0.0 for s in row] for row in one.strength]), named[one.id])
        for one in evidence.types
    ]


def mean_patterns(
    evidence: Evidence, patterns: Float[np.ndarray, "layer head query key"], layout: Layout, per_type: int = 1
) -> list[MeanPattern]:
    """Up to `per_type` heads of each type, the strongest, as a gallery shows them."""
    titles, chosen = {one.id: one.title for one in evidence.types}, []
    for kind, title in titles.items():
        for found in [one for one in evidence.found if one.type == kind][:per_type]:
            words = f"{title}, layer {found.layer}, head {found.head}", f"strength {found.strength:.2f}"
            matrix = patterns[found.layer, found.head]
            chosen.append(MeanPattern(*words, matrix, layout.grid, layout.n_prefix, layout.n_frames))
    return chosen


def evidence_figure(types: Sequence[TypeMap], title: str, rule: str, dpi: int = 200) -> bytes:
    """A small map of layers × heads for each type, all on one scale, the heads that were found framed: a PNG.

    Raises:
        ValueError: if there is no type.
    """
    if not types:
        raise ValueError("expected at least one type of head, got none")
    across, said = min(ACROSS, len(types)), textwrap.wrap(rule, 118)
    width = (WIDTH - 2 * MARGIN - (ACROSS - 1) * GAP) / ACROSS
    height = width * min(1.0, max(0.35, types[0].strength.shape[0] / 8))
    heading, step = HEADING + 0.14 * (len(said) - 1), height + 0.8
    sheet = Sheet(WIDTH, heading + -(-len(types) // across) * step + 0.45, dpi)
    sheet.write(shorten(title, 84), MARGIN, 0.22, 10)
    for index, line in enumerate(said):
        sheet.write(line, MARGIN, 0.44 + 0.14 * index, 7, MUTED)
    high = _ceiling(max(float(one.strength.max()) for one in types))
    for index, one in enumerate(types):
        row, column = divmod(index, across)
        left, top = MARGIN + column * (width + GAP), heading + row * step
        sheet.write(one.title, left, top + 0.12, 8)
        sheet.write(_names(one), left, top + 0.27, 6.5, ACCENT if one.found else MUTED)
        _strengths(sheet.axes(left, top + 0.38, width, height), one, high)
    bar = sheet.axes(MARGIN, sheet.height - 0.42, width, 0.09)
    _bar(sheet, bar, high, "strength: (mass − chance) / (1 − chance)")
    return sheet.png()


def _names(one: TypeMap) -> str:
    """The found heads, as many as there is room for."""
    shown = ", ".join(f"L{layer} H{head}" for layer, head in one.found[:N_NAMED])
    more = len(one.found) - N_NAMED
    return (shown + (f" and {more} more" if more > 0 else "")) or "none found"


def _ceiling(strength: float) -> float:
    """The end of the colours: the next tenth above the strongest head, at least 0.2, at most 1."""
    return min(1.0, max(0.2, np.ceil(10 * strength - 1e-6) / 10))


def gallery_figure(patterns: Sequence[MeanPattern], title: str, columns: int = 2, dpi: int = 200) -> bytes:
    """Each head's mean pattern in three pictures: a PNG.

    The matrix; where on the picture patches look; and how far from itself a patch looks, itself in the middle.

    Raises:
        ValueError: if there is no head.
    """
    if not patterns:
        raise ValueError("expected at least one head, got none")
    width = (WIDTH - 2 * MARGIN + GAP / 2) / columns
    step = PANEL + STRIP + 0.2
    sheet = Sheet(WIDTH, HEADING + 0.05 + -(-len(patterns) // columns) * step, dpi)
    sheet.write(shorten(title, 84), MARGIN, 0.22, 10)
    caption = "each: the mean pattern · where patches look · how far from itself a patch looks (middle: itself)"
    sheet.write(caption, MARGIN, 0.44, 7, MUTED)
    for index, one in enumerate(patterns):
        row, column = divmod(index, columns)
        _gallery_entry(sheet, one, MARGIN + column * width, HEADING + row * step, width - GAP / 2)
    return sheet.png()


def key_map(one: MeanPattern) -> Float[np.ndarray, "row column"]:
    """Mean share of attention that each place of the picture gets from a patch, summed over frames."""
    return one.between_patches.mean(0).reshape(one.n_frames, *one.grid).sum(0)


def step_map(one: MeanPattern) -> Float[np.ndarray, "row column"]:
    """Mean share of attention by step (rows down, columns right), its middle the step 0: [2R-1 2C-1].

    Averaged over the pairs of patches that are that step apart; frames count as one.
    """
    rows, columns = one.grid
    at = np.indices((one.n_frames, rows, columns)).reshape(3, -1)
    down = at[1][None, :] - at[1][:, None] + rows - 1
    right = at[2][None, :] - at[2][:, None] + columns - 1
    total, count = (np.zeros((2 * rows - 1, 2 * columns - 1)) for _ in range(2))
    np.add.at(total, (down, right), one.between_patches)
    np.add.at(count, (down, right), 1)
    return total / count


def _strengths(axes: Axes, one: TypeMap, high: float) -> None:
    n_layers, n_heads = one.strength.shape
    axes.imshow(one.strength, cmap=SEQUENTIAL, vmin=0, vmax=high, aspect="auto")
    for layer, head in one.found:
        axes.add_patch(Rectangle((head - 0.5, layer - 0.5), 1, 1, fill=False, edgecolor="white", linewidth=1.8))
        axes.add_patch(Rectangle((head - 0.5, layer - 0.5), 1, 1, fill=False, edgecolor=INK, linewidth=0.7))
    axes.set_xticks(range(0, n_heads, -(-n_heads // 12)))
    axes.set_yticks(range(0, n_layers, -(-n_layers // 12)))
    axes.set_xlabel("head", fontsize=6, color=MUTED, labelpad=1)
    axes.set_ylabel("layer", fontsize=6, color=MUTED, labelpad=1)
    axes.tick_params(colors=MUTED, labelsize=5.5, length=1.5, width=0.5, pad=1.5)
    axes.spines[:].set_visible(False)


def _bar(sheet: Sheet, axes: Axes, high: float, label: str) -> None:
    bar = sheet.figure.colorbar(ScalarMappable(Normalize(0, high), SEQUENTIAL), cax=axes, orientation="horizontal")
    bar.outline.set_visible(False)  # type: ignore[operator]
    axes.tick_params(colors=MUTED, labelsize=6, length=2, width=0.5)
    axes.set_xlabel(label, fontsize=6.5, color=MUTED, labelpad=1)


def _gallery_entry(sheet: Sheet, one: MeanPattern, left: float, top: float, width: float) -> None:
    sheet.write(one.title, left, top + 0.1, 7.5)
    sheet.write(one.note, left + width, top + 0.1, 6.5, MUTED, "right")
    step = (width - PANEL) / 2
    for index, values in enumerate((one.pattern, key_map(one), step_map(one))):
        ratio = min(1.0, values.shape[0] / values.shape[1]), min(1.0, values.shape[1] / values.shape[0])
        axes = sheet.axes(left + index * step, top + 0.22, PANEL * ratio[1], PANEL * ratio[0])
        # The middle of the last map, attention to oneself, often outshines all steps: the scale ends before it.
        high = float(np.quantile(values, 0.995) if index != 1 else values.max()) or 1.0
        axes.imshow(values, cmap=SEQUENTIAL, vmin=0, vmax=high, aspect="auto")
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color=HIDDEN, linewidth=0.5)
        more = " and more" if values.max() > high else ""
        sheet.write(f"to {say('pattern', high)}{more}", left + index * step, top + 0.22 + PANEL + 0.08, 5.5, MUTED)
