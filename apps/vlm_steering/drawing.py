"""What was said of a picture → a picture for print. Arrays and words in, bytes out; never sees a model."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from apps.common.figures import INK, MUTED, shorten
from apps.common.overlay import heated
from apps.common.paper import Sheet

WIDTH, MARGIN, GAP = 7.2, 0.25, 0.2  # of the sheet; inches
SIDE = 1.6
LINE = 0.17

Pixels = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True)
class SaidView:
    """All that the figure shows.

    Attributes:
        heat: activation of the open latent at every patch, in rows; 0 where it is not active.
        about: what is known of that latent, line by line.
        columns: (title, what was said) of each column, the original first.
        lines: what to say below.
    """

    title: str
    subtitle: str
    pixels: Pixels
    heat: Float[np.ndarray, "row column"]
    about: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    lines: tuple[str, ...] = ()


def said_figure(view: SaidView, dpi: int = 300) -> bytes:
    """The picture and where the latent is active, then what was said in each column, then the rest."""
    n = max(1, len(view.columns))
    each = (WIDTH - 2 * MARGIN - (n - 1) * GAP) / n
    wrapped = [textwrap.wrap(text, int(each * 14.5)) or ["…"] for _, text in view.columns]
    lines = [part for line in view.lines for part in textwrap.wrap(line, 118)]
    subtitle = textwrap.wrap(view.subtitle, 120) or [""]
    top = 0.7 + LINE * (len(subtitle) - 1)
    first = top + SIDE + 0.4
    n_rows = max((len(rows) for rows in wrapped), default=1)
    total = first + LINE * (n_rows + 1.4) + LINE * len(lines) + 0.3
    sheet = Sheet(WIDTH, total, dpi)
    sheet.write(shorten(view.title, 90), MARGIN, 0.22, 10)
    for index, line in enumerate(subtitle):
        sheet.write(line, MARGIN, 0.44 + LINE * index, 8, MUTED)
    sheet.picture(view.pixels, MARGIN, top, SIDE, SIDE)
    sheet.picture(np.asarray(heated(view.pixels, view.heat)), MARGIN + SIDE + GAP, top, SIDE, SIDE)
    for index, line in enumerate(view.about):
        sheet.write(
            shorten(line, 66), MARGIN + 2 * (SIDE + GAP), top + 0.08 + LINE * index, 7.5, INK if index == 0 else MUTED
        )
    for index, ((title, _), rows) in enumerate(zip(view.columns, wrapped, strict=True)):
        left = MARGIN + index * (each + GAP)
        sheet.write(title, left, first, 8, MUTED)
        for row, text in enumerate(rows):
            sheet.write(text, left, first + LINE * (row + 1.4), 8)
    for index, line in enumerate(lines):
        sheet.write(line, MARGIN, total - LINE * (len(lines) - index) - 0.02, 7.2, MUTED)
    return sheet.png()


def card_figure(pixels: Pixels, heat: Float[np.ndarray, "row column"], said: Sequence[tuple[str, str]]) -> bytes:
    """What the page is about, at a glance: the picture, a latent on it, and two answers."""
    side, gap, width = 1.2, 0.06, 5.0
    sheet = Sheet(width, side, 150)
    sheet.picture(pixels, 0, 0, side, side)
    sheet.picture(np.asarray(heated(pixels, heat)), side + gap, 0, side, side)
    left, top = 2 * (side + gap) + 0.08, 0.12
    for title, text in said:
        sheet.write(title, left, top, 7, MUTED)
        for row, line in enumerate(textwrap.wrap(text, 38)[:2]):
            sheet.write(line, left, top + 0.17 * (row + 1), 8)
        top += 0.6
    return sheet.png()
