"""The scene generator: deterministic, held-out scenes apart from training scenes, masks exact."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from prisma_engine.toy.backgrounds import backgrounds
from prisma_engine.toy.compose import EXAMPLES, Placement, render_example, render_scene
from prisma_engine.toy.emoji.recipe import load_recipe
from prisma_engine.toy.emoji_classes import EMOJI, NAMES, class_index
from prisma_engine.toy.emoji_scenes import SPLIT_STRIDE, SPLITS, sample_scenes, scene_seed, to_input

CAST = "🐱🐈🐶🐕🐩🦁🐯🐆🦌🦊🐺🚽🛁🏀🍌🍏🍎🥯🍓"


def test_classes_are_distinct_and_hold_the_cast() -> None:
    assert len(EMOJI) >= 64
    assert len(set(EMOJI)) == len(set(NAMES)) == len(EMOJI)
    assert set(CAST) <= set(EMOJI)
    assert class_index("lion") == class_index("🦁") == class_index(NAMES.index("lion"))
    with pytest.raises(ValueError, match="no emoji class 'unicorn'"):
        class_index("unicorn")


def test_same_seed_same_scenes_and_another_seed_others() -> None:
    first, again, other = (sample_scenes("train", i, 6, masks=True) for i in (3, 3, 4))
    assert torch.equal(first.images, again.images)
    assert torch.equal(first.objects, again.objects)
    assert first.masks is not None and again.masks is not None
    assert torch.equal(first.masks, again.masks)
    assert not torch.equal(first.images, other.images)


def test_asking_for_masks_does_not_change_the_scenes() -> None:
    assert torch.equal(sample_scenes("pairs", 0, 4).images, sample_scenes("pairs", 0, 4, masks=True).images)


def test_splits_never_share_a_seed() -> None:
    ranges = sorted((scene_seed(s, 0), scene_seed(s, SPLIT_STRIDE - 1)) for s in SPLITS)
    assert all(low <= high for low, high in ranges)
    assert all(a[1] < b[0] for a, b in zip(ranges, ranges[1:], strict=False))
    with pytest.raises(ValueError, match="splits are train"):
        scene_seed("test", 0)
    with pytest.raises(ValueError, match="indices from 0"):
        scene_seed("train", SPLIT_STRIDE)


def test_labels_are_the_objects() -> None:
    scenes = sample_scenes("train", 0, 32, (0.2, 0.3, 0.3, 0.2))
    for objects, labels in zip(scenes.objects, scenes.labels, strict=True):
        there = objects[objects >= 0].tolist()
        assert len(there) == len(set(there))
        assert labels.nonzero().flatten().tolist() == sorted(there)


def test_masks_never_overlap_and_background_has_none() -> None:
    scenes = sample_scenes("pairs", 1, 16, (0, 0, 1), masks=True)
    assert scenes.masks is not None
    assert int(scenes.masks.sum(1).max()) == 1
    assert bool((scenes.masks.flatten(2).sum(2)[:, :2] > 0).all())
    empty = sample_scenes("pairs", 1, 4, (1,), masks=True)
    assert empty.masks is not None and not empty.masks.any() and not empty.labels.any()


def test_mask_is_exactly_where_the_picture_changed() -> None:
    """Against the bare background: outside a lone object's soft edge nothing changes, inside its mask it does."""
    placed = Placement("soccer ball", 48, 48, 50)
    scene, bare = render_scene([placed], 3), render_scene([], 3)
    changed = (scene.image != bare.image).any(2)
    assert scene.masks.shape == (1, 96, 96) and 800 < scene.masks.sum() < 2500
    assert not (scene.masks[0] & ~changed).any()
    assert (changed & ~scene.masks[0]).sum() < 0.2 * scene.masks.sum()  # the antialiased rim, at most half covered


def test_what_is_in_front_takes_pixels_and_only_its_own() -> None:
    back, front = Placement("lion", 40, 48, 50), Placement("basketball", 60, 48, 40)
    both = render_scene([back, front], 0)
    alone_back, alone_front = (render_scene([p], 0).masks[0] for p in (back, front))
    assert np.array_equal(both.masks[1], alone_front)
    assert not (both.masks[0] & alone_front).any()
    lost = alone_back & ~both.masks[0]
    assert lost.any()
    # Whatever the lion lost is under the ball or its soft edge.
    assert not (lost & (render_scene([front], 0).image == render_scene([], 0).image).all(2)).any()
    swapped = render_scene([front, back], 0)
    assert swapped.masks[1].sum() > both.masks[0].sum()


def test_position_size_and_angle_mean_what_they_say() -> None:
    mask = render_scene([Placement("basketball", 30, 60, 40)], 0).masks[0]
    y, x = np.nonzero(mask)
    assert abs(x.mean() + 0.5 - 30) < 1 and abs(y.mean() + 0.5 - 60) < 1
    assert 34 <= np.ptp(x) <= 40
    # A quarter turn clockwise puts the giraffe's head, up and to one side, to the right.
    up, right = (render_scene([Placement("giraffe", 48, 48, 60, a)], 0).masks[0] for a in (0, 90))
    assert np.abs(np.rot90(up, -1).astype(int) - right.astype(int)).mean() < 0.02
    flipped = render_scene([Placement("giraffe", 48, 48, 60, 0, True)], 0).masks[0]
    assert np.abs(up[:, ::-1].astype(int) - flipped.astype(int)).mean() < 0.02


def test_a_larger_picture_shows_the_same_scene() -> None:
    small, large = render_example("cat-and-dog"), render_example("cat-and-dog", 384)
    shrunk = large.image.reshape(96, 4, 96, 4, 3).mean((1, 3))
    assert np.abs(shrunk - small.image).mean() < 4
    share = large.masks.reshape(-1, 96, 4, 96, 4).mean((2, 4)) > 0.5
    assert (share & small.masks).sum() / (share | small.masks).sum() > 0.97


def test_examples_are_complete_and_seen() -> None:
    assert len({e.name for e in EXAMPLES}) == len(EXAMPLES) == 5
    for example in EXAMPLES:
        scene = render_example(example.name)
        assert scene.image.shape == (96, 96, 3) and scene.image.dtype == np.uint8
        assert (scene.masks.sum((1, 2)) > 500).all()
    with pytest.raises(ValueError, match="no example 'dog-and-cat'"):
        render_example("dog-and-cat")


@pytest.mark.parametrize("bad", [Placement(0, float("nan"), 0), Placement(0, 0, 0, 0), Placement(0, 0, 0, 1e9)])
def test_impossible_placements_are_refused(bad: Placement) -> None:
    with pytest.raises(ValueError, match="finite numbers"):
        render_scene([bad], 0)


def test_off_the_picture_is_nothing() -> None:
    scene = render_scene([Placement("owl", 400, -300, 40)], 1)
    assert not scene.masks.any()
    assert np.array_equal(scene.image, render_scene([], 1).image)


def test_backgrounds_are_varied_and_in_range() -> None:
    drawn = backgrounds(torch.Generator().manual_seed(0), 40, 48)
    assert drawn.min() >= 0 and drawn.max() <= 1
    assert drawn.flatten(1).std(0).mean() > 0.15
    assert drawn.flatten(2).std(2).mean() > 0.05


def test_scenes_reach_the_model_as_its_preprocessing_would_bring_them() -> None:
    preprocess = load_recipe("emoji-vit").model.preprocess()
    images = sample_scenes("train", 0, 2).images
    pictures = [Image.fromarray(image.permute(1, 2, 0).numpy()) for image in images]
    assert torch.equal(to_input(images, preprocess), preprocess(pictures))
