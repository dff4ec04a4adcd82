"""Path patching: direct paths alone, and all of them together are the node."""

import pytest
import torch

import prisma_engine as pe
from families import MODELS, largest, random_input, tiny_model
from prisma_engine.analysis.patching.activation import patch_sweep
from prisma_engine.analysis.patching.paths import all_receivers, path_patching
from prisma_engine.analysis.patching.sites import Site

every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


def some_metric(logits):
    return logits @ torch.arange(1.0, logits.shape[1] + 1).mul(2.3).cos()


def setup(name):
    model = tiny_model(name)
    return model, random_input(model.config, 1, seed=3), random_input(model.config, 1, seed=4)


def senders(model):
    mlps = [] if model.config.attn_only else [Site("blocks.0.hook_mlp_out", token=1), Site("blocks.0.mlp.hook_post")]
    start = ["hook_ln_pre"] if model.config.pre_norm else ["hook_embed", "hook_full_embed"]
    return [
        *map(Site, start),
        Site("blocks.0.attn.hook_z", head=1),
        Site("blocks.0.attn.hook_z", head=(0, 2), token=(0, 3)),
        Site("blocks.0.attn.hook_result", head=2, token="patches"),
        Site("blocks.0.hook_attn_out"),
        Site("blocks.1.attn.hook_z", head=0),
        *mlps,
    ]


def node(model, clean, corrupt, site):
    _, cache = model.run_with_cache(clean, site.point)
    return some_metric(model.run_with_hooks(corrupt, {site.point: pe.replace(cache[site.point], **site.where)}))


@every_model
def test_all_paths_together_are_the_node_and_one_is_not(name):
    model, clean, corrupt = setup(name)
    sites = senders(model)
    receivers = all_receivers(model)
    paths = path_patching(model, clean, corrupt, sites, [receivers, receivers[:-1]], metric=some_metric)
    nodes = torch.cat([node(model, clean, corrupt, site) for site in sites])
    assert largest(paths.metric[:, 0] - nodes) <= 2e-5
    assert largest(paths.metric[:, 1] - nodes) > 1e-4  # without the path to the logits


@every_model
def test_a_path_to_the_logits_changes_the_final_stream_alone(name):
    model, clean, corrupt = setup(name)
    head, logits = Site("blocks.0.attn.hook_z", head=1), Site("hook_logits")
    paths = path_patching(model, clean, corrupt, [head], [logits], metric=some_metric)
    written = []
    for x in (clean, corrupt):
        _, cache = model.run_with_cache(x, "blocks.0.attn.hook_result")
        written.append(model.blocks[0].ls1(cache["result", 0][:, :, 1]))
    final = model(corrupt, stop_at_layer=2)
    by_hand = some_metric(model.read_out(final + written[0] - written[1]))
    assert largest(paths.metric[0, 0] - by_hand) <= 2e-5
    assert largest(by_hand - paths.corrupt) > 1e-5


@every_model
@pytest.mark.parametrize("what", ["q", "k", "v", "mlp"])
def test_a_path_to_one_part_changes_its_input_alone(name, what):
    model, clean, corrupt = setup(name)
    if what == "mlp" and model.config.attn_only:
        return
    block = model.blocks[1]
    receiver = Site("blocks.1.hook_mlp_out", token=0) if what == "mlp" else Site(f"blocks.1.attn.hook_{what}", head=2)
    sender = Site("blocks.0.hook_attn_out", token=(0, 2))
    _, source = model.run_with_cache(clean, "blocks.0.hook_attn_out")
    _, target = model.run_with_cache(corrupt, ["*.hook_attn_out", "blocks.1.hook_resid_*"])
    delta = torch.zeros_like(target["resid_pre", 1])
    delta[:, [0, 2]] = (source["attn_out", 0] - target["attn_out", 0])[:, [0, 2]]
    if what == "mlp":
        value = block.ls2(block.mlp(block.ln2(target["resid_mid", 1] + delta)))
    else:
        value = block.attn.project(block.ln1(target["resid_pre", 1] + delta))["qkv".index(what)]
    by_hand = some_metric(model.run_with_hooks(corrupt, {receiver.point: pe.replace(value, **receiver.where)}))
    paths = path_patching(model, clean, corrupt, [sender], [receiver], metric=some_metric)
    assert largest(paths.metric[0, 0] - by_hand) <= 2e-5
    everything = path_patching(model, clean, corrupt, [sender], [all_receivers(model)], metric=some_metric)
    assert largest(everything.metric - paths.metric) > 1e-5


def test_nothing_is_heard_from_later_parts():
    model, clean, corrupt = setup("ViT")
    late = [Site("blocks.1.hook_mlp_out"), Site("blocks.1.attn.hook_z")]
    early = [Site("blocks.1.attn.hook_q"), Site("blocks.0.hook_mlp_out"), Site("blocks.1.hook_mlp_out")]
    paths = path_patching(model, clean, corrupt, late, early, metric=some_metric)
    unheard = torch.tensor([[True, True, True], [True, True, False]])
    assert largest((paths.metric - paths.corrupt)[unheard]) <= 1e-5
    assert largest((paths.metric - paths.corrupt)[~unheard]) > 1e-4


def test_senders_together_and_directions():
    model, clean, corrupt = setup("DINOv2")
    heads = [Site("blocks.0.attn.hook_z", head=h) for h in range(3)]
    to = [Site("blocks.1.attn.hook_v")]
    together = path_patching(model, clean, corrupt, [heads], to, metric=some_metric)
    whole = path_patching(model, clean, corrupt, [Site("blocks.0.hook_attn_out")], to, metric=some_metric)
    assert largest(together.metric - whole.metric) <= 2e-5
    assert together.senders == ("L0H0 + L0H1 + L0H2",) and together.receivers == ("L1 v",)
    noise = path_patching(model, clean, corrupt, [heads], to, metric=some_metric, direction="noise")
    mirrored = path_patching(model, corrupt, clean, [heads], to, metric=some_metric)
    assert largest(noise.metric - mirrored.metric) <= 1e-5 and noise.clean == mirrored.corrupt
    assert largest(noise.effect + mirrored.effect - 1) <= 1e-4


def test_batches_change_nothing_and_work_is_counted():
    model, clean, corrupt = setup("ViT")
    sites, to = senders(model), [Site("blocks.1.attn.hook_q", head=0), Site("hook_logits")]
    whole, single = (path_patching(model, clean, corrupt, sites, to, metric=some_metric, chunk=c) for c in (None, 1))
    assert whole.metric.shape == (len(sites), 2)
    assert largest(whole.metric - single.metric) <= 1e-5
    assert 3 < whole.n_passes < 3 + 2 * len(sites)


def test_node_patching_agrees_with_the_sweep():
    model, clean, corrupt = setup("causal")
    sweep = patch_sweep(model, clean, corrupt, "blocks.0.attn.hook_z", "head", metric=some_metric)
    heads = [Site("blocks.0.attn.hook_z", head=h) for h in range(3)]
    paths = path_patching(model, clean, corrupt, heads, [all_receivers(model)], metric=some_metric)
    assert largest(paths.metric[:, 0] - sweep.metric) <= 2e-5
    assert largest(paths.effect[:, 0] - sweep.effect) <= 1e-3


BAD = {
    "is no sender; senders of this model are hook_embed": ("blocks.0.hook_resid_pre", "hook_logits"),
    "is no receiver; receivers of this model are blocks.i.attn.hook_q": (
        "blocks.0.attn.hook_z",
        "blocks.1.attn.hook_z",
    ),
    "no hook point matches": ("blocks.7.attn.hook_z", "hook_logits"),
}


@pytest.mark.parametrize("sentence", BAD)
def test_errors_say_what_there_is(sentence):
    model, clean, corrupt = setup("relu, no biases")
    sender, receiver = BAD[sentence]
    with pytest.raises((ValueError, KeyError), match=sentence):
        path_patching(model, clean, corrupt, [Site(sender)], [Site(receiver)], metric=some_metric)


def test_it_needs_somebody_at_each_end_and_no_edits_around():
    model, clean, corrupt = setup("ViT")
    with pytest.raises(ValueError, match="at least one sender"):
        path_patching(model, clean, corrupt, [], [Site("hook_logits")], metric=some_metric)
    with pytest.raises(ValueError, match="cannot run inside"), model.hooks({"*.hook_z": pe.zero(head=0)}):
        path_patching(model, clean, corrupt, [Site("hook_embed")], [Site("hook_logits")], metric=some_metric)
