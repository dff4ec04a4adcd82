"""Attribution patching is the derivative of activation patching."""

import copy

import pytest
import torch

import prisma_engine as pe
from families import MODELS, largest, random_input, tiny_model
from prisma_engine.analysis.metrics import probability, rank
from prisma_engine.analysis.patching.activation import patch_sweep
from prisma_engine.analysis.patching.gradients import attribution_patching

every_model = pytest.mark.parametrize("name", MODELS)
SWEEPS = (
    ("blocks.*.attn.hook_z", ("layer", "head"), "all"),
    ("blocks.*.attn.hook_v", ("token", "layer", "head"), (0, 3, -1)),
    (("blocks.*.attn.hook_k", "blocks.*.attn.hook_q"), ("head", "layer"), "all"),
    ("blocks.*.attn.hook_attn_scores", ("layer",), "all"),
    ("blocks.*.hook_resid_pre", ("token", "layer"), "patches"),
    ("blocks.0.ln1.hook_scale", (), "all"),
    ("blocks.1.attn.hook_result", ("neuron",), "all"),
)


def some_metric(logits):
    return logits @ torch.arange(1.0, logits.shape[1] + 1).to(logits).mul(2.3).cos()


def pair(model, step=1.0):
    """Two images; with a small step the first is near the second."""
    like = next(model.parameters())
    corrupt, other = (random_input(model.config, 1, seed=seed).to(like) for seed in (4, 3))
    return corrupt + step * (other - corrupt), corrupt


def precise(name):
    """A tiny model in float64, in which small differences are not lost in rounding."""
    return copy.deepcopy(tiny_model(name)).double()


@every_model
def test_for_a_small_difference_the_estimate_is_the_effect(name):
    model = precise(name)
    more = () if model.config.attn_only else (("blocks.*.mlp.hook_post", ("neuron", "layer"), "all"),)
    absent = () if model.config.block_norm else ("blocks.0.ln1.hook_scale",)
    for at, by, token in (sweep for sweep in (*SWEEPS, *more) if sweep[0] not in absent):
        exact, estimate = (
            sweep(model, *pair(model, 1e-4), at, by, metric=some_metric, token=token)
            for sweep in (patch_sweep, attribution_patching)
        )
        size = largest(exact.metric - exact.corrupt)
        assert largest(estimate.metric - exact.metric) <= 0.01 * size + 1e-9, (at, by)
        assert estimate.grid == exact.grid and estimate.metric.shape == exact.metric.shape
        assert estimate.clean == pytest.approx(exact.clean, abs=1e-5)
        assert estimate.corrupt == pytest.approx(exact.corrupt, abs=1e-5)


def test_for_a_large_difference_it_is_not():
    model = tiny_model("DINOv2")
    exact, estimate = (
        sweep(model, *pair(model), "blocks.*.attn.hook_z", ("layer", "head"), metric=some_metric)
        for sweep in (patch_sweep, attribution_patching)
    )
    assert largest(estimate.metric - exact.metric) > 0.05 * largest(exact.metric - exact.corrupt)
    assert 0 < estimate.correlation(exact) < 0.9999
    assert (exact.method, estimate.method) == ("exact", "gradient")


def test_sites_in_series_are_added_as_if_each_were_alone():
    model = precise("ViT")
    at = ("blocks.0.hook_resid_pre", "blocks.1.hook_resid_pre")
    alone = attribution_patching(model, *pair(model, 1e-4), at, "layer", metric=some_metric)
    together = attribution_patching(model, *pair(model, 1e-4), at, (), metric=some_metric)
    assert largest(together.metric - together.corrupt - (alone.metric - alone.corrupt).sum()) <= 1e-9
    exact = patch_sweep(model, *pair(model, 1e-4), at, (), metric=some_metric)  # the second replaces the first
    assert largest(together.metric - together.corrupt - 2 * (exact.metric - exact.corrupt)) <= 1e-7


def test_where_the_rest_is_linear_it_is_exact_at_any_distance():
    model = tiny_model("timm ViT, no norm, no positions")
    at = ["blocks.1.hook_mlp_out", "blocks.1.mlp.hook_post", "blocks.1.hook_resid_post"]
    for point in at:
        exact, estimate = (
            sweep(model, *pair(model), point, "token", metric=some_metric)
            for sweep in (patch_sweep, attribution_patching)
        )
        assert largest(estimate.metric - exact.metric) <= 1e-4, point


def test_it_runs_where_gradients_are_off_and_leaves_none_behind():
    model = tiny_model("ViT")
    with torch.no_grad():
        sweep = attribution_patching(model, *pair(model), "*.hook_z", ("layer", "head"), metric=some_metric)
    assert not sweep.metric.requires_grad and all(p.grad is None for p in model.parameters())
    assert sweep.n_passes == 4 and sweep.is_complete


def test_directions_and_edits_around():
    model = precise("ViT")
    a, b = pair(model, 1e-4)
    noise = attribution_patching(model, a, b, "*.hook_z", "layer", metric=some_metric, direction="noise")
    exact = patch_sweep(model, a, b, "*.hook_z", "layer", metric=some_metric, direction="noise")
    assert largest(noise.metric - exact.metric) <= 0.01 * largest(exact.metric - exact.clean)
    with model.hooks({"blocks.0.hook_mlp_out": pe.scale(0.2)}):
        edited = attribution_patching(model, a, b, "*.hook_z", "layer", metric=some_metric)
        exact = patch_sweep(model, a, b, "*.hook_z", "layer", metric=some_metric)
    assert largest(edited.metric - exact.metric) <= 0.01 * largest(exact.metric - exact.corrupt)
    assert abs(edited.clean - noise.clean) > 1e-3


def test_metrics_need_a_gradient():
    model = tiny_model("ViT")
    sweep = attribution_patching(model, *pair(model), "*.hook_z", "layer", metric=probability(2))
    assert largest(sweep.metric - sweep.corrupt) > 0
    for flat in (rank(2), lambda logits: (logits > 0).float().sum(-1)):
        with pytest.raises(ValueError, match="no gradient"):
            attribution_patching(model, *pair(model), "*.hook_z", "layer", metric=flat)
    with pytest.raises(ValueError, match="one image at a time, got 2 as corrupt"):
        attribution_patching(model, pair(model)[0], random_input(model.config), "*.hook_z", "layer", metric=some_metric)
