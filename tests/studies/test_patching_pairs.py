"""Pairs for patching: how they are prepared, which patches are hidden, and that they are the page's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import prisma_engine as pe
from prisma_engine.preprocess import Preprocess, prepared
from prisma_engine.studies.patching_pairs import (
    CAT,
    OPENING,
    boxed,
    hidden_patches,
    photo_pairs,
    scene_pairs,
    with_hidden,
)
from studies.small import small


def noise(height: int = 16, width: int = 24) -> np.ndarray:
    return np.random.default_rng(0).integers(60, 256, (height, width, 3), dtype=np.uint8)


def test_the_tutorial_squashes_and_does_not_normalise():
    own = Preprocess(8, 8, (0.5,) * 3, (0.5,) * 3, crop_pct=0.9)
    picture = Image.fromarray(noise(16, 24))
    x = prepared(own, "tutorial")(picture)
    squashed = np.asarray(picture.resize((8, 8), Image.Resampling.BILINEAR))
    assert torch.equal(x[0], torch.from_numpy(squashed.copy()).permute(2, 0, 1) / 255)
    assert prepared(own, "checkpoint") is own and not torch.equal(own(picture), x)
    with pytest.raises(ValueError, match="prepared as checkpoint or tutorial, got 'any'"):
        prepared(own, "any")


def test_the_opening_is_the_page_s():
    from apps.cat_dog_patching.first import opening

    placements, background = OPENING
    shown = opening().image
    assert shown is not None
    assert np.array_equal(np.asarray(shown), with_hidden(placements, background, CAT)[0])


def test_a_box_hides_a_mask_and_nothing_else():
    image, mask = noise(), np.zeros((16, 24), bool)
    mask[4, 5] = mask[9, 20] = True
    out = boxed(image, mask)
    assert not out[4:10, 5:21].any()
    out[4:10, 5:21] = image[4:10, 5:21]
    assert np.array_equal(out, image)


def test_hidden_patches_are_those_of_the_box():
    model, image = small(), noise()  # 4 × 6 patches of 4 × 4 pixels
    other = image.copy()
    other[4:12, 8:20] = 0
    assert hidden_patches(model, image, other) == (8, 9, 10, 14, 15, 16)
    assert hidden_patches(model, image, image) == ()
    image[4:8, 12:16] = 0  # black before, so that it does not differ; and noise as of a JPEG
    assert hidden_patches(model, image, other) == (8, 9, 10, 14, 15, 16)
    assert hidden_patches(model, image, np.clip(image.astype(int) + 9, 0, 255).astype(np.uint8)) == ()


def test_scenes_are_three_pairs_of_the_same_answers():
    model = pe.load("emoji-vit")
    pairs = list(scene_pairs(model))
    assert len(pairs) == 3 and {pair.answers for pair in pairs} == {("cat face", "dog face")}
    assert all(pair.hidden and pair.clean.shape == (1, 3, 96, 96) for pair in pairs)
    assert model(pairs[2].clean).argmax() != model(pairs[2].corrupt).argmax()


def test_photos_come_in_both_preparations(tmp_path):
    image, other = noise(), noise()
    other[:8] = 0
    for name, pixels in (("clean", image), ("other", other)):
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    found = list(photo_pairs(small(), tmp_path / "clean.png", [tmp_path / "other.png"], ("cat", "dog")))
    assert [(pair.name, pair.preparation) for pair in found] == [
        ("clean with other", "checkpoint"),
        ("clean with other", "tutorial"),
    ]
    assert found[0].hidden == tuple(range(12))
    assert not torch.equal(found[0].clean, found[1].clean)
