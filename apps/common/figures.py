"""Arrays → print-quality pictures with matplotlib. A figure never sees a model.

Everything is drawn through `Figure` objects, not pyplot, so that two visitors can save at the same time.
Names may come from a visitor: they are drawn as plain text, never as mathematics, and characters that the font
lacks are replaced, so no picture shows a missing-glyph box.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import matplotlib
import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont
from matplotlib.ft2font import FT2Font
from PIL import Image

from apps.common.overlay import Frame, draw_frame, enlarge
from prisma_engine.labels import font

INK, MUTED, ACCENT, BASELINE = "#1c2026", "#6b7280", "#3b5bdb", "#c2410c"
N_LEGEND = 6


@dataclass(frozen=True)
class Heldout:
    """Class-wise IoU per layer on scenes the model never saw, with its 95 % interval."""

    iou: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    n_scenes: int


@dataclass(frozen=True)
class Scale:
    """What the colours of a picture mean: dark is low, light is high."""

    name: str
    low: str
    high: str


WIDTH, SIDE, FOOT = 7.2, 3.3, 1.2  # of a lens figure, of each picture in it, and of what is below them; inches


def lens_figure(
    image: UInt8[np.ndarray, "height width 3"],
    grid: tuple[int, int],
    frame: Frame,
    names: Sequence[str],
    title: str,
    opacity: float = 0.55,
    scale: Scale | None = None,
    dpi: int = 300,
) -> bytes:
    """The picture the model saw beside one layer of the lens, with a legend: a PNG for print.

    Args:
        names: class name per patch, row by row.
        title: one line above the pictures.
        scale: what the tints mean, where they are not the colours of classes.
    """
    height = SIDE * grid[0] / grid[1]
    total = height + FOOT
    figure = Figure(figsize=(WIDTH, total), dpi=dpi, facecolor="white")
    cell = max(8, round(SIDE * dpi / grid[1]))
    pictures = (enlarge(image, grid, cell), draw_frame(image, grid, frame, cell, opacity))
    captions = ("what the model saw", f"what the model's head says of each patch at layer {frame.title}")
    for index, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        axes = _picture(figure, picture, (0.03 + 0.485 * index, 0.72 / total, 0.455, height / total))
        axes.set_title(plain(caption), fontsize=8, color=MUTED, loc="left", pad=3, parse_math=False)
    _write(figure, 0.03, 1 - 0.18 / total, title, 10)
    rows = _legend(figure, frame, names, 0.54 / total)
    if scale is not None:
        _scale(figure, scale, (0.54 - 0.27 * rows) / total)
    return figure_png(figure)


def _legend(figure: Figure, frame: Frame, names: Sequence[str], y: float) -> int:
    """Draw the most frequent classes from height `y` down and return how many rows they took."""
    shown = [pair for pair in zip(frame.emoji, names, strict=True) if pair[0]]
    counts = Counter(shown).most_common(N_LEGEND)
    side, (width, height) = 0.2, figure.get_size_inches()
    for index, ((emoji, name), count) in enumerate(counts):
        x, top = 0.03 + (index % 3) * 0.32, y - (index // 3) * 0.27 / height
        _picture(figure, font.emoji_image(emoji, 96), (x, top - side / 2 / height, side / width, side / height))
        _write(figure, x + 0.035, top, f"{shorten(name, 26)} · {count} {'patch' if count == 1 else 'patches'}", 8)
    return min(2, -(-len(counts) // 3)) if counts else 0


def _scale(figure: Figure, scale: Scale, y: float) -> None:
    """A colour bar with its name and ends; beside the pictures' right half, where a full legend leaves room."""
    height = figure.get_size_inches()[1]
    y = max(y, 0.1 / height)
    ramp = (matplotlib.colormaps["viridis"](np.linspace(0, 1, 256))[None, :, :3] * 255).astype(np.uint8)
    axes = figure.add_axes((0.6, y - 0.04 / height, 0.28, 0.09 / height))
    axes.imshow(ramp, aspect="auto")
    axes.set_axis_off()
    _write(figure, 0.03, y, shorten(scale.name, 48), 8)
    _write(figure, 0.59, y, scale.low, 8, align="right")
    _write(figure, 0.89, y, scale.high, 8)


def _picture(figure: Figure, picture: Image.Image, box: tuple[float, float, float, float]) -> Axes:
    axes = figure.add_axes(box)
    axes.imshow(np.asarray(picture), interpolation="none")
    axes.set_axis_off()
    return axes


def _write(figure: Figure, x: float, y: float, text: str, size: float, align: str = "left") -> None:
    figure.text(x, y, plain(text), fontsize=size, color=INK, va="center", ha=align, parse_math=False)


def stack(pictures: Sequence[bytes]) -> bytes:
    """PNGs one below the other, on white."""
    opened = [Image.open(io.BytesIO(data)).convert("RGB") for data in pictures]
    sheet = Image.new("RGB", (max(p.width for p in opened), sum(p.height for p in opened)), "white")
    for index, picture in enumerate(opened):
        sheet.paste(picture, (0, sum(p.height for p in opened[:index])))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def score_curve(
    labels: Sequence[str],
    iou: Sequence[float],
    baseline: float | None = None,
    heldout: Heldout | None = None,
    dpi: int = 300,
) -> bytes:
    """IoU per layer, from 0 to 1, with the best constant answer and the held-out interval drawn in: a PNG."""
    figure = Figure(figsize=(WIDTH, 2.6), dpi=dpi, facecolor="white", layout="constrained")
    axes = figure.add_subplot()
    at = np.arange(len(labels))
    if heldout is not None:
        axes.fill_between(at, heldout.low, heldout.high, color=ACCENT, alpha=0.18, linewidth=0)
        axes.plot(
            at,
            heldout.iou,
            color=ACCENT,
            lw=1,
            ls="--",
            label=f"{heldout.n_scenes:,} held-out scenes, with 95 % interval",
        )
    axes.plot(at, iou, color=INK, lw=1.8, marker="o", ms=3.5, label="this scene")
    if baseline is not None:
        axes.axhline(baseline, color=BASELINE, lw=1.2, ls=":", label="best constant answer")
    _tidy(axes, labels)
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, loc="upper left")
    return figure_png(figure)


def _tidy(axes: Axes, labels: Sequence[str]) -> None:
    axes.set(ylim=(0, 1), xlim=(-0.3, len(labels) - 0.7))
    axes.set_ylabel("class-wise IoU", fontsize=9, color=INK)
    every = max(1, len(labels) // 12)
    axes.set_xticks(range(0, len(labels), every), [labels[i] for i in range(0, len(labels), every)], fontsize=7)
    axes.tick_params(colors=MUTED, labelsize=7)
    axes.grid(axis="y", color="#e5e7eb", lw=0.7)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def viridis(values: np.ndarray, low: float, high: float) -> tuple[str, ...]:
    """The colour of each value as "#rrggbb": dark at `low`, light at `high`."""
    scaled = np.clip((values - low) / max(high - low, 1e-9), 0, 1)
    colors = (matplotlib.colormaps["viridis"](scaled)[:, :3] * 255).round().astype(int)
    return tuple("#{:02x}{:02x}{:02x}".format(*color) for color in colors)


def shorten(text: str, limit: int) -> str:
    """`text` with at most `limit` characters."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def plain(text: str) -> str:
    """`text` in characters that the figure's font can draw."""
    return "".join(character if ord(character) in _drawable() else "?" for character in text)


@lru_cache(maxsize=1)
def _drawable() -> frozenset[int]:
    return frozenset(FT2Font(findfont(FontProperties(family="DejaVu Sans"))).get_charmap())


def figure_png(figure: Figure) -> bytes:
    """A figure as a PNG, the same bytes for the same drawing."""
    buffer = io.BytesIO()
    # Without metadata the bytes do not name a version, and depend on the drawing alone.
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
