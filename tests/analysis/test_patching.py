"""Patches are what one hooked forward pass for each of them says, on every family, and what follows from that."""

import threading
from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import prisma_engine as pe
from families import MODELS, largest, random_input, tiny_model
from prisma_engine.analysis.patching.activation import apply_patches, patch_sweep, patch_sweep_steps
from prisma_engine.analysis.patching.resume import TargetRun
from prisma_engine.analysis.patching.sites import Site, site_grid

every_model = pytest.mark.parametrize("name", MODELS)
Z = "blocks.*.attn.hook_z"


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


def pair(model):
    return random_input(model.config, 1, seed=3), random_input(model.config, 1, seed=4)


def some_metric(logits):
    """All logits count, each differently."""
    return logits @ torch.arange(1.0, logits.shape[1] + 1).mul(2.3).cos()


def one_by_one(model, target, source, sets):
    """What patching means: an ordinary forward pass for each set of sites."""
    _, cache = model.run_with_cache(source)
    runs = []
    for sites in sets:
        edits = {}
        for site in sites:
            edits.setdefault(site.point, []).append(pe.replace(cache[site.point], **site.where))
        runs.append(model.run_with_hooks(target, edits))
    return torch.cat(runs)


def some_sites(model, name):
    """Every kind of selection that a hook point has."""
    axes, sites = model.hook_points[name].axes, [Site(name)]
    n = model.config.n_tokens
    one_token = model.config.pool_before_norm and "ln_final" in name
    if {"token", "query"} & set(axes) and not one_token:
        sites += [Site(name, token=t) for t in (0, 1, n - 1, (0, 3))]
    if "head" in axes:
        sites += [Site(name, head=1), Site(name, head=(0, 2), token=(1, n - 1)), Site(name, head=2, token=0)]
    if "key" in axes:
        sites += [Site(name, key=2), Site(name, key=1, head=0, token=0)]
    if axes[-1] in ("d_model", "d_head", "d_mlp", "class"):
        sites += [Site(name, neuron=0), Site(name, neuron=(1, 2))]
    return sites


@every_model
def test_every_hook_point_is_patched_as_by_an_ordinary_pass(name):
    model = tiny_model(name)
    target, source = pair(model)
    _, cache = model.run_with_cache(source)
    run = TargetRun(model, target)
    for i, point in enumerate(model.hook_points):
        sites = some_sites(model, point)
        first = (i + MODELS.index(name)) % min(3, len(sites))  # another third for each family
        sets = [[site] for site in sites[first::3]]
        expected = one_by_one(model, target, source, sets)
        for batch, logits in run.variants(sets, cache, chunk=2):
            assert largest(logits - expected[batch]) <= 1e-4, (point, sets)


SWEEPS = (
    (Z, ("layer", "head"), 0),
    (Z, ("token", "head"), "all"),
    ("blocks.*.attn.hook_v", ("layer", "head", "token"), (0, -1)),
    (("blocks.*.attn.hook_k", "blocks.*.attn.hook_q"), ("head",), slice(1, 4)),
    ("blocks.*.hook_resid_pre", ("token", "layer"), "all"),
    ("blocks.0.hook_attn_out", "token", "patches"),
    ("blocks.1.attn.hook_pattern", ("head",), "all"),
    ("hook_logits", "neuron", "all"),
    ("hook_embed", (), "all"),
)


@every_model
def test_a_sweep_is_a_loop(name):
    model = tiny_model(name)
    clean, corrupt = pair(model)
    more = () if model.config.attn_only else (("blocks.*.mlp.hook_post", ("layer", "neuron"), 0),)
    n_changed = 0
    for at, by, token in (*SWEEPS, *more):
        sweep = patch_sweep(model, clean, corrupt, at, by, metric=some_metric, token=token)
        loop = some_metric(one_by_one(model, corrupt, clean, sweep.grid.sets)).view(sweep.grid.shape)
        assert sweep.is_complete and sweep.metric.shape == tuple(map(len, sweep.labels))
        assert largest(sweep.metric - loop) <= 1e-4, (at, by)
        n_changed += largest(sweep.metric - sweep.corrupt) > 1e-3
    assert n_changed >= 7  # in a causal model, patching CLS does nothing


@every_model
def test_clean_into_clean_changes_nothing_and_another_image_does(name):
    model = tiny_model(name)
    clean, corrupt = pair(model)
    at = ["*.hook_resid_pre", "*.attn.hook_*", "*.hook_attn_out", "*.hook_resid_post"]
    same = patch_sweep(model, clean, clean, at, "layer", metric=some_metric)
    assert largest(same.metric - same.clean) <= 1e-5
    assert same.effect.isnan().all()  # nothing to normalise by
    other = patch_sweep(model, clean, corrupt, at, "layer", metric=some_metric)
    assert largest(other.metric - other.corrupt) > 1e-3


@every_model
def test_patching_everything_restores_clean_and_half_does_not(name):
    model = tiny_model(name)
    clean, corrupt = pair(model)
    stream = {"at": "blocks.*.hook_resid_pre", "by": "layer", "metric": some_metric}
    denoised = patch_sweep(model, clean, corrupt, **stream)
    assert largest(denoised.metric - denoised.clean) <= 1e-4
    noised = patch_sweep(model, clean, corrupt, **stream, direction="noise")
    assert largest(noised.metric - noised.corrupt) <= 1e-4
    half = patch_sweep(model, clean, corrupt, **stream, token=slice(0, None, 2))
    assert (half.metric - half.clean).abs().min() > 2e-4


@settings(max_examples=40)
@given(st.data())
def test_any_sites_together_are_the_ordinary_pass_with_all_of_them(data):
    model = tiny_model(data.draw(st.sampled_from(["timm DINOv2 with registers", "causal", "DeiT", "SigLIP", "CLIP"])))
    c = model.config
    target, source = random_input(c, 2, seed=5), random_input(c, 2, seed=6)
    sites = st.builds(
        lambda name, token, head: Site(
            name, token=token, head=head if "head" in model.hook_points[name].axes else None
        ),
        st.sampled_from([name for name in model.hook_points if name.startswith("blocks")]),
        st.one_of(st.none(), st.integers(-c.n_tokens, c.n_tokens - 1), st.just("patches")),
        st.one_of(st.none(), st.integers(0, c.n_heads - 1)),
    )
    sets = data.draw(st.lists(st.lists(sites, max_size=4), min_size=1, max_size=4))
    logits = apply_patches(model, target, source, sets, chunk=data.draw(st.integers(1, 9)))
    for i in range(2):
        expected = one_by_one(model, target[i : i + 1], source[i : i + 1], sets)
        assert largest(logits[:, i] - expected) <= 1e-4


def test_no_patch_is_the_target_and_one_source_serves_all():
    model = tiny_model("ViT")
    target = random_input(model.config, 3, seed=8)
    source = random_input(model.config, 1, seed=9)
    head = [Site("blocks.1.attn.hook_z", head=0)]
    logits = apply_patches(model, target, source, [[], head])
    assert largest(logits[0] - model(target)) <= 1e-5
    assert largest(logits[1] - apply_patches(model, target, source.expand_as(target), [head])[0]) <= 1e-5
    assert largest(logits[1] - logits[0]) > 1e-3


@pytest.mark.parametrize("name", ["ViT", "timm SigLIP", "causal, attention-only"])
def test_the_size_of_a_batch_changes_nothing(name):
    model = tiny_model(name)
    clean, corrupt = pair(model)
    sweeps = [
        patch_sweep(model, clean, corrupt, "*.hook_v", ("layer", "token"), metric=some_metric, chunk=chunk).metric
        for chunk in (1, 2, 5, 1000, None)
    ]
    assert all(largest(sweep - sweeps[0]) <= 1e-5 for sweep in sweeps)


@pytest.mark.parametrize("name", ["ViT", "timm SigLIP, classifier"])
def test_edits_around_a_sweep_hold_in_every_variant(name):
    model = tiny_model(name)
    clean, corrupt = pair(model)
    around = pe.causal_edits(model, 0) | {"blocks.0.hook_mlp_out": pe.scale(0.5)}
    grid = site_grid(model, Z, ("layer", "head"), 1)
    with model.hooks(around):
        edited = patch_sweep(model, clean, corrupt, Z, ("layer", "head"), metric=some_metric, token=1)
        loop = some_metric(one_by_one(model, corrupt, clean, grid.sets)).view(grid.shape)
    bare = patch_sweep(model, clean, corrupt, Z, ("layer", "head"), metric=some_metric, token=1)
    assert largest(edited.metric - loop) <= 1e-4
    assert largest(edited.metric - bare.metric) > 1e-3


def test_results_arrive_batch_by_batch_and_last_layers_first():
    model = tiny_model("ViT")
    steps = list(patch_sweep_steps(model, *pair(model), Z, ("layer", "head"), metric=some_metric, chunk=2))
    assert [step.n_done for step in steps] == [0, 2, 3, 5, 6]
    assert [step.metric[1].isnan().sum().item() for step in steps] == [3, 1, 0, 0, 0]
    whole = patch_sweep(model, *pair(model), Z, ("layer", "head"), metric=some_metric).metric
    assert all(largest((step.metric - whole).nan_to_num()) <= 1e-5 for step in steps)
    assert all(a.n_passes < b.n_passes for a, b in zip(steps, steps[1:], strict=False))


def test_a_sweep_can_be_watched_and_stopped():
    model = tiny_model("ViT")
    seen = []
    sweep = patch_sweep(
        model, *pair(model), Z, ("layer", "head"), metric=some_metric, chunk=2, progress=seen.append,
        stop=lambda: len(seen) == 2,
    )  # fmt: skip
    assert sweep is seen[-1] and sweep.n_done == 2 and not sweep.is_complete
    assert sweep.effect[0].isnan().all()


def test_directions_are_each_others_mirror():
    model = tiny_model("DINOv2")
    a, b = pair(model)
    denoise = patch_sweep(model, a, b, Z, ("layer", "head"), metric=some_metric)
    noise = patch_sweep(model, b, a, Z, ("layer", "head"), metric=some_metric, direction="noise")
    assert largest(denoise.metric - noise.metric) <= 1e-5
    assert (noise.clean, noise.corrupt) == (denoise.corrupt, denoise.clean)
    assert largest(denoise.effect + noise.effect - 1) <= 1e-4
    other = patch_sweep(model, a, b, Z, ("layer", "head"), metric=some_metric, direction="noise")
    assert largest(denoise.metric - other.metric) > 1e-3


def test_what_the_head_does_not_read_costs_nothing_and_does_nothing():
    model = tiny_model("ViT")
    clean, corrupt = pair(model)
    last = "blocks.1.attn.hook_z"
    of_patches = patch_sweep(model, clean, corrupt, last, ("token", "head"), token="patches", metric=some_metric)
    assert largest(of_patches.metric - of_patches.corrupt) <= 1e-5
    assert of_patches.n_passes == 2  # the two runs, and nothing else
    of_cls = patch_sweep(model, clean, corrupt, last, "head", token="cls", metric=some_metric)
    assert largest(of_cls.metric - of_cls.corrupt) > 1e-3
    mean = tiny_model("timm ViT, mean pool")
    assert patch_sweep(mean, *pair(mean), last, "head", token=0, metric=some_metric).metric.std() > 1e-3


def test_passes_are_counted():
    model = tiny_model("timm ViT, mean pool")
    clean, corrupt = pair(model)
    whole = patch_sweep(model, clean, corrupt, "hook_full_embed", "token", metric=some_metric)
    assert whole.n_passes == pytest.approx(2 + whole.n_variants, rel=0.02)
    late = patch_sweep(model, clean, corrupt, "blocks.1.hook_resid_mid", "token", metric=some_metric)
    assert late.n_passes < 2.5


def test_two_sweeps_at_once_do_not_meet():
    model = tiny_model("ViT")
    pairs = [(random_input(model.config, 1, seed=i), random_input(model.config, 1, seed=i + 50)) for i in range(4)]
    alone = [patch_sweep(model, *p, Z, ("layer", "head", "token"), metric=some_metric).metric for p in pairs]
    together = {}

    def work(i):
        for _ in range(3):
            together[i] = patch_sweep(model, *pairs[i], Z, ("layer", "head", "token"), metric=some_metric).metric

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(together[i], alone[i]) for i in range(4))


def test_sweeps_of_the_same_cells_correlate():
    model = tiny_model("ViT")
    a, b = pair(model)
    sweep = patch_sweep(model, a, b, Z, ("layer", "head"), metric=some_metric)
    opposite = patch_sweep(model, a, b, Z, ("layer", "head"), metric=lambda logits: -some_metric(logits))
    assert sweep.correlation(sweep) == pytest.approx(1) and sweep.correlation(opposite) == pytest.approx(-1)
    with pytest.raises(ValueError, match="same cells"):
        sweep.correlation(patch_sweep(model, a, b, Z, ("head", "layer"), metric=some_metric))


BAD = {
    "of one image at a time": lambda m, a, b: patch_sweep(m, a.repeat(2, 1, 1, 1), b, Z, "head", metric=some_metric),
    "'denoise'": lambda m, a, b: patch_sweep(m, a, b, Z, "head", metric=some_metric, direction="up"),  # type: ignore
    "at least 1; got 0": lambda m, a, b: patch_sweep(m, a, b, Z, "head", metric=some_metric, chunk=0),
    "did you mean": lambda m, a, b: patch_sweep(m, a, b, "blocks.*.hook_zz", "head", metric=some_metric),
    "no neurons to go by": lambda m, a, b: patch_sweep(m, a, b, "*.hook_pattern", "neuron", metric=some_metric),
    "one for each of the 1 targets; got 2": lambda m, a, b: apply_patches(m, a, b.repeat(2, 1, 1, 1), []),
    "got the pattern": lambda m, a, b: apply_patches(m, a, b, [[Site(Z)]]),
    "no hook point matches": lambda m, a, b: apply_patches(m, a, b, [[Site("blocks.9.attn.hook_z")]]),
    "has no axis 'head'": lambda m, a, b: apply_patches(m, a, b, [[Site("blocks.0.hook_resid_pre", head=1)]]),
    "head 7 is outside": lambda m, a, b: apply_patches(m, a, b, [[Site("blocks.0.attn.hook_z", head=7)]]),
    r"to \[batch\]": lambda m, a, b: patch_sweep(m, a, b, Z, "head", metric=lambda logits: logits),
}


@pytest.mark.parametrize("sentence", BAD)
def test_errors_say_what_to_do(sentence):
    model = tiny_model("ViT")
    with pytest.raises((ValueError, KeyError), match=sentence):
        BAD[sentence](model, *pair(model))


def test_products_come_in_the_order_asked_for():
    model = tiny_model("ViT")
    a, b = pair(model)
    by = ("layer", "head", "token")
    sweep = patch_sweep(model, a, b, Z, by, metric=some_metric)
    for order in product(range(3), repeat=3):
        if sorted(order) == [0, 1, 2]:
            turned = patch_sweep(model, a, b, Z, [by[i] for i in order], metric=some_metric)
            assert largest(turned.metric - sweep.metric.permute(order)) <= 1e-5
            assert turned.labels == tuple(sweep.labels[i] for i in order)
