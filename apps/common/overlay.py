"""The emoji lens drawn with Pillow: one layer over the picture, the layers side by side, the layers as a GIF.

Arrays and strings in, pictures out; no model, no screen. Emoji come from the shipped font, so a saved picture
looks the same on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import colormaps
from PIL import Image, ImageDraw, ImageFont

from apps.common import animation
from prisma_engine.labels import font

INK, PAPER = (28, 32, 38), (255, 255, 255)
HEAT = "viridis"


@dataclass(frozen=True)
class Frame:
    """One layer of the lens, ready to be drawn."""

    title: str  # name of the point along the stream, such as "5_mid"
    emoji: tuple[str, ...]  # one per patch, row by row; "" draws none
    tints: tuple[str, ...]  # "#rrggbb" per patch; "" leaves the picture as it is


@lru_cache(maxsize=16)
def text_font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans as shipped by matplotlib: the same on every machine."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)), size)


def enlarge(image: UInt8[np.ndarray, "height width 3"], grid: tuple[int, int], cell: int) -> Image.Image:
    """The model's pixels at `cell` screen pixels per patch, without smoothing."""
    rows, cols = grid
    return Image.fromarray(image).resize((cols * cell, rows * cell), Image.Resampling.NEAREST)


def draw_frame(
    image: UInt8[np.ndarray, "height width 3"], grid: tuple[int, int], frame: Frame, cell: int, opacity: float = 0.55
) -> Image.Image:
    """The picture with each patch tinted and its emoji on top.

    Args:
        cell: side of one patch in the result, in pixels.
        opacity: 0 shows the picture alone under the emoji, 1 hides it under the tints.

    Raises:
        ValueError: if the frame does not have one emoji and one tint per patch.
    """
    rows, cols = grid
    if not len(frame.emoji) == len(frame.tints) == rows * cols:
        raise ValueError(f"a {rows}×{cols} grid needs {rows * cols} emoji and tints, got {len(frame.emoji)}")
    base = enlarge(image, grid, cell)
    tints = np.array([_rgb(tint or "#000000") for tint in frame.tints], dtype=np.uint8).reshape(rows, cols, 3)
    shown = np.array([bool(tint) for tint in frame.tints], dtype=np.uint8).reshape(rows, cols)
    strength = Image.fromarray((shown * round(255 * opacity)).astype(np.uint8))
    canvas = Image.composite(enlarge(tints, grid, cell), base, strength.resize(base.size, Image.Resampling.NEAREST))
    side, margin = max(1, round(cell * 0.86)), round(cell * 0.07)
    for patch, emoji in enumerate(frame.emoji):
        if not emoji:
            continue
        row, col = divmod(patch, cols)
        picture = font.emoji_image(emoji, side)
        canvas.paste(picture, (col * cell + margin, row * cell + margin), picture)
    return canvas


def film_strip(
    image: UInt8[np.ndarray, "height width 3"],
    grid: tuple[int, int],
    frames: Sequence[Frame],
    columns: int = 6,
    width: int = 260,
    opacity: float = 0.55,
) -> Image.Image:
    """All layers side by side, in reading order, each under its name; `width` is one picture's, in pixels."""
    cell = max(4, round(width / grid[1]))
    cards = [_titled(draw_frame(image, grid, frame, cell, opacity), frame.title) for frame in frames]
    gap, (card_width, card_height) = 12, cards[0].size
    columns = min(columns, len(cards))
    n_rows = -(-len(cards) // columns)
    sheet = Image.new("RGB", (gap + columns * (card_width + gap), gap + n_rows * (card_height + gap)), PAPER)
    for index, card in enumerate(cards):
        row, col = divmod(index, columns)
        sheet.paste(card, (gap + col * (card_width + gap), gap + row * (card_height + gap)))
    return sheet


def animated_gif(
    image: UInt8[np.ndarray, "height width 3"],
    grid: tuple[int, int],
    frames: Sequence[Frame],
    width: int = 480,
    opacity: float = 0.55,
    frame_ms: int = 350,
) -> bytes:
    """The layers one after another, the last one held, as an endless GIF."""
    cell = max(4, round(width / grid[1]))
    drawn = [_titled(draw_frame(image, grid, frame, cell, opacity), frame.title) for frame in frames]
    return animation.animated_gif(drawn, frame_ms)


def _titled(picture: Image.Image, title: str) -> Image.Image:
    band = max(18, picture.width // 12)
    card = Image.new("RGB", (picture.width, picture.height + band), PAPER)
    card.paste(picture, (0, band))
    ImageDraw.Draw(card).text((2, band // 2), title, fill=INK, font=text_font(round(band * 0.62)), anchor="lm")
    return card


def _rgb(tint: str) -> tuple[int, int, int]:
    red, green, blue = (int(tint[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def heated(
    pixels: UInt8[np.ndarray, "height width 3"], heat: Float[np.ndarray, "row column"], strength: float = 0.8
) -> Image.Image:
    """A picture, dimmed and grey, with patches the brighter the more active the latent is there."""
    most = float(heat.max()) or 1.0
    tints = (np.asarray(colormaps[HEAT](heat / most))[..., :3] * 255).astype(np.uint8)
    grey = Image.fromarray(pixels).convert("L").convert("RGB")
    size = grey.size
    over = Image.fromarray(tints).resize(size, Image.Resampling.NEAREST)
    mask = Image.fromarray((np.sqrt(heat / most) * strength * 255).astype(np.uint8))
    return Image.composite(over, grey, mask.resize(size, Image.Resampling.NEAREST))
