"""Is it general? Intervals are right, controls are random, what cannot flip is left out, failures come first."""

from __future__ import annotations

import io
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import prisma_engine as pe
from apps.cat_dog_patching.analysis import PairResult
from apps.cat_dog_patching.cases import hidden_class, picture_cases, scene_cases, scenes_said
from apps.cat_dog_patching.general import (
    General,
    Outcome,
    control_chips,
    general_steps,
    mean_interval,
    share_interval,
)
from apps.cat_dog_patching.handlers import PairDesk
from apps.cat_dog_patching.places import Chip
from apps.cat_dog_patching.plan import Plan
from apps.common import pictures
from prisma_engine.toy.emoji_scenes import sample_scenes, to_input

HEADS = (Chip("z", 3, 1, "cls"), Chip("z", 4, 2, "cls"))
EVERYTHING = (Chip("resid_pre", 0, None, "all"),)
NOTHING_MUCH = (Chip("z", 0, 0, "cls"),)


@pytest.fixture(scope="module")
def model() -> pe.HookedViT:
    return pe.load("emoji-vit")


def tried(model: pe.HookedViT, pair: PairResult, chips: tuple[Chip, ...], n: int = 12, **more: object) -> General:
    *_, last = general_steps(model, pair, chips, scene_cases(model, pair), n, "scenes", **more)  # type: ignore[arg-type]
    return last


def test_the_whole_stream_flips_every_pair_and_one_early_head_none(model: pe.HookedViT, pair: PairResult):
    every, none = tried(model, pair, EVERYTHING), tried(model, pair, NOTHING_MUCH)
    assert every.done == none.done == 12 and every.state == "done" and every.n_skipped == none.n_skipped > 0
    assert every.outcome.rate.value == 1 and not every.failures
    np.testing.assert_allclose(every.outcome.effects, 1, atol=1e-3)
    assert none.outcome.rate.value == 0 and len(none.failures) == 12 and abs(none.outcome.effect.value) < 0.1


def test_the_two_heads_carry_most_of_the_way_where_random_ones_carry_nothing(model: pe.HookedViT, pair: PairResult):
    found = tried(model, pair, HEADS, 20)
    assert found.outcome.effect.low > 0.8 and abs(found.control.effect.value) < 0.2
    assert found.outcome.rate.value > 0 and found.control.rate.value < found.outcome.rate.value
    after = [failure.metric_after for failure in found.failures]
    assert after == sorted(after) and all(value <= 0 for value in after)
    assert Image.open(io.BytesIO(found.failures[0].png)).size == (196, 96)


def test_each_scene_s_second_version_hides_one_object_in_the_same_way(model: pe.HookedViT, pair: PairResult):
    for case in islice(scene_cases(model, pair), 5):
        first, second = np.asarray(case.picture), np.asarray(case.second)
        hidden = (first != second).any(2)
        assert hidden.any() and not second[hidden].any() and hidden.mean() < 0.7
    assert "a box around the cat face filled with black" in scenes_said(pair, 5)
    again = [case.title for case in islice(scene_cases(model, pair), 5)]
    assert len(set(again)) == 5


def test_the_scenes_show_what_they_are_asked_for(model: pe.HookedViT):
    drawn = sample_scenes("pairs", 1, 4, masks=True, classes=(2, 0))
    assert drawn.objects.tolist() == [[2, 0, -1]] * 4
    assert to_input(drawn.images, model.preprocess).shape == (4, 3, 96, 96)  # type: ignore[arg-type]
    free = sample_scenes("pairs", 1, 4, masks=True)
    assert (free.objects[:, :2] != drawn.objects[:, :2]).any()


def test_it_can_be_stopped_between_batches(model: pe.HookedViT, pair: PairResult):
    found = tried(model, pair, HEADS, 40, stop=lambda: True)
    assert found.state == "stopped" and found.done == 0
    assert found.as_dict(pair, "")["flip"] == {"rate": None, "low": None, "high": None}


def test_nothing_to_try_is_a_sentence(model: pe.HookedViT, pair: PairResult):
    with pytest.raises(ValueError, match="nothing to try yet"):
        tried(model, pair, ())


def test_pictures_from_outside_are_paired_by_what_the_model_calls_them(
    model: pe.HookedViT, pair: PairResult, tmp_path: Path
):
    for number, classes in enumerate([(0,), (0,), (2,), (0,), (2,), (2,)]):
        image = sample_scenes("pairs", number, 1, classes=classes).images[0].permute(1, 2, 0).numpy()
        Image.fromarray(np.ascontiguousarray(image)).save(tmp_path / f"{number}.png")
    (tmp_path / "6.png").write_bytes(b"no picture")
    pictures = [(path.name, path) for path in sorted(tmp_path.iterdir())]
    titles = [case.title for case in picture_cases(model, pair, pictures)]
    assert titles == ["0.png with 2.png", "1.png with 4.png", "3.png with 5.png"]


def test_the_control_is_as_many_other_heads(pair: PairResult):
    generator = np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        drawn = control_chips(HEADS, pair.extent, generator)
        assert len(set(drawn)) == 2 and not set(drawn) & set(HEADS)
        assert all((chip.site, chip.token) == ("z", "cls") for chip in drawn)
        seen |= set(drawn)
    assert {(chip.layer, chip.head) for chip in seen} == {(3, h) for h in (0, 2, 3)} | {(4, h) for h in (0, 1, 3)}


def test_where_a_layer_has_no_other_head_another_layer_stands_in(pair: PairResult):
    layer = tuple(Chip("z", 4, head, "cls") for head in range(4))
    drawn = control_chips(layer, pair.extent, np.random.default_rng(0))
    assert len(set(drawn)) == 4 and all(chip.layer != 4 for chip in drawn)
    stream = control_chips((Chip("resid_pre", 2, None, "all"),), pair.extent, np.random.default_rng(0))
    assert stream[0].layer != 2 and stream[0].head is None


def test_swapped_scenes_are_patched_the_other_way_round(pair_desk: PairDesk, model: pe.HookedViT):
    plan = Plan(swap=True)
    result = pair_desk.run(pictures.example("cat-and-dog"), "emoji-vit", variant=plan.text)
    assert result.corrupt.top[0].name == "dog face" and result.clean.top[0].name == "cat face"
    assert hidden_class(result) == 2  # the dog
    for case in islice(scene_cases(model, result), 3):
        hidden = (np.asarray(case.picture) != np.asarray(case.second)).any(2)
        assert not np.asarray(case.picture)[hidden].any()  # what is put in comes from the picture with the dog hidden
    found = tried(model, result, (Chip("z", 4, 0, "cls"),), 16)
    assert found.outcome.rate.value > 0.9 and found.control.rate.value < found.outcome.rate.value


def test_intervals():
    wilson = share_interval(3, 10)
    assert (wilson.value, round(wilson.low, 3), round(wilson.high, 3)) == (0.3, 0.108, 0.603)
    assert np.isnan(share_interval(0, 0).value) and np.isnan(mean_interval(()).low)
    values = tuple(np.random.default_rng(1).normal(0.5, 0.2, 100))
    found = mean_interval(values)
    half = 1.96 * np.std(values) / 10
    assert found.low == pytest.approx(found.value - half, abs=0.01)
    assert found.high == pytest.approx(found.value + half, abs=0.01)
    assert mean_interval(values) == found
    assert Outcome().plus([True], [0.7]).rate.value == 1
