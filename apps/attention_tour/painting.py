"""One row or column of a matrix painted on the picture that the model saw: strength as opacity, frames side by side."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.colors import Colormap
from PIL import Image, ImageDraw

from apps.attention_tour.measures import MEASURES, Kind, Matrix, Norm, Scale, ends, shade

READS, READ_BY = "#1f6fff", "#ff8c00"  # what the selected token reads, and who reads it; told apart by all eyes
SEQUENTIAL, DIVERGING = "viridis", "PRGn"
HIDDEN = "#d4d8de"  # cells behind a mask
VEILED = 0.8  # opacity of that grey on the picture
VEIL = 0.55  # how far the picture steps back behind the paint


@dataclass(frozen=True)
class HeadView:
    """One head on one input, with a token selected in it: all that its pictures show.

    Raises:
        ValueError: if the matrix is not one of these tokens with themselves, or the token is none of them.
    """

    title: str  # model and picture
    unit: str  # which matrix, such as "layer 3, head 5"
    frames: tuple[UInt8[np.ndarray, "height width 3"], ...]  # what the model saw, one per frame of tokens
    grid: tuple[int, int]  # rows and columns of patches in one frame
    prefix: tuple[str, ...]  # names of the tokens before the patches
    matrix: Matrix  # in the kind's own unit; -inf behind a mask
    token: int
    kind: Kind = "pattern"
    scale: Scale = "linear"
    norm: Norm = "matrix"

    def __post_init__(self) -> None:
        n_tokens = len(self.prefix) + len(self.frames) * self.grid[0] * self.grid[1]
        if self.matrix.shape != (n_tokens, n_tokens):
            raise ValueError(f"{n_tokens} tokens need a matrix [{n_tokens} {n_tokens}], got {list(self.matrix.shape)}")
        if not 0 <= self.token < n_tokens:
            raise ValueError(f"tokens run from 0 to {n_tokens - 1}, got {self.token}")

    @property
    def row(self) -> Float[np.ndarray, token]:
        """What the selected token reads."""
        return self.matrix[self.token]

    @property
    def column(self) -> Float[np.ndarray, token]:
        """Who reads the selected token."""
        return self.matrix[:, self.token]

    def shades(self, values: Float[np.ndarray, token]) -> Float[np.ndarray, token]:
        """Shades of a row or a column, on the matrix's scale or its own, as the view's norm says."""
        over = self.matrix if self.norm == "matrix" else values
        return shade(values, self.kind, self.scale, *ends(over, self.kind, self.scale))

    def place(self, token: int) -> str:
        """Where a token is, in words."""
        if token < len(self.prefix):
            return self.prefix[token]
        frame, patch = divmod(token - len(self.prefix), self.grid[0] * self.grid[1])
        row, column = divmod(patch, self.grid[1])
        of_frame = f"frame {frame + 1}, " if len(self.frames) > 1 else ""
        return f"{of_frame}row {row + 1}, column {column + 1}"


def palette(kind: Kind) -> Colormap:
    """The colours of a kind's scale; grey where a mask hides the cell."""
    return matplotlib.colormaps[DIVERGING if MEASURES[kind].signed else SEQUENTIAL].with_extremes(bad=HIDDEN)


def colors(shown: np.ndarray, kind: Kind) -> UInt8[np.ndarray, "*any 3"]:
    """The colour of every shade as three bytes."""
    return (palette(kind)(np.ma.masked_invalid(shown))[..., :3] * 255).round().astype(np.uint8)


def tints(view: HeadView, shown: np.ndarray, color: str) -> tuple[np.ndarray, np.ndarray]:
    """Colour and opacity of every token: one hue, opaque where strong; on a scale about 0, its hues and distance.

    What a mask hides is grey.
    """
    if MEASURES[view.kind].signed:
        hues, opacity = colors(shown, view.kind), np.abs(2 * shown - 1)
    else:
        hues, opacity = np.broadcast_to(rgb(color), (len(shown), 3)), shown
    hidden = np.isnan(shown)
    return np.where(hidden[:, None], rgb(HIDDEN), hues), np.where(hidden, VEILED, opacity)


def painted(view: HeadView, values: Float[np.ndarray, token], color: str, cell: int) -> Image.Image:
    """The picture with `values` painted on its patches and the selected patch outlined, `cell` pixels a patch."""
    hues, opacity = tints(view, view.shades(values), color)
    return montage([_frame(view, index, hues, opacity, cell) for index in range(len(view.frames))], max(1, cell // 4))


def montage(pictures: list[Image.Image], gap: int) -> Image.Image:
    """Frames in reading order, about as many down as across."""
    columns = montage_columns(len(pictures))
    rows, (width, height) = -(-len(pictures) // columns), pictures[0].size
    sheet = Image.new("RGB", (columns * (width + gap) - gap, rows * (height + gap) - gap), "white")
    for index, picture in enumerate(pictures):
        row, column = divmod(index, columns)
        sheet.paste(picture, (column * (width + gap), row * (height + gap)))
    return sheet


def montage_columns(n_frames: int) -> int:
    """How many frames lie side by side."""
    return int(np.ceil(np.sqrt(n_frames)))


def rgb(color: str) -> np.ndarray:
    """ "#rrggbb" as three bytes."""
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)], np.uint8)


def _frame(view: HeadView, index: int, hues: np.ndarray, opacity: np.ndarray, cell: int) -> Image.Image:
    rows, columns = view.grid
    size, first = (columns * cell, rows * cell), len(view.prefix) + index * rows * columns
    here = slice(first, first + rows * columns)
    paint = Image.fromarray(np.ascontiguousarray(hues[here]).reshape(rows, columns, 3)).resize(size, _NEAREST)
    mask = Image.fromarray((opacity[here].reshape(rows, columns) * 255).round().astype(np.uint8)).resize(size, _NEAREST)
    drawn = Image.composite(paint, _stepped_back(view.frames[index]).resize(size, _NEAREST), mask)
    if first <= view.token < here.stop:
        row, column = divmod(view.token - first, columns)
        outline(drawn, column * cell, row * cell, cell)
    return drawn


def _stepped_back(pixels: UInt8[np.ndarray, "height width 3"]) -> Image.Image:
    """The picture half grey and half white, so that paint of any hue stands out on it."""
    grey = pixels.mean(-1, keepdims=True)
    faded = (pixels * 0.45 + grey * 0.55) * (1 - VEIL) + 255 * VEIL
    return Image.fromarray(faded.round().astype(np.uint8))


def outline(picture: Image.Image, left: int, top: int, cell: int) -> None:
    """Frame a patch in ink between two white lines, so that it shows on light and on dark."""
    pen, line = ImageDraw.Draw(picture), max(1, cell // 20)
    for out, width, color in ((2, 4, "white"), (1, 2, "#1c2026")):
        box = (left - out * line, top - out * line, left + cell - 1 + out * line, top + cell - 1 + out * line)
        pen.rectangle(box, outline=color, width=width * line)


_NEAREST = Image.Resampling.NEAREST
