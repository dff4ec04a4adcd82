"""The picture of what was said against a stored one, drawn from fixed arrays and words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from apps.vlm_steering.drawing import SaidView, card_figure, said_figure
from golden.stored import MEAN_TOLERANCE, assert_as_stored, difference

GRID = (3, 4)
RAMP = np.linspace(0, 255, 24 * 32).reshape(24, 32)
PIXELS = np.stack([RAMP, RAMP[::-1], np.full_like(RAMP, 128)], -1).astype(np.uint8)
HEAT = np.linspace(0, 3, 12).reshape(GRID)
SAID = "there is a large $dog$ on the left and a small banana at the top right."
VIEW = SaidView(
    title="emoji-llava · after layer 2 · A dog beside a banana 漢",
    subtitle="“describe the picture .” · latent 12 −6 at all tokens",
    pixels=PIXELS,
    heat=HEAT,
    about=("latent 12: perhaps dog, F1 0.38 on text", "at most 3.00, 1.5 × typical at a patch"),
    columns=(("original", SAID), ("reconstruction only", SAID), ("steered", "there is a banana."), ("control", "")),
    lines=("Amounts count typical activations of a latent.",),
)
FIGURES = {
    "said": lambda: said_figure(VIEW, dpi=80),
    "said_card": lambda: card_figure(PIXELS, HEAT, [("as it is", SAID), ("steered", "there is a banana.")]),
}


@pytest.mark.parametrize("name", FIGURES)
def test_pictures_are_as_stored(name: str):
    assert_as_stored(name, FIGURES[name]())


def test_another_answer_is_another_picture():
    other = replace(VIEW, heat=HEAT[::-1].copy(), columns=VIEW.columns[::-1])
    assert difference(said_figure(VIEW, dpi=80), said_figure(other, dpi=80)) > MEAN_TOLERANCE


def test_a_picture_of_nothing_said_is_drawn():
    assert said_figure(replace(VIEW, columns=(), heat=np.zeros(GRID)), dpi=40).startswith(b"\x89PNG")
