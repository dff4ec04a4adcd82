"""A pair and its map → a picture for print. Arrays in, bytes out; never sees a model."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.patches import Rectangle

from apps.common.figures import INK, MUTED, shorten
from apps.common.paper import Sheet

WIDTH, MARGIN, BOX = 7.2, 0.25, 1.35  # of the sheet and of each picture on it; inches
PALETTE = "PuOr_r"  # diverging, and the same to people who do not tell red from green
MAX_NUMBERS = 14  # columns up to which each cell holds its number
LINE, MAX_LINE = 0.17, 118

Pixels = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class Panel:
    """One map: how far each patch moved the answer, 0 as before and 1 as the other picture; NaN where unknown."""

    title: str
    values: Float[np.ndarray, "row column"]


@dataclass(frozen=True)
class PairView:
    """All that the figure shows.

    Attributes:
        pictures: clean, then corrupt, as the model saw them.
        captions: below each, its best answers.
        rows, columns: names along the maps.
        marked: cells that are applied.
        lines: what to say below.
    """

    title: str
    subtitle: str
    pictures: tuple[Pixels, Pixels]
    names: tuple[str, str]
    captions: tuple[tuple[str, ...], tuple[str, ...]]
    patched: tuple[str, tuple[str, ...]] | None
    panels: tuple[Panel, ...]
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    axes: tuple[str, str]
    marked: frozenset[tuple[int, int]] = frozenset()
    lines: tuple[str, ...] = ()


def pair_figure(view: PairView, dpi: int = 300) -> bytes:
    """Both pictures with the model's answers, the maps beside each other, and what was found."""
    n_rows, wide = len(view.rows), len(view.columns) > MAX_NUMBERS
    high = min(3.0, max(1.0, 0.26 * n_rows))
    maps_at = 0.75 + BOX + 0.5
    each = high + (0.62 if wide else 0.42)
    rows_of_maps = len(view.panels) if wide else 1
    lines = [part for line in view.lines for part in textwrap.wrap(line, MAX_LINE)]
    total = maps_at + rows_of_maps * each + 0.45 + LINE * len(lines)
    sheet = Sheet(WIDTH, total, dpi)
    sheet.write(shorten(view.title, 90), MARGIN, 0.22, 10)
    sheet.write(shorten(view.subtitle, 120), MARGIN, 0.44, 8, MUTED)
    _pictures(sheet, view)
    limit = max(0.02, *(float(np.nanmax(np.abs(p.values), initial=0.0)) for p in view.panels)) if view.panels else 1.0
    width = WIDTH - 2 * MARGIN - 0.35
    across = width if wide else (width - 0.55 * (len(view.panels) - 1)) / max(1, len(view.panels))
    for index, panel in enumerate(view.panels):
        left = MARGIN + 0.35 + (0 if wide else index * (across + 0.55))
        top = maps_at + (index * each if wide else 0)
        _map(sheet, view, panel, (left, top, across, high), limit)
    _scale(sheet, limit, maps_at + rows_of_maps * each + 0.02)
    for index, line in enumerate(lines):
        sheet.write(line, MARGIN, total - LINE * (len(lines) - index) + 0.02, 7.2, MUTED)
    return sheet.png()


def card_figure(pictures: Sequence[Pixels], maps: Sequence[np.ndarray], marked: frozenset[tuple[int, int]]) -> bytes:
    """What the page is about, at a glance: two pictures and the maps between them."""
    side, gap = 1.2, 0.06
    sheet = Sheet(4 * side + 3 * gap, side, 150)
    sheet.figure.set_facecolor("none")
    for place, pixels in zip((0, 3), pictures, strict=True):
        sheet.picture(pixels, place * (side + gap), 0, side, side)
    limit = max(0.02, *(float(np.nanmax(np.abs(values))) for values in maps))
    for place, values in enumerate(maps, 1):
        axes = sheet.axes(place * (side + gap), 0, side, side)
        axes.imshow(values, cmap=PALETTE, vmin=-limit, vmax=limit, aspect="auto")
        _frame(axes, marked)
    return sheet.png()


def _pictures(sheet: Sheet, view: PairView) -> None:
    tops = [(view.names[i], view.captions[i], view.pictures[i]) for i in (1, 0)]
    places = (MARGIN, MARGIN + 3.6)
    for left, (name, caption, pixels) in zip(places, tops, strict=True):
        height = BOX * min(1.0, pixels.shape[0] / pixels.shape[1])
        sheet.picture(pixels, left, 0.75, BOX, height)
        sheet.write(shorten(name, 34), left + BOX + 0.1, 0.8, 7.5)
        for index, line in enumerate(caption):
            sheet.write(shorten(line, 30), left + BOX + 0.1, 0.8 + LINE * (index + 1), 7, MUTED)
    if view.patched is not None:
        name, lines = view.patched
        sheet.write(shorten(name + "  " + " · ".join(lines), 120), MARGIN, 0.75 + BOX + 0.16, 7.5)


def _map(sheet: Sheet, view: PairView, panel: Panel, place: tuple[float, float, float, float], limit: float) -> None:
    left, top, width, height = place
    sheet.write(panel.title, left, top - 0.12, 8)
    axes = sheet.axes(left, top, width, height)
    axes.imshow(panel.values, cmap=PALETTE, vmin=-limit, vmax=limit, aspect="auto")
    axes.set_yticks(range(0, len(view.rows), max(1, len(view.rows) // 12)))
    axes.set_yticklabels([view.rows[int(i)] for i in axes.get_yticks()])
    axes.set_xticks(range(0, len(view.columns), max(1, len(view.columns) // 14)))
    axes.set_xticklabels(
        [view.columns[int(i)] for i in axes.get_xticks()], rotation=90 if len(view.columns) > 14 else 0
    )
    axes.tick_params(colors=MUTED, labelsize=6, length=2, width=0.5, pad=1.5)
    if len(view.columns) <= MAX_NUMBERS:
        for row, column in np.ndindex(panel.values.shape):
            value = float(panel.values[row, column])
            if np.isfinite(value):
                ink = "white" if abs(value) > 0.7 * limit else INK
                axes.text(
                    column,
                    row,
                    f"{round(100 * value) or 0:+d}".replace("+0", "0").replace("-", "−"),
                    ha="center",
                    va="center",
                    fontsize=6,
                    color=ink,
                )
    _frame(axes, view.marked, ticks=True)


def _frame(axes: Axes, marked: frozenset[tuple[int, int]], ticks: bool = False) -> None:
    """Lines around the cells that are applied, and none around the map."""
    if not ticks:
        axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)
    for row, column in marked:
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, fill=False, edgecolor=INK, linewidth=1.4))


def _scale(sheet: Sheet, limit: float, top: float) -> None:
    axes = sheet.axes(WIDTH - MARGIN - 2.2, top, 2.2, 0.08)
    scale = ScalarMappable(Normalize(-100 * limit, 100 * limit), PALETTE)
    bar = sheet.figure.colorbar(scale, cax=axes, orientation="horizontal")
    bar.outline.set_visible(False)  # type: ignore[operator]
    axes.tick_params(colors=MUTED, labelsize=6, length=2, width=0.5)
    sheet.write("% of the way from one answer to the other", WIDTH - MARGIN - 2.3, top + 0.04, 7, MUTED, "right")
