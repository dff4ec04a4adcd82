"""Ablation sweeps are hooked passes with zeros, means or another image's values."""

import pytest
import torch

import prisma_engine as pe
from families import MODELS, largest, random_input, tiny_model
from prisma_engine.analysis.patching.ablation import ablation_sweep, ablation_sweep_steps, mean_activations
from prisma_engine.analysis.patching.activation import patch_sweep

every_model = pytest.mark.parametrize("name", MODELS)
Z = "blocks.*.attn.hook_z"


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


def some_metric(logits):
    return logits @ torch.arange(1.0, logits.shape[1] + 1).mul(2.3).cos()


def setup(name):
    model = tiny_model(name)
    return model, random_input(model.config, 1, seed=3), random_input(model.config, 5, seed=4)


def by_hand(model, x, edit):
    """[layer head] with an edit at each head's z."""
    c = model.config
    rows = [
        [some_metric(model.run_with_hooks(x, {f"blocks.{i}.attn.hook_z": edit(i, h)}))[0] for h in range(c.n_heads)]
        for i in range(c.n_layers)
    ]
    return torch.tensor(rows)


@every_model
def test_zero(name):
    model, x, _ = setup(name)
    sweep = ablation_sweep(model, x, Z, ("layer", "head"), metric=some_metric)
    assert largest(sweep.metric - by_hand(model, x, lambda i, h: pe.zero(head=h))) <= 1e-4
    assert largest(sweep.change - (sweep.metric - some_metric(model(x)))) <= 1e-5
    assert largest(sweep.change) > 1e-3 and sweep.kind == "zero"


@every_model
def test_mean_and_resample(name):
    model, x, reference = setup(name)
    _, cache = model.run_with_cache(reference, Z)
    mean = ablation_sweep(model, x, Z, ("layer", "head"), metric=some_metric, kind="mean", reference=reference)
    expected = by_hand(model, x, lambda i, h: pe.replace(cache["z", i].mean(0, keepdim=True), head=h))
    assert largest(mean.metric - expected) <= 1e-4
    each = [by_hand(model, x, lambda i, h, n=n: pe.replace(cache["z", i][[n]], head=h)) for n in range(5)]
    draws = ablation_sweep(model, x, Z, ("layer", "head"), metric=some_metric, kind="resample", reference=reference)
    assert largest(draws.metric - torch.stack(each).mean(0)) <= 1e-4
    zero = ablation_sweep(model, x, Z, ("layer", "head"), metric=some_metric)
    assert min(largest(a.metric - b.metric) for a, b in [(zero, mean), (mean, draws), (draws, zero)]) > 1e-6


def test_one_other_image_is_noising():
    model, x, reference = setup("DINOv2")
    ablated = ablation_sweep(model, x, Z, "layer", metric=some_metric, kind="resample", reference=reference[:1])
    noised = patch_sweep(model, x, reference[:1], Z, "layer", metric=some_metric, direction="noise")
    assert largest(ablated.metric - noised.metric) <= 1e-5 and ablated.intact == pytest.approx(noised.clean)


def test_its_own_values_change_nothing():
    model, x, _ = setup("ViT")
    for kind in ("mean", "resample"):
        own = ablation_sweep(model, x, Z, ("layer", "head"), metric=some_metric, kind=kind, reference=x)
        assert largest(own.change) <= 1e-5


def test_a_mean_is_of_all_images_however_they_come():
    model, _, reference = setup("timm SigLIP")
    _, cache = model.run_with_cache(reference)
    for images in (reference, reference.split(2), (image[None] for image in reference)):
        means = mean_activations(model, images)
        assert set(means) == set(model.hook_points)
        for name, mean in means.items():
            assert largest(mean - cache[name].mean(0, keepdim=True)) <= 1e-4, name
    some = mean_activations(model, reference[:2], "*.hook_z")
    assert set(some) == {"blocks.0.attn.hook_z", "blocks.1.attn.hook_z"}
    assert largest(some["blocks.1.attn.hook_z"] - means["blocks.1.attn.hook_z"]) > 1e-3
    with pytest.raises(ValueError, match="at least one image"):
        mean_activations(model, [])


def test_results_arrive_as_they_come_and_resampling_goes_on_averaging():
    model, x, reference = setup("ViT")
    options = {"metric": some_metric, "kind": "resample", "reference": reference[:3], "chunk": 1}
    steps = list(ablation_sweep_steps(model, x, Z, "layer", **options))
    assert [step.n_done for step in steps] == [0, 1, 2, 2, 2, 2, 2, 2, 2]
    singles = [
        ablation_sweep(model, x, Z, "layer", metric=some_metric, kind="resample", reference=reference[[n]]).metric
        for n in range(3)
    ]
    for n in range(3):
        assert largest(steps[3 * n + 2].metric - torch.stack(singles[: n + 1]).mean(0)) <= 1e-5
    seen = []
    stopped = ablation_sweep(model, x, Z, "layer", **options, progress=seen.append, stop=lambda: len(seen) > 2)
    assert len(seen) == 3 and largest(stopped.metric - singles[0]) <= 1e-5


BAD = {
    "'zero', 'mean' or 'resample'": {"kind": "noise"},
    "mean ablation takes its values from other images": {"kind": "mean"},
    "resample ablation takes": {"kind": "resample"},
}


@pytest.mark.parametrize("sentence", BAD)
def test_errors_say_what_is_missing(sentence):
    model, x, _ = setup("ViT")
    with pytest.raises(ValueError, match=sentence):
        ablation_sweep(model, x, Z, "layer", metric=some_metric, **BAD[sentence])
