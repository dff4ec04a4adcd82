"""Hiding part of a picture: exactly the pixels of the shapes change, and text and JSON give the same shapes back."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from apps.cat_dog_patching.corrupting import (
    FILLS,
    Hidden,
    around,
    box,
    hide,
    mask_of,
    read_shapes,
    shapes_from_text,
)

STROKE = {"kind": "stroke", "r": 0.1, "points": [[0.2, 0.5], [0.8, 0.5]]}


@pytest.fixture(scope="module")
def picture() -> Image.Image:
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 60, 3), dtype=np.uint8))


@pytest.mark.parametrize("fill", FILLS)
def test_only_what_is_hidden_changes(picture: Image.Image, fill: str):
    shapes = (box(0.25, 0.25, 0.5, 0.5),)
    before, after = np.asarray(picture), np.asarray(hide(picture, shapes, fill))
    mask = mask_of(shapes, before.shape[:2])
    assert mask.sum() == 10 * 15
    np.testing.assert_array_equal(after[~mask], before[~mask])
    assert (after[mask] != before[mask]).any(1).mean() > 0.9
    np.testing.assert_array_equal(after, np.asarray(hide(picture, shapes, fill)))  # the same noise each time


def test_what_it_is_filled_with(picture: Image.Image):
    whole = [box(0, 0, 1, 1)]
    assert not np.asarray(hide(picture, whole, "black")).any()
    mean = np.asarray(picture).mean((0, 1)).round()
    np.testing.assert_array_equal(np.asarray(hide(picture, whole, "mean")), np.broadcast_to(mean, (40, 60, 3)))
    blurred = np.asarray(hide(picture, whole, "blur")).astype(float)
    assert blurred.std() < 0.3 * np.asarray(picture).astype(float).std()
    assert np.asarray(hide(picture, whole, "noise")).std() > 60
    with pytest.raises(ValueError, match="filled with one of black, blur, mean, noise; got 'paint'"):
        hide(picture, whole, "paint")


def test_nothing_hidden_changes_nothing(picture: Image.Image):
    np.testing.assert_array_equal(np.asarray(hide(picture, [])), np.asarray(picture))


def test_a_grey_picture_stays_grey(picture: Image.Image):
    assert hide(picture.convert("L"), [box(0, 0, 0.5, 1)], "mean").mode == "L"


def test_a_stroke_is_round_and_as_wide_as_it_says():
    (stroke,) = read_shapes([STROKE])
    mask = mask_of([stroke], (100, 100))
    assert mask[50, 20:80].all() and mask[41:59, 50].all() and not mask[38, 50] and not mask[62, 50]
    assert mask[50, 11] and not mask[50, 8] and not mask[42, 12]  # a round end
    (dot,) = read_shapes([{"kind": "stroke", "r": 0.1, "points": [[0.5, 0.5]]}])
    assert abs(mask_of([dot], (100, 100)).sum() - np.pi * 100) < 15


def test_text_and_json_give_the_same_shapes_back():
    shapes = read_shapes([{"kind": "box", "x0": 0.5, "y0": 1, "x1": 0.1234, "y1": 0}, STROKE])
    hidden = Hidden(shapes, "blur")
    assert hidden.text == "b.123.0.500.1000_s.100.200.500.800.500"
    assert shapes_from_text(hidden.text) == shapes == read_shapes([shape.as_dict for shape in shapes])
    assert shapes_from_text("") == ()


def test_a_box_around_a_mask_holds_it():
    mask = np.zeros((96, 96), bool)
    mask[10:20, 30:75] = True
    np.testing.assert_array_equal(mask_of([around(mask)], (96, 96)), mask)
    with pytest.raises(ValueError, match="nothing to put a box around"):
        around(~np.ones((4, 4), bool))


@pytest.mark.parametrize(
    "data",
    [
        "box",
        [1],
        [{"kind": "circle"}],
        [{"kind": "box", "x0": 0, "y0": 0, "x1": "1", "y1": 1}],
        [{"kind": "box", "x0": 0, "y0": 0, "x1": 7, "y1": 1}],
        [{"kind": "stroke", "r": 0.1, "points": []}],
        [{**STROKE, "points": [[0.5]]}],
        [STROKE] * 41,
        [{**STROKE, "points": [[0.5, 0.5]] * 401}],
        [{**STROKE, "points": [[0.5, 0.5]] * 300}] * 2,
        [{"kind": "box", "x0": float("nan"), "y0": 0, "x1": 1, "y1": 1}],
    ],
)
def test_anything_else_is_refused_in_one_sentence(data: object):
    with pytest.raises(ValueError) as refusal:
        read_shapes(data)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["x.1.2.3.4", "b.1.2.3", "b.1.2.3.4.5", "b.0.0.0.1001", "s.1.2", "s.1.2.3.4", "b.-1.0.0.0"]
)
def test_text_that_is_no_list_of_shapes_is_refused(text: str):
    with pytest.raises(ValueError):
        shapes_from_text(text)
