"""One head through the layers as a GIF, and the page's card: small pictures, drawn with Pillow."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from PIL import Image, ImageDraw

from apps.attention_tour.measures import MEASURES, ends, say, shades
from apps.attention_tour.painting import READ_BY, READS, HeadView, colors, montage_columns, painted, rgb
from apps.common.animation import animated_gif
from apps.common.figures import plain
from apps.common.overlay import INK, PAPER, text_font
from apps.common.paper import picture_png

GAP, BAND, FOOT = 10, 46, 18  # pixels: between pictures, above them, below them
MAX_PREFIX = 4  # tokens whose numbers fit below a picture


def layers_gif(
    views: Sequence[HeadView], beside: Sequence[HeadView] = (), side: int = 288, frame_ms: int = 500
) -> bytes:
    """The same head and token layer after layer: what it reads, who reads it, and the matrix.

    Args:
        beside: a second run at the same steps, drawn below the first.

    Raises:
        ValueError: if there is no layer to show.
    """
    if not views:
        raise ValueError("expected the views of at least one layer, got none")
    ramp = colors(np.linspace(0, 1, 64), views[0].kind)
    keep = [INK, PAPER, *((int(r), int(g), int(b)) for r, g, b in (rgb(READS), rgb(READ_BY), *ramp))]
    frames = [film_frame(view, side) for view in views]
    if beside:
        frames = [_stacked(frame, film_frame(view, side)) for frame, view in zip(frames, beside, strict=True)]
    return animated_gif(frames, frame_ms, keep)


def _stacked(upper: Image.Image, lower: Image.Image) -> Image.Image:
    sheet = Image.new("RGB", (max(upper.width, lower.width), upper.height + lower.height), PAPER)
    sheet.paste(upper, (0, 0))
    sheet.paste(lower, (0, upper.height))
    return sheet


def film_frame(view: HeadView, side: int = 288) -> Image.Image:
    """One layer: both paintings and the matrix side by side, each `side` pixels wide, under a title."""
    across = montage_columns(len(view.frames))
    cell = max(2, round(side / (across * max(view.grid))))
    pictures = [painted(view, values, color, cell) for values, color in ((view.row, READS), (view.column, READ_BY))]
    pictures.append(matrix_picture(view, side))
    width, height = GAP + sum(picture.width + GAP for picture in pictures), max(p.height for p in pictures)
    foot = FOOT if view.prefix else 0
    sheet = Image.new("RGB", (width, BAND + height + GAP + foot), PAPER)
    pen, left = ImageDraw.Draw(sheet), GAP
    pen.text((GAP, 15), plain(f"{view.unit} · {view.title}"), fill=INK, font=text_font(14, bold=True), anchor="lm")
    captions = (f"{view.place(view.token)} reads", "it is read by", _range(view))
    prefixes = (*(_prefix(view, values) for values in (view.row, view.column)), "")
    for picture, caption, color, prefix in zip(pictures, captions, (READS, READ_BY, None), prefixes, strict=True):
        if color is not None:
            pen.rectangle((left, 32, left + 8, 40), fill=color)
        pen.text((left + (12 if color else 0), 36), caption, fill=INK, font=text_font(11), anchor="lm")
        sheet.paste(picture, (left, BAND))
        pen.text((left, BAND + picture.height + 11), prefix, fill=INK, font=text_font(11), anchor="lm")
        left += picture.width + GAP
    return sheet


def matrix_picture(view: HeadView, side: int) -> Image.Image:
    """The whole matrix, `side` × `side` pixels: cells as areas, so that none of many tokens is skipped."""
    picture = Image.fromarray(colors(shades(view.matrix, view.kind, view.scale, view.norm), view.kind))
    return picture.resize((side, side), Image.Resampling.BOX)


def card_png(view: HeadView, wall: Float[np.ndarray, "layer head side side"], height: int = 312) -> bytes:
    """What the page is about, at a glance: a patch's reading, who reads it, every head, and one head's matrix.

    Args:
        view: the head to show.
        wall: small matrices of every head, in the view's kind.
    """
    cell = max(2, height // view.grid[0])
    pictures = [painted(view, values, color, cell) for values, color in ((view.row, READS), (view.column, READ_BY))]
    high = pictures[0].height
    pictures += [wall_picture(view, wall, high), matrix_picture(view, high)]
    gap = cell // 3
    sheet = Image.new("RGBA", (sum(p.width + gap for p in pictures) - gap, high), (0, 0, 0, 0))
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + gap
    return picture_png(sheet)


def wall_picture(view: HeadView, wall: Float[np.ndarray, "layer head side side"], height: int) -> Image.Image:
    """Every head's matrix in small: layers from left to right, heads from top to bottom."""
    n_layers, n_heads = wall.shape[:2]
    step, gap = height / n_heads, max(1, height // (25 * n_heads))
    sheet = Image.new("RGBA", (round(step * n_layers), height), (0, 0, 0, 0))
    for layer, head in np.ndindex(n_layers, n_heads):
        left, top = round(layer * step), round(head * step)
        size = (round((layer + 1) * step) - left - gap, round((head + 1) * step) - top - gap)
        shown = shades(wall[layer, head], view.kind, view.scale, "matrix")
        sheet.paste(Image.fromarray(colors(shown, view.kind)).resize(size, Image.Resampling.BOX), (left, top))
    return sheet


def _prefix(view: HeadView, values: np.ndarray) -> str:
    """The numbers of the tokens that have no place on the picture."""
    shown = zip(view.prefix[:MAX_PREFIX], values, strict=False)
    return " · ".join(f"{name} {say(view.kind, float(value))}" for name, value in shown)


def _range(view: HeadView) -> str:
    """What the darkest and the lightest cell stand for."""
    over = view.row if view.norm == "row" else view.matrix
    low, high = (say(view.kind, end) for end in ends(over, view.kind, view.scale))
    whose = "each row's own scale; its row: " if view.norm == "row" else "the matrix: "
    logarithmic = ", log" if view.scale == "log" and MEASURES[view.kind].logarithmic else ""
    return f"{whose}{low} to {high}{logarithmic}"
