"""One colour per emoji, the same in every process and in every vocabulary.

Colours come from a table, `data/colors.json`, that `labels.palette` computes once: the hue follows the
emoji's own picture, lightness and hue are spread so that neighbours in a heatmap can be told apart,
with ordinary and with red-green colour-blind sight. The space is OKLCH (Ottosson, 2020, "A perceptual
color space for image processing"): lightness 0 to 1, chroma, hue in degrees.
"""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from math import cos, radians, sin

from prisma_engine.labels.font import DATA, sequence


@lru_cache(maxsize=1)
def _table() -> dict[tuple[int, ...], str]:
    return {
        sequence(emoji): color
        for emoji, color in json.loads((DATA / "colors.json").read_text(encoding="utf-8")).items()
    }


def emoji_color(emoji: str) -> str:
    """Colour "#rrggbb" of an emoji; for one that does not ship, any hue, fixed by its code points."""
    return _table().get(sequence(emoji)) or _hashed(emoji)


def _hashed(emoji: str) -> str:
    # Not hash(): Python salts it anew in every process.
    digest = hashlib.sha256(repr(sequence(emoji)).encode()).digest()
    return oklch_to_hex(0.5 + 0.35 * digest[0] / 255, 0.14, 360 * digest[1] / 256)


def oklch_to_hex(lightness: float, chroma: float, hue: float) -> str:
    """The sRGB colour nearest to an OKLCH colour: chroma is reduced until the screen can show it."""
    while True:
        rgb = _linear_rgb(lightness, chroma * cos(radians(hue)), chroma * sin(radians(hue)))
        if chroma <= 0 or all(-1e-4 <= value <= 1 + 1e-4 for value in rgb):
            return "#" + "".join(f"{round(255 * _gamma(value)):02x}" for value in rgb)
        chroma = max(0.0, chroma - 0.002)


def _linear_rgb(lightness: float, a: float, b: float) -> tuple[float, float, float]:
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    return (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )


def _gamma(linear: float) -> float:
    value = min(max(linear, 0.0), 1.0)
    return 12.92 * value if value <= 0.0031308 else 1.055 * value ** (1 / 2.4) - 0.055
