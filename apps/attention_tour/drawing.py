"""One head, one token → a picture for print. Arrays in, bytes out; never sees a model."""

from __future__ import annotations

import io
import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm, Normalize
from matplotlib.markers import CARETDOWNBASE as CARETDOWN
from matplotlib.markers import CARETLEFTBASE as CARETLEFT
from matplotlib.ticker import FuncFormatter

from apps.attention_tour.measures import MEASURES, ends, say, shades
from apps.attention_tour.painting import HIDDEN, READ_BY, READS, HeadView, montage_columns, painted, palette, tints
from apps.common.figures import INK, MUTED, shorten
from apps.common.paper import Sheet

WIDTH, MARGIN, LEFT, BOX = 7.2, 0.2, 2.9, 2.15  # of the sheet; LEFT: where the matrix begins; BOX: side of a picture
SIDE = WIDTH - LEFT - MARGIN  # of the matrix, inches
TOP, CAPTION, CELL, LINE, PER_LINE = 0.62, 0.26, 0.32, 0.17, 5
N_STRONGEST, TITLE = 3, 90  # characters of a line of the title
PREFIX_CELL = 0.13  # inches: a prefix token is drawn larger than a patch, or nobody would find it


def head_figure(view: HeadView, dpi: int = 300) -> bytes:
    """A head for print: what the selected token reads and who reads it, painted and in numbers, beside the matrix."""
    _, height = picture_size(view)
    panel = CAPTION + height + _prefix_height(view) + 2 * LINE
    unit = view.unit.replace(" ", "\N{NO-BREAK SPACE}")
    title = textwrap.wrap(f"{shorten(view.title, 150)} · {unit}", TITLE)
    top = TOP + 0.19 * (len(title) - 1)
    sheet = Sheet(WIDTH, top + max(2 * panel, CAPTION + SIDE + 0.95), dpi)
    for index, line in enumerate(title):
        sheet.write(line.replace("\N{NO-BREAK SPACE}", " "), MARGIN, 0.22 + 0.19 * index, 10)
    sheet.write(f"{MEASURES[view.kind].title} · selected: {view.place(view.token)}", MARGIN, top - 0.17, 8, MUTED)
    for index, (caption, values, color) in enumerate(
        (("it reads", view.row, READS), ("it is read by", view.column, READ_BY))
    ):
        _panel(sheet, view, caption, values, color, top + index * panel)
    _matrix(sheet, view, top + CAPTION)
    _mark(sheet, view, top + CAPTION)
    _color_bar(sheet, view, top + CAPTION + SIDE + 0.42)
    return sheet.png()


def npy_bytes(matrix: np.ndarray) -> bytes:
    """A matrix as the bytes of an `.npy` file, float32 as it was computed; `numpy.load` reads it."""
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(matrix, np.float32), allow_pickle=False)
    return buffer.getvalue()


def strongest(view: HeadView, values: np.ndarray, n: int = N_STRONGEST) -> str:
    """The patches with the highest visible values, in words: "row 3, column 5: 31 %"."""
    first = len(view.prefix)
    order = first + np.argsort(-values[first:], kind="stable")[:n]
    shown = [(int(token), float(values[token])) for token in order if np.isfinite(values[token])]
    return " · ".join(f"{_short(view.place(token))}: {say(view.kind, value)}" for token, value in shown)


def _short(place: str) -> str:
    return place.replace("frame ", "f").replace("row ", "r").replace("column ", "c").replace(", ", " ")


def picture_size(view: HeadView) -> tuple[float, float]:
    """Width and height of the painted picture, all frames of it; inches."""
    across = montage_columns(len(view.frames))
    ratio = view.grid[0] * -(-len(view.frames) // across) / (view.grid[1] * across)
    return (BOX, BOX * ratio) if ratio <= 1 else (BOX / ratio, BOX)


def _panel(sheet: Sheet, view: HeadView, caption: str, values: np.ndarray, color: str, top: float) -> None:
    width, height = picture_size(view)
    cell = max(8, round(width * sheet.figure.dpi / (view.grid[1] * montage_columns(len(view.frames)))))
    sheet.write("■", MARGIN, top + 0.12, 9, color)
    sheet.write(caption, MARGIN + 0.16, top + 0.12, 8.5)
    sheet.picture(painted(view, values, color, cell), MARGIN, top + CAPTION, width, height)
    below = top + CAPTION + height + 0.06
    _prefix_cells(sheet, view, values, color, below)
    sheet.write(strongest(view, values), MARGIN, below + _prefix_height(view) + 0.06, 6.2, MUTED)


def _prefix_height(view: HeadView) -> float:
    return -(-len(view.prefix) // PER_LINE) * CELL


def _prefix_cells(sheet: Sheet, view: HeadView, values: np.ndarray, color: str, top: float) -> None:
    """A cell for each prefix token with its name and its number, tinted as the patches are."""
    hues, opacity = tints(view, view.shades(values), color)
    width = BOX / PER_LINE
    for index, name in enumerate(view.prefix):
        row, column = divmod(index, PER_LINE)
        left, y = MARGIN + column * width, top + row * CELL
        axes = sheet.axes(left, y, width - 0.03, CELL - 0.03)
        axes.set(xticks=[], yticks=[], facecolor=(*hues[index] / 255, float(opacity[index])))
        selected = index == view.token
        axes.spines[:].set(color=INK if selected else HIDDEN, linewidth=1.4 if selected else 0.5)
        ink = "white" if opacity[index] * (1 - _lightness(hues[index])) > 0.5 else INK
        for line, text in enumerate((name, say(view.kind, values[index]))):
            sheet.write(shorten(text, 9), left + width / 2 - 0.015, y + 0.085 + 0.12 * line, 5.6, ink, "center")


def _lightness(color: np.ndarray) -> float:
    """0 is black, 1 is white."""
    return float(color @ (0.299, 0.587, 0.114)) / 255


def _blocks(view: HeadView) -> list[tuple[slice, float, float]]:
    """Prefix tokens and patches along one side of the matrix: which tokens, from where, how long; inches."""
    n_prefix, n_tokens = len(view.prefix), len(view.matrix)
    length = n_prefix * max(PREFIX_CELL, SIDE / n_tokens)
    gap = 0.025 if n_prefix else 0.0
    patches = (slice(n_prefix, n_tokens), length + gap, SIDE - length - gap)
    return [(slice(0, n_prefix), 0.0, length), patches] if n_prefix else [patches]


def _matrix(sheet: Sheet, view: HeadView, top: float) -> None:
    """The whole matrix, prefix tokens enlarged, the selected token's row and column marked at the edges."""
    shown = shades(view.matrix, view.kind, view.scale, view.norm)
    blocks = _blocks(view)
    sheet.write("each row: a token that reads; each column: a token that is read", LEFT, top - 0.24, 8, MUTED)
    for rows, y, height in blocks:
        for columns, x, width in blocks:
            axes = sheet.axes(LEFT + x, top + y, width, height)
            axes.imshow(
                np.ma.masked_invalid(shown[rows, columns]), cmap=palette(view.kind), vmin=0, vmax=1, aspect="auto",
                extent=(columns.start, columns.stop, rows.stop, rows.start),
            )  # fmt: skip
            axes.set(xticks=[], yticks=[])
            axes.spines[:].set_visible(False)
            if x == 0:
                _ticks(axes, view, rows, "y")
            if y + height >= SIDE - 1e-6:
                _ticks(axes, view, columns, "x")


def _mark(sheet: Sheet, view: HeadView, top: float) -> None:
    """Arrows outside the matrix at the selected token's row and column; lines across it would hide its neighbours."""
    tokens, start, length = next(block for block in _blocks(view) if block[0].start <= view.token < block[0].stop)
    at = start + (view.token - tokens.start + 0.5) / (tokens.stop - tokens.start) * length
    axes = sheet.axes(LEFT, top, SIDE, SIDE)
    axes.set(xlim=(0, SIDE), ylim=(SIDE, 0))
    axes.set_axis_off()
    axes.plot(SIDE + 0.06, at, marker=CARETLEFT, color=READS, ms=5, clip_on=False)
    axes.plot(at, -0.06, marker=CARETDOWN, color=READ_BY, ms=5, clip_on=False)


def _ticks(axes: Axes, view: HeadView, tokens: slice, side: str) -> None:
    """Names of the prefix tokens, and where some rows of patches begin."""
    axis = axes.yaxis if side == "y" else axes.xaxis
    if tokens.start < len(view.prefix):
        at, names = [i + 0.5 for i in range(tokens.start, tokens.stop)], list(view.prefix)
    else:
        at, names = _patch_ticks(view, tokens)
    axis.set_ticks(at, names, fontsize=6)
    axes.tick_params(colors=MUTED, labelsize=6, length=2, width=0.5, pad=1.5)
    if side == "x":
        for label in axes.get_xticklabels():
            label.set(rotation=90)


def _patch_ticks(view: HeadView, tokens: slice) -> tuple[list[float], list[str]]:
    """At most about 8 starts of rows of patches, or of frames."""
    step, word = (view.grid[1], "row") if len(view.frames) == 1 else (view.grid[0] * view.grid[1], "frame")
    n = (tokens.stop - tokens.start) // step
    chosen = range(0, n, -(-n // 8))
    return [tokens.start + i * step for i in chosen], [f"{word} {i + 1}" for i in chosen]


def _color_bar(sheet: Sheet, view: HeadView, top: float) -> None:
    """What the colours mean: in the matrix's unit, or from each row's lowest to its highest."""
    measure, axes = MEASURES[view.kind], sheet.axes(LEFT, top, SIDE, 0.1)
    low, high = ends(view.row if view.norm == "row" else view.matrix, view.kind, view.scale)
    logarithmic = view.scale == "log" and measure.logarithmic and low < high
    norm = Normalize(0, 1) if view.norm == "row" else (LogNorm if logarithmic else Normalize)(low, high)
    bar = sheet.figure.colorbar(ScalarMappable(norm, palette(view.kind)), cax=axes, orientation="horizontal")
    bar.outline.set_visible(False)  # type: ignore[operator]
    axes.tick_params(colors=MUTED, labelsize=6.5, length=2, width=0.5)
    unit = f"{measure.unit}, logarithmic" if logarithmic else measure.unit
    axes.set_xlabel(unit, fontsize=7, color=MUTED, labelpad=2)
    if view.norm == "row":
        axes.set_xticks([])
        words = f"lowest of each row ({say(view.kind, low)} in the selected one)", f"highest ({say(view.kind, high)})"
        for text, x, align in zip(words, (LEFT, LEFT + SIDE), ("left", "right"), strict=True):
            sheet.write(text, x, top + 0.17, 6.5, MUTED, align)
        axes.xaxis.labelpad = 12
    elif view.kind == "pattern":
        axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.6g} %"))
