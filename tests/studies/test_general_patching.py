"""Chosen heads over many pairs: rates, controls, and where the pairs come from."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import prisma_engine as pe
from prisma_engine.labels import vocabulary
from prisma_engine.preprocess import Preprocess
from prisma_engine.studies import general_patching
from prisma_engine.studies.flip_rates import Trial, outcome, pools, rate
from prisma_engine.studies.general_patching import report, study
from prisma_engine.studies.patching_trials import (
    CATS,
    DOGS,
    animal_scenes,
    cat_odds,
    drawn_photos,
    photo_trials,
    scene_trials,
    side_by_side,
)
from studies.small import balanced, samples_of, small

EVERY = tuple(f"L{layer}H{head}" for layer in range(3) for head in range(2))


def trial(model: pe.HookedViT, n: int = 12) -> Trial:
    x = torch.cat([sample.x for sample in samples_of(model, 2 * n)])
    return Trial(
        "random", x[:n], x[n:], lambda logits: logits[..., 0] - logits[..., 1], lambda v: v[..., 0] > v[..., 1]
    )


def test_a_rate_counts_what_one_forward_pass_for_each_patch_says():
    model, chosen = balanced(small()), [("L2H1",), ("L1H0", "L2H1")]
    asked = trial(model)
    found = outcome(model, asked, chosen)
    before, wanted = asked.metric(model(asked.target)), asked.metric(model(asked.source))
    usable = (before <= 0) & (wanted > 0)
    assert found.n == int(usable.sum()) > 1 and found.n_tried == 12
    cache = model.run_with_cache(asked.source, ["blocks.*.attn.hook_z"])[1]
    edits = {
        f"blocks.{layer}.attn.hook_z": pe.replace(cache["z", layer][:, :1, head : head + 1], head=head, token="cls")
        for layer, head in ((1, 0), (2, 1))
    }
    after = asked.metric(model.run_with_hooks(asked.target, edits))[usable]
    assert found.chosen[1].flips == int((after > 0).sum())
    moved = (after - before[usable]) / (wanted - before)[usable]
    assert found.chosen[1].moved == pytest.approx(float(moved.mean()), abs=1e-3)
    assert found.before < 0 < found.source


def test_where_nothing_can_flip_it_is_said():
    model = small()
    asked = trial(model)
    with pytest.raises(ValueError, match="so none can flip"):
        outcome(model, Trial("same", asked.target, asked.target, asked.metric, asked.flipped), [("L0H0",)])


def test_controls_are_other_sets_of_the_same_size():
    model = small()  # 3 layers of 2 heads; the last is late
    found = {name: (whole, sets) for name, whole, sets in pools(model, ("L2H1", "L1H0"))}
    assert found["any layer"][0] and len(found["any layer"][1]) == 14
    assert found["late layers"] == (True, [("L2H0", "L2H1")])
    assert set(found["same layers"][1]) == {("L1H0", "L2H0"), ("L1H1", "L2H0"), ("L1H1", "L2H1")}
    for _, sets in found.values():
        assert ("L1H0", "L2H1") not in sets and all(set(heads) <= set(EVERY) for heads in sets)
    whole, drawn = dict((name, rest) for name, *rest in pools(model, ("L0H0", "L1H0", "L2H0"), most=3))["any layer"]
    assert not whole and len(set(drawn)) == 12 and ("L0H0", "L1H0", "L2H0") not in drawn


def test_a_single_pair_has_no_interval_of_a_mean():
    one = rate(("L0H0",), torch.tensor([True]), torch.tensor([0.5]))
    assert one.flips == 1 and one.moved == 0.5 and one.moved_interval is None
    two = rate(("L0H0",), torch.tensor([True, False]), torch.tensor([0.4, 0.6]))
    assert two.flips_interval == (0.0945, 0.9055) and two.moved_interval == (0.304, 0.696)


def test_new_scenes_are_the_same_for_the_same_seed_and_do_not_overlap():
    one, same, other = animal_scenes(5, 1), animal_scenes(5, 1), animal_scenes(5, 2)
    assert one == same and one != other
    for scene in one:
        assert {placed.kind for placed in scene.placements} == {"cat face", "dog face"}
        both, hidden = scene.without("cat face")
        assert (both != hidden).any() and not np.array_equal(scene.alone("cat face"), both)


def test_scene_trials_ask_for_the_other_animal():
    model = pe.load("emoji-vit")
    trials = list(scene_trials(model, 2, seed=7))
    assert len(trials) == 6 and all(t.target.shape == t.source.shape == (2, 3, 96, 96) for t in trials)
    first = trials[0]
    assert not first.flipped(model(first.target)).any() and first.flipped(model(first.source)).all()
    assert (first.metric(model(first.source)) > 0).all()


def test_cat_odds_are_the_log_of_two_sums():
    p = torch.rand(2, 1000).softmax(-1)
    expected = (p[:, CATS].sum(-1) / p[:, DOGS].sum(-1)).log()
    torch.testing.assert_close(cat_odds(p.log()), expected)


def test_side_by_side_hides_the_dog():
    preprocess = Preprocess(8, 8, (0.0,) * 3, (1.0,) * 3)
    cats, dogs = ([Image.new("RGB", (20, 10), shade)] * 2 for shade in ("#ffffff", "#808080"))
    (both, one), (second, _) = side_by_side(preprocess, cats, dogs)
    assert both[:, :, :4].eq(1).all() and both[:, :, 4:].lt(0.6).all() and one[:, :, 4:].eq(0).all()
    assert one[:, :, :4].eq(1).all() and second[:, :, 4:].eq(1).all()


def photos(folder: Path, n: int) -> Path:
    folder.mkdir()
    for i in range(n):
        pixels = np.random.default_rng(i).integers(0, 256, (16, 24, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return folder


def test_photos_are_tried_in_both_preparations(tmp_path):
    model = small(n_classes=1000)
    model.vocabulary = vocabulary([str(i) for i in range(1000)], id="imagenet1k")
    cats, dogs = photos(tmp_path / "cats", 4), photos(tmp_path / "dogs", 4)
    trials = list(photo_trials(model, cats, dogs, 3, seed=0, known=[cats / "0.png", dogs / "0.png"]))
    assert [t.name for t in trials[:4]] == [
        "checkpoint: 0, heads of 0",
        "checkpoint: dog photo, heads of a cat photo",
        "checkpoint: cat photo, heads of a dog photo",
        "checkpoint: side by side, heads with the dog hidden",
    ]
    assert len(trials) == 8 and [len(t.target) for t in trials[:4]] == [1, 3, 3, 3]
    assert torch.equal(trials[1].target, trials[2].source)
    logits = model(trials[1].target)
    assert torch.equal(trials[1].metric(logits), -trials[2].metric(logits))
    (cats / "broken.png").write_bytes(b"no picture")
    assert len(drawn_photos(cats, 99, 0)) == 4


def test_a_model_without_cats_and_dogs_is_refused(tmp_path):
    with pytest.raises(ValueError, match="does not name ImageNet's cats and dogs"):
        next(photo_trials(small(), tmp_path, tmp_path, 1, 0))


def test_a_study_says_which_heads_and_controls():
    model = balanced(small())
    said = report(study(model, [trial(model)], [("L2H1",)], seed=0))
    assert "L2H1" in said and "all, any layer" in said and "of 12 pairs" in said
    with pytest.raises(ValueError, match="has 3 layers of 2 heads, so no L3H0"):
        study(model, [], [("L3H0",)], seed=0)
    with pytest.raises(ValueError, match="such as L1H0, got 'first'"):
        study(model, [], [("first",)], seed=0)


def test_the_command_prints_and_writes(tmp_path, monkeypatch, capsys):
    out = tmp_path / "numbers"
    monkeypatch.setattr(sys, "argv", ["x", "emoji-vit", "L4H0,L4H2", "--n", "2", "--most", "4", "--out", str(out)])
    monkeypatch.setattr(general_patching, "scene_trials", lambda *given: list(scene_trials(*given))[:1])
    general_patching.main()
    written = json.loads(out.read_text(encoding="utf-8"))
    assert written["model"] == "emoji-vit" and written["outcomes"][0]["n"] == 2
    assert "dog alone, heads of the cat alone: 2 of 2 pairs" in capsys.readouterr().out
    monkeypatch.setattr(sys, "argv", ["x", "emoji-vit", "L4H0", "--cats", "nowhere"])
    with pytest.raises(SystemExit):
        general_patching.main()
    assert "give both --cats and --dogs, or neither" in capsys.readouterr().err
