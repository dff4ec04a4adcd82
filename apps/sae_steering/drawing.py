"""A steered run → a picture for print. Arrays in, bytes out; never sees a model."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from PIL import Image

from apps.common.figures import INK, MUTED, shorten
from apps.common.overlay import Frame, draw_frame, heated
from apps.common.paper import Sheet

WIDTH, MARGIN, GAP = 7.2, 0.25, 0.2  # of the sheet; inches
COLUMN = (WIDTH - 2 * MARGIN - 2 * GAP) / 3
LINE, MAX_LINE = 0.17, 118
CELL = 24  # pixels of a patch in a drawn lens

Pixels = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class Column:
    """One of the three runs.

    Attributes:
        lens: what a logit lens reads at every patch; None where it reads nothing.
        rows: (name, logit, change of it against the original or None), the best first.
    """

    title: str
    lens: Frame | None
    rows: tuple[tuple[str, float, float | None], ...]


@dataclass(frozen=True)
class SteeredView:
    """All that the figure shows.

    Attributes:
        heat: activation of the latent on show at every patch, in rows; 0 where it is not active.
        chosen: (row, column) of the patches that are chosen.
        about: what is known of that latent, line by line.
        lines: what to say below.
    """

    title: str
    subtitle: str
    pixels: Pixels
    heat: Float[np.ndarray, "row column"]
    chosen: frozenset[tuple[int, int]]
    about: tuple[str, ...]
    columns: tuple[Column, ...]
    lines: tuple[str, ...] = ()


def steered_figure(view: SteeredView, dpi: int = 300) -> bytes:
    """The picture and where the latent is active, then the three runs beside each other, then what was found."""
    tall = min(1.4, view.pixels.shape[0] / view.pixels.shape[1])
    lines = [part for line in view.lines for part in textwrap.wrap(line, MAX_LINE)]
    n_rows = max((len(column.rows) for column in view.columns), default=0)
    has_lens = any(column.lens is not None for column in view.columns)
    first = 0.75 + COLUMN * tall + 0.35
    second = first + (0.2 + COLUMN * tall if has_lens else 0.15)
    total = second + LINE * (n_rows + 1) + 0.2 + LINE * len(lines) + 0.15
    sheet = Sheet(WIDTH, total, dpi)
    sheet.write(shorten(view.title, 90), MARGIN, 0.22, 10)
    sheet.write(shorten(view.subtitle, 120), MARGIN, 0.44, 8, MUTED)
    _top(sheet, view, tall)
    for index, column in enumerate(view.columns):
        left = MARGIN + index * (COLUMN + GAP)
        sheet.write(column.title, left, first - 0.1, 8)
        if column.lens is not None:
            drawn = draw_frame(view.pixels, view.heat.shape, column.lens, CELL)  # type: ignore[arg-type]
            sheet.picture(drawn, left, first + 0.05, COLUMN, COLUMN * tall)
        for row, (name, logit, change) in enumerate(column.rows):
            top = second + LINE * (row + 0.6)
            sheet.write(shorten(name, 24), left, top, 7)
            said = f"{logit:.2f}" if change is None else f"{logit:.2f}  {change:+.2f}"
            sheet.write(said.replace("-", "−"), left + COLUMN, top, 7, MUTED, "right")
    for index, line in enumerate(lines):
        sheet.write(line, MARGIN, total - LINE * (len(lines) - index) - 0.02, 7.2, MUTED)
    return sheet.png()


def _top(sheet: Sheet, view: SteeredView, tall: float) -> None:
    rows, columns = view.heat.shape
    picture = sheet.picture(view.pixels, MARGIN, 0.7, COLUMN, COLUMN * tall)
    _frames(picture, view.chosen, view.pixels.shape[0] / rows, view.pixels.shape[1] / columns)
    sheet.picture(heated(view.pixels, view.heat), MARGIN + COLUMN + GAP, 0.7, COLUMN, COLUMN * tall)
    left = MARGIN + 2 * (COLUMN + GAP)
    for index, line in enumerate(view.about):
        sheet.write(shorten(line, 46), left, 0.78 + LINE * index, 7.5, INK if index == 0 else MUTED)


def card_figure(pictures: Sequence[Pixels | Image.Image]) -> bytes:
    """What the page is about, at a glance: pictures in a row."""
    side, gap = 1.2, 0.06
    n = len(pictures)
    sheet = Sheet(n * side + (n - 1) * gap, side, 150)
    sheet.figure.set_facecolor("none")
    for place, picture in enumerate(pictures):
        sheet.picture(np.asarray(picture), place * (side + gap), 0, side, side)
    return sheet.png()


def _frames(axes: Axes, cells: frozenset[tuple[int, int]], height: float, width: float) -> None:
    """Lines around the cells that are chosen, where no chosen one is beside."""
    for row, column in cells:
        axes.add_patch(
            Rectangle(
                (column * width - 0.5, row * height - 0.5), width, height, fill=False, edgecolor=INK, linewidth=0.7
            )
        )
