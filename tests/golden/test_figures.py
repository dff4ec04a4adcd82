"""Figures against stored pictures, with a tolerance; `make golden` rewrites them, and the difference is looked at."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from apps.common import figures, overlay
from golden.stored import MEAN_TOLERANCE, assert_as_stored

EMOJI = ("🐱", "🚽", "🐶", "🍌")
TINTS = ("#3b5bdb", "#c2410c", "#2b8a3e", "#f2c200")
GRID = (3, 4)


def frame(title: str = "2_mid", shift: int = 0) -> overlay.Frame:
    order = [(patch + shift) % 4 for patch in range(12)]
    return overlay.Frame(title, tuple(EMOJI[i] for i in order), tuple(TINTS[i] for i in order))


def image() -> np.ndarray:
    ramp = np.linspace(0, 255, 24 * 32).reshape(24, 32)
    return np.stack([ramp, ramp[::-1], np.full_like(ramp, 128)], -1).astype(np.uint8)


def png(picture: Image.Image) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


FIGURES = {
    "lens": lambda: figures.lens_figure(
        image(), GRID, frame(), ["cat", "toilet", "dog", "$banana$"] * 3, "emoji-vit · A scene", dpi=80
    ),
    "map": lambda: figures.lens_figure(
        image(),
        GRID,
        overlay.Frame("final", ("",) * 12, figures.viridis(np.linspace(0, 1, 12), 0, 1)),
        ["cat"] * 12,
        "emoji-vit · A scene",
        0.7,
        figures.Scale("probability of cat", "0 %", "100 %"),
        dpi=80,
    ),
    "curve": lambda: figures.score_curve(
        ("0_pre", "1_pre", "2_pre", "final"),
        (0.05, 0.2, 0.5, 0.4),
        0.12,
        figures.Heldout((0.04, 0.15, 0.3, 0.35), (0.02, 0.1, 0.25, 0.3), (0.06, 0.2, 0.36, 0.41), 1000),
        dpi=80,
    ),
    "frame": lambda: png(overlay.draw_frame(image(), GRID, frame(), cell=40)),
    "strip": lambda: png(overlay.film_strip(image(), GRID, [frame(str(i), i) for i in range(5)], columns=3, width=120)),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figures_are_as_stored(name: str):
    assert_as_stored(name, FIGURES[name]())


def test_a_difference_would_be_seen():
    stored, other = (np.asarray(overlay.draw_frame(image(), GRID, frame(shift=s), cell=40), float) for s in (0, 1))
    assert np.abs(stored - other).mean() > 5 * MEAN_TOLERANCE


def test_figures_are_the_same_each_time():
    assert FIGURES["lens"]() == FIGURES["lens"]()


def test_characters_that_the_font_lacks_are_replaced():
    assert figures.plain("tabby 漢 é") == "tabby ? é"


def test_a_frame_must_cover_the_grid():
    with pytest.raises(ValueError, match="needs 20 emoji"):
        overlay.draw_frame(image(), (4, 5), frame(), cell=10)
