"""Whether CLS finds the object: constructed maps and masks whose answer is known."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

import prisma_engine as pe
from prisma_engine.studies.object_attention import Masked, cover, judged, masked, report, study
from studies.small import folder_of, samples_of, small
from tour_maps import every, maps_showing

LAYOUT = pe.Layout(("CLS",), (4, 6))
OBJECT = torch.arange(24) < 6


def test_cls_that_reads_the_object_finds_it_and_cls_that_shuns_it_does_not():
    finds, shuns = (every(LAYOUT).clone() for _ in range(2))
    finds[0, 0, 1:][OBJECT] *= 3
    shuns[0, 0, 1:][OBJECT] /= 3
    rows = [p / p.sum(-1, keepdim=True) for p in (finds, shuns, every(LAYOUT))]
    found = judged(maps_showing(torch.stack(rows), LAYOUT), 0, OBJECT)
    assert found[1].tolist() == [1, 0, 0.5] and torch.equal(found[2], found[1])  # all values are equally long
    assert found[0, 0] == 1  # the rollout of one layer has that layer's order


def test_the_length_of_values_counts_where_it_should():
    maps = maps_showing(torch.stack([every(LAYOUT)]), LAYOUT)
    maps.value_norm[..., 1:][..., OBJECT] = 2
    found = judged(maps, 0, OBJECT)
    assert found[:, 0].tolist() == [0.5, 0.5, 1]


def test_the_share_that_a_mask_covers():
    model = small()  # 16 × 24 pixels in patches of 4 × 4
    mask = np.zeros((16, 24), bool)
    mask[:4, :6] = True
    assert cover(model, mask).view(4, 6)[0].tolist() == [1, 0.5, 0, 0, 0, 0] and cover(model, mask).sum() == 1.5
    wide = np.zeros((32, 96), bool)  # the model sees its middle half, at half the size
    wide[:8, 24:36] = True
    assert torch.equal(cover(model, wide, (96, 32)), cover(model, mask))
    with pytest.raises(ValueError, match=r"a mask of \(24, 16\) pixels does not belong to a picture of \(24, 17\)"):
        cover(model, mask, (24, 17))


def test_pictures_without_enough_of_both_do_not_count():
    model, (one, other) = small(), samples_of(small(), 2)
    part, little = OBJECT.float(), (torch.arange(24) < 2).float()
    result = study(model, [Masked(one.x, part), Masked(other.x, little), Masked(other.x, 1 - little)], "squares")
    assert result.n_images == 1 and len(result.rollout) == 3
    expected = judged(pe.attention_maps(model, one.x), 0, OBJECT)
    assert result.weighted == pytest.approx(expected[2].tolist(), abs=1e-4)
    assert "1 squares" in report(result)
    with pytest.raises(ValueError, match="no picture has at least 3 patches"):
        study(model, [Masked(other.x, little)], "squares")


def test_a_model_without_cls_is_refused():
    with pytest.raises(ValueError, match="no CLS token"):
        study(small(prefix=(), pool="mean"), [], "squares")


def test_masks_of_a_folder_have_the_names_of_its_pictures(tmp_path):
    model, folder = small(), folder_of(tmp_path / "photos", ["a.png", "sub/b.png"])
    for name, half in (("a.png", np.s_[:8]), ("sub/b.png", np.s_[8:])):
        mask = np.zeros((16, 24), np.uint8)
        mask[half] = 2
        buffer = io.BytesIO()
        Image.fromarray(mask).save(buffer, "PNG")
        path = tmp_path / "masks" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
    first, second = masked(model, str(folder), 9, tmp_path / "masks")
    assert first.cover.tolist() == [1.0] * 12 + [0.0] * 12 and torch.equal(second.cover, 1 - first.cover)
    (tmp_path / "masks" / "a.png").unlink()
    with pytest.raises(
        ValueError, match=r"a.png has no mask that can be read: there is no readable file named 'a.png'"
    ):
        list(masked(model, str(folder), 9, tmp_path / "masks"))


def test_scenes_have_masks_and_other_pictures_need_some(tmp_path):
    model = pe.load("emoji-vit")
    (scene,) = masked(model, "emoji-scenes", 1)
    assert scene.cover.shape == (144,) and 0 < scene.cover.sum() < 144
    with pytest.raises(ValueError, match="masks are known of emoji-scenes, or of a folder"):
        list(masked(model, str(folder_of(tmp_path, ["a.png"])), 1))
