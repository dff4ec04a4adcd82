"""Corners: constructed attention and streams whose numbers are known, and interventions that do what they say."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

import prisma_engine as pe
from prisma_engine.analysis.attention import layout_of
from prisma_engine.studies.corner_tokens import (
    Sums,
    corner_patches,
    inner_patches,
    masses,
    plans,
    report,
    steepest,
    study,
)
from prisma_engine.studies.samples import Sample
from studies.small import samples_of, small
from tour_maps import every, maps_showing, pattern_of

LAYOUT = pe.Layout(("CLS",), (4, 6))
CORNERS = [0, 5, 18, 23]


def test_which_patches_are_meant():
    assert corner_patches(LAYOUT) == CORNERS
    assert inner_patches(pe.Layout((), (14, 14))) == [4 * 14 + 4, 4 * 14 + 9, 9 * 14 + 4, 9 * 14 + 9]
    assert inner_patches(LAYOUT) == [6 + 2, 6 + 3, 12 + 2, 12 + 3]
    with pytest.raises(ValueError, match="3×8 patches has no four patches inside"):
        inner_patches(pe.Layout((), (3, 8)))


def test_the_steepest_growth_is_found_and_the_last_layer_does_not_count():
    assert steepest(torch.tensor([1, 1.1, 1.0, 40, 38, 900.0])) == 3
    assert steepest(torch.tensor([1.0, 0.9, 2.0, 2.1])) == 2
    assert steepest(torch.tensor([1.0, 2.0])) == 0


def test_mass_of_a_head_that_reads_corners_and_of_one_that_reads_all():
    reads = pattern_of(LAYOUT, lambda i, j: j in CORNERS)
    maps = maps_showing(torch.stack([torch.cat([reads, every(LAYOUT)])]), LAYOUT)
    found = masses(maps, CORNERS)
    assert found["mass"][0].tolist() == pytest.approx([1, 4 / 25], abs=1e-5)
    assert found["cls_mass"][0].tolist() == pytest.approx([4 / 25, 4 / 25], abs=1e-5)
    assert found["value_ratio"][0].tolist() == [1, 1]
    assert torch.allclose(found["weighted_mass"], found["mass"])


def test_short_values_move_little():
    maps = maps_showing(torch.stack([every(LAYOUT)]), LAYOUT)
    lengths = torch.ones(1, 1, 25)
    lengths[..., [1 + corner for corner in CORNERS]] = 0.5
    found = masses(replace(maps, value_norm=lengths), CORNERS)
    assert found["value_ratio"].item() == 0.5
    assert found["weighted_mass"].item() == pytest.approx(2 / 23)
    assert found["mass"].item() == pytest.approx(4 / 25)


def test_without_cls_there_is_no_mass_of_cls():
    layout = pe.Layout((), (4, 6))
    found = masses(maps_showing(torch.stack([every(layout)]), layout), CORNERS)
    assert found["cls_mass"].isnan().all() and found["mass"].item() == pytest.approx(4 / 24)


def test_likeness_is_the_mean_cosine_of_two_different_pictures():
    model = small()
    corners, inner = corner_patches(LAYOUT), inner_patches(LAYOUT)
    sums, samples = Sums(model, corners, inner), samples_of(model, 4)
    for sample in samples:
        sums.add(sample)
    streams = [model.run_with_cache(s.x, names="*.hook_resid_post")[1]["resid_post", 1][0, 1:] for s in samples]
    unit = torch.stack([stream / stream.norm(dim=-1, keepdim=True) for stream in streams])[:, corners]
    cosines = [unit[i, c] @ unit[j, c] for i in range(4) for j in range(4) for c in range(4) if i != j]
    assert sums.likeness(corners)[1].item() == pytest.approx(torch.stack(cosines).mean().item(), abs=1e-5)
    assert sums.norms[1, 0].item() == pytest.approx(torch.stack(streams)[:, 0].norm(dim=-1).mean().item(), rel=1e-5)
    one = Sums(model, corners, inner)
    one.add(samples[0])
    assert one.likeness(corners).isnan().all()
    again = Sums(model, corners, inner)
    for _ in range(3):
        again.add(samples[0])
    assert again.likeness(corners).tolist() == pytest.approx([1] * 3)


@pytest.fixture
def made() -> tuple[pe.HookedViT, list[Sample], dict]:
    model = small()
    samples, sums = samples_of(model, 5), Sums(model, CORNERS, inner_patches(LAYOUT))
    for sample in samples:
        sums.add(sample)
    return model, samples, plans(model, sums, 2)


def test_hidden_corners_are_read_by_nobody_from_that_layer_on(made):
    model, samples, interventions = made
    tokens = [1 + corner for corner in CORNERS]
    _, cache = model.run_with_cache(samples[0].x, names="*.hook_pattern", edits=interventions["corners hidden"])
    assert (cache["pattern", 2][..., tokens] == 0).all() and (cache["pattern", 1][..., tokens] > 0).all()


def test_frozen_corners_are_the_same_on_every_picture_and_only_they(made):
    model, samples, interventions = made
    x = torch.cat([s.x for s in samples])
    names = ["blocks.1.hook_resid_post", "blocks.2.hook_resid_pre"]
    frozen, plain = (model.run_with_cache(x, names=names, edits=e)[1] for e in (interventions["corners frozen"], {}))
    assert layout_of(model) == LAYOUT
    tokens = [1 + corner for corner in CORNERS]
    others = [t for t in range(25) if t not in tokens]
    entering = frozen["resid_pre", 2]
    assert torch.allclose(entering[:, tokens], plain["resid_pre", 2][:, tokens].mean(0).expand(5, -1, -1), atol=1e-5)
    assert torch.equal(entering[:, others], plain["resid_pre", 2][:, others])


def test_the_study_says_what_it_measured():
    model = small()
    result = study(model, samples_of(model, 6, classes=(2,)), "squares", from_layer=1)
    assert (result.n_images, result.grid, result.from_layer) == (6, (4, 6), 1)
    assert [o.plan for o in result.answers] == [
        "as it is", "corners hidden", "corners frozen", "inner four hidden", "inner four frozen"
    ]  # fmt: skip
    assert result.answers[0].same == 1.0
    norms = torch.tensor(result.norm_map)
    assert result.corner_norm == pytest.approx(norms[:, CORNERS].mean(1).tolist(), abs=0.01)
    assert result.other_norm == pytest.approx((norms.sum(1) - norms[:, CORNERS].sum(1)).div(20).tolist(), abs=0.01)
    assert result.exchanged_mass != result.mass
    assert "from layer 1 on" in report(result) and math.isfinite(result.corner_likeness[0])


def test_what_cannot_be_studied_is_refused():
    model = small()
    for layer in (0, 3):
        with pytest.raises(ValueError, match=f"start in a layer from 1 to 2, got {layer}"):
            study(model, samples_of(model, 2), "squares", from_layer=layer)
    with pytest.raises(ValueError, match="at least one picture"):
        study(model, [], "squares")


def test_the_corners_of_emoji_vit_are_no_sinks():
    model = pe.load("emoji-vit")
    from prisma_engine.studies.samples import Samples

    result = study(model, list(Samples(model, n=6)), "emoji scenes")
    assert max(a / b for a, b in zip(result.corner_norm, result.other_norm, strict=True)) < 2
    assert max(max(layer) for layer in result.mass) < 0.2
