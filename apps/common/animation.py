"""Pictures one after another, as an endless GIF."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

SAMPLE = 200  # pixels: side to which each picture is shrunk before the colours are chosen
MAX_KEPT = 192


Color = tuple[int, int, int]


def animated_gif(pictures: Sequence[Image.Image], frame_ms: int = 350, keep: Sequence[Color] = ()) -> bytes:
    """All pictures for `frame_ms` milliseconds each, the last one held four times as long, for ever.

    They share one palette of 256 colours, or the colours of what stays the same would flicker.

    Args:
        keep: colours that come out exactly, such as those of a scale; the pictures divide the rest among them.

    Raises:
        ValueError: if there is no picture, or if all the colours are taken.
    """
    if not pictures or len(keep) > MAX_KEPT:
        raise ValueError(f"expected pictures and up to {MAX_KEPT} colours, got {len(pictures)} and {len(keep)}")
    palette = _palette(pictures, keep)
    frames = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
    durations = [frame_ms] * (len(frames) - 1) + [4 * frame_ms]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0)
    return buffer.getvalue()


def _palette(pictures: Sequence[Image.Image], keep: Sequence[Color]) -> Image.Image:
    n_free = 256 - len(keep)
    chosen = _contact_sheet(pictures).quantize(n_free).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*(part for color in keep for part in color), *chosen[: 3 * n_free]])
    return palette


def _contact_sheet(pictures: Sequence[Image.Image]) -> Image.Image:
    sheet = Image.new("RGB", (SAMPLE, SAMPLE * len(pictures)), "white")
    for index, picture in enumerate(pictures):
        scale = SAMPLE / max(picture.size)
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        # Nearest, since a mixture of neighbours is no colour of the picture.
        sheet.paste(picture.resize(size, Image.Resampling.NEAREST), (0, index * SAMPLE))
    return sheet
