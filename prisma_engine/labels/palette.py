"""The colour table: chosen once for all emoji that ship, written by `python -m prisma_engine.labels.build`.

Each emoji keeps roughly the hue of its own picture (a lion is amber, a frog green; grey pictures take a
hue from their code points). Of the lightnesses, nearby hues and chromas below it then takes the colour
clearest of those already given, as seen by the eye that separates them worst: ordinary, protanope or
deuteranope. Emoji earlier in the list get more room, and keep closer to their own hue.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from itertools import product

import numpy as np

from prisma_engine.labels.color import oklch_to_hex
from prisma_engine.labels.font import emoji_image

LIGHTNESSES = (0.68, 0.52, 0.84, 0.60, 0.76, 0.48, 0.88, 0.56, 0.64, 0.72, 0.80)
HUE_STEPS = (0, -15, 15, -30, 30, -45, 45, -60, 60)  # degrees away from the picture's own hue
CHROMAS = (0.17, 0.13, 0.09)
ENOUGH = 0.10  # OKLab distance beyond which more clearance is worth nothing
HUE_COST = 0.0002  # clearance that one degree away from the own hue must gain
SIGHT_WEIGHTS = (1, 2, 2)  # dichromats see a flatter space: half the distance is as good there
CHOICES = tuple(product(CHROMAS, HUE_STEPS, LIGHTNESSES))
GREY = 0.03  # mean chroma below which a picture has no hue of its own

# Linear sRGB as a dichromat sees it; Machado, Oliveira & Fernandes 2009, severity 1.
SIGHTS = np.array(
    [
        [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    ]
)
_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def assign_colors(emoji: Sequence[str]) -> dict[str, str]:
    """A colour for each emoji of a list without repeats, as far apart as their pictures' hues allow."""
    colors: dict[str, str] = {}
    taken = np.full((1, len(SIGHTS), 3), np.inf)
    cost = HUE_COST * np.array([abs(step) for _, step, _ in CHOICES])
    for text in emoji:
        hue = round(picture_hue(text))
        candidates = [_hex(lightness, chroma, (hue + step) % 360) for chroma, step, lightness in CHOICES]
        seen = seen_as(candidates)
        # Rounded, so that the choice does not hang on the last bit of one machine's arithmetic.
        best = int(np.argmax(np.round(np.minimum(_clearance(seen, taken), ENOUGH) - cost, 6)))
        colors[text] = candidates[best]
        taken = np.concatenate([taken, seen[best : best + 1]])
    return colors


_hex = lru_cache(maxsize=None)(oklch_to_hex)  # whole degrees, so that few of the 200,000 differ


def picture_hue(emoji: str) -> float:
    """Dominant hue of the emoji's picture in degrees of OKLCH; vivid pixels weigh more than dull ones."""
    pixels = np.asarray(emoji_image(emoji, 64), dtype=np.float64).reshape(-1, 4)
    lab = oklab(pixels[:, :3] / 255)
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    weight = pixels[:, 3] * chroma
    if weight.sum() <= GREY * pixels[:, 3].sum():
        return 360 * hashlib.sha256(emoji.encode()).digest()[0] / 256
    return float(np.degrees(np.arctan2(weight @ lab[:, 2], weight @ lab[:, 1])) % 360)


def oklab(srgb: np.ndarray) -> np.ndarray:
    """Gamma-encoded sRGB in [0, 1], last axis red green blue, to OKLab: lightness, a, b."""
    return _oklab_of_linear(_linear(srgb))


def seen_as(colors: Sequence[str]) -> np.ndarray:
    """OKLab of "#rrggbb" colours under each of the three sights: [colour, sight, lab]."""
    srgb = np.array([[int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)] for color in colors])
    return _oklab_of_linear(np.einsum("sij,cj->csi", SIGHTS, _linear(srgb)))


def _linear(srgb: np.ndarray) -> np.ndarray:
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def _oklab_of_linear(linear: np.ndarray) -> np.ndarray:
    return np.cbrt(linear.clip(0, 1) @ _LMS.T) @ _LAB.T


def _clearance(seen: np.ndarray, taken: np.ndarray) -> np.ndarray:
    """Distance from each candidate to the nearest taken colour, in the sight that separates the two worst."""
    squared = sum((seen[:, None, :, axis] - taken[None, :, :, axis]) ** 2 for axis in range(3))
    return (np.sqrt(squared) * SIGHT_WEIGHTS).min((1, 2))
