"""The picture of a steered run against a stored one, drawn from fixed arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from apps.common.overlay import Frame
from apps.common.paper import picture_png
from apps.sae_steering.drawing import Column, SteeredView, card_figure, heated, steered_figure
from golden.stored import MEAN_TOLERANCE, assert_as_stored, difference

GRID = (3, 4)
RAMP = np.linspace(0, 255, 24 * 32).reshape(24, 32)
PIXELS = np.stack([RAMP, RAMP[::-1], np.full_like(RAMP, 128)], -1).astype(np.uint8)
HEAT = np.linspace(0, 3, 12).reshape(GRID)
LENS = Frame("", ("🐶", "", "🍌") * 4, ("#c98b4a", "", "#f2c94c") * 4)
ROWS = (("dog $face$", 8.34, None), ("cat 漢", -1.18, -1.181))
VIEW = SteeredView(
    title="emoji-vit · after layer 3 · A $scene$ 漢",
    subtitle="latent 12 held at −1 at CLS, error kept; explained variance 0.990, L0 16.0",
    pixels=PIXELS,
    heat=HEAT,
    chosen=frozenset({(0, 1), (2, 3)}),
    about=("Latent 12: dog face (F1 0.24)", "here at most 3.00, 1.5 × typical"),
    columns=(
        Column("original", LENS, ROWS[:1]),
        Column("reconstruction only", LENS, ROWS),
        Column("steered", None, ROWS),
    ),
    lines=("Amounts count typical activations of a latent.",),
)

FIGURES = {
    "steering": lambda: steered_figure(VIEW, dpi=80),
    "steering_heat": lambda: picture_png(heated(PIXELS, HEAT).resize((128, 96))),
    "steering_card": lambda: card_figure([PIXELS, heated(PIXELS, HEAT)]),
}


@pytest.mark.parametrize("name", FIGURES)
def test_pictures_are_as_stored(name: str):
    assert_as_stored(name, FIGURES[name]())


def test_another_run_is_another_picture():
    other = replace(VIEW, heat=HEAT[::-1].copy(), columns=VIEW.columns[::-1])
    assert difference(steered_figure(VIEW, dpi=80), steered_figure(other, dpi=80)) > MEAN_TOLERANCE


def test_a_latent_that_is_nowhere_leaves_the_picture_grey():
    grey = np.asarray(heated(PIXELS, np.zeros(GRID)))
    assert (grey[..., 0] == grey[..., 1]).all() and (grey[..., 1] == grey[..., 2]).all()
    assert len(np.unique(np.asarray(heated(PIXELS, HEAT)).reshape(-1, 3), axis=0)) > 10
