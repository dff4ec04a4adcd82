"""What must hold at every hook point of every family, on tiny models with every parameter random."""

from collections import Counter
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import prisma_engine as pe
from families import BASE, MODELS, OWN, largest, own, random_input, randomised, tiny_model
from prisma_engine.vit import HookedViT

EXPLICIT = ("hook_attn_scores", "hook_pattern")  # asking for these selects explicit attention, which rounds otherwise
every_model = pytest.mark.parametrize("name", MODELS)


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


def setup(name) -> tuple[Any, Tensor, Tensor]:
    model = tiny_model(name)
    x = random_input(model.config)
    return model, x, model(x)


def untouched(x, point):
    return x


@every_model
def test_an_identity_edit_changes_nothing(name):
    model, x, bare = setup(name)
    for point in model.hook_points:
        same_path = model.run_with_cache(x, names=point)[0] if point.endswith(EXPLICIT) else bare
        assert torch.equal(model.run_with_hooks(x, {point: untouched}), same_path), point


@every_model
def test_putting_back_a_copy_changes_nothing_but_rounding(name):
    model, x, bare = setup(name)
    for point in model.hook_points:
        assert largest(model.run_with_hooks(x, {point: lambda x, point: x + 0}) - bare) <= 1e-5, point


@every_model
def test_a_zero_edit_changes_something(name):
    model, x, bare = setup(name)
    for point in model.hook_points:
        if point == "hook_pos_embed" and largest(model.embed.pos_embed) == 0:
            continue  # a model without positions: there is nothing to take away
        assert not largest(model.run_with_hooks(x, {point: pe.zero()}) - bare) < 1e-3, point


@every_model
def test_each_name_fires_once(name):
    model, x, _ = setup(name)
    fired = Counter()

    def count(x, point):
        fired[point.name] += 1
        assert len(point.axes) == x.ndim, point.name
        return x

    model.run_with_hooks(x, {"*": count})
    assert fired == dict.fromkeys(model.hook_points, 1)


@every_model
def test_axes_say_what_they_are(name):
    model, x, _ = setup(name)
    c = model.config
    n_tokens = 1 if c.pool_before_norm else c.n_tokens
    sizes = {"batch": 2, "patch": c.n_patches, "head": c.n_heads, "query": c.n_tokens, "key": c.n_tokens, "1": 1}
    sizes |= {"d_model": c.d_model, "d_head": c.d_head, "d_mlp": c.d_mlp, "class": c.n_classes}
    _, cache = model.run_with_cache(x)
    for point, saved in cache.items():
        token = n_tokens if "ln_final" in point else c.n_tokens
        expected = tuple(token if axis == "token" else sizes[axis] for axis in model.hook_points[point].axes)
        assert tuple(saved.shape) == expected, point


@every_model
def test_caching_changes_nothing_but_what_explicit_attention_rounds(name):
    model, x, bare = setup(name)
    for point in model.hook_points:
        out, cache = model.run_with_cache(x, names=point)
        assert list(cache) == [point]
        assert (largest(out - bare) <= 1e-5) if point.endswith(EXPLICIT) else torch.equal(out, bare), point
    assert largest(model.run_with_cache(x)[0] - bare) <= 1e-5


@every_model
def test_caching_one_name_holds_that_name_only(name):
    model, x, _ = setup(name)
    for point in model.hook_points:
        _, cache = model.run_with_cache(x, names=point)
        (saved,) = cache.values()
        assert saved.untyped_storage().nbytes() == saved.nbytes, point
        assert not any(saved.data_ptr() == p.data_ptr() for p in model.parameters()), point


@every_model
def test_the_stream_is_the_embedding_and_what_was_added(name):
    model, x, _ = setup(name)
    _, cache = model.run_with_cache(x)
    parts, labels = cache.decompose_resid()
    last = cache["resid_post", -1]
    assert largest(parts.sum(0) - last) <= 1e-5 * largest(last)
    assert (
        len(labels)
        == len(parts)
        == (1 if model.config.pre_norm else 2) + model.config.n_layers * (1 if model.config.attn_only else 2)
    )
    without = parts[[i for i, label in enumerate(labels) if label != "0_attn_out"]].sum(0)
    assert largest(without - last) > 1e-2


@every_model
def test_ablating_a_head_through_z_is_ablating_its_result(name):
    model, x, bare = setup(name)
    for layer in range(model.config.n_layers):
        for head in range(model.config.n_heads):
            through_z = model.run_with_hooks(x, {f"blocks.{layer}.attn.hook_z": pe.zero(head=head)})
            through_result = model.run_with_hooks(x, {f"blocks.{layer}.attn.hook_result": pe.zero(head=head)})
            assert largest(through_z - through_result) <= 1e-5
            assert largest(through_z - bare) > 1e-4


@every_model
def test_results_and_the_bias_sum_to_what_attention_writes(name):
    model, x, _ = setup(name)
    _, cache = model.run_with_cache(x, names=["*.hook_result", "*.hook_attn_out"])
    for i, block in enumerate(model.blocks):
        bias = 0 if block.attn.b_O is None else block.attn.b_O
        assert largest(block.ls1(cache["result", i].sum(2) + bias) - cache["attn_out", i]) <= 1e-5


@every_model
def test_a_full_clean_patch_restores_clean(name):
    model, clean, answer = setup(name)
    corrupt = random_input(model.config, seed=5)
    _, cache = model.run_with_cache(clean, names="*.hook_resid_pre")
    for point, value in cache.items():
        assert torch.equal(model.run_with_hooks(corrupt, {point: pe.replace(value)}), answer)
        part = model.run_with_hooks(corrupt, {point: pe.replace(value, token=-1)})
        assert largest(part - answer) > 1e-3


@every_model
def test_pattern_rows_are_distributions(name):
    model, x, _ = setup(name)
    _, cache = model.run_with_cache(x, names=["*.hook_pattern", "*.hook_attn_scores"])
    for i in range(model.config.n_layers):
        assert largest(cache["pattern", i].sum(-1) - 1) <= 1e-5
        assert torch.equal(cache["attn_scores", i].softmax(-1), cache["pattern", i])
        assert (cache["pattern", i] >= 0).all()


@every_model
def test_doubling_a_scale_halves_what_was_normalised(name):
    model, x, bare = setup(name)
    if not model.config.block_norm:
        assert not [point for point in model.hook_points if ".ln1." in point or ".ln2." in point]
        return
    norm = model.blocks[1].ln1
    bias = norm.bias
    _, plain = model.run_with_cache(x, names="blocks.1.ln1.*")
    out, edited = model.run_with_cache(x, names="blocks.1.ln1.*", edits={"blocks.1.ln1.hook_scale": pe.scale(2.0)})
    assert torch.equal(edited["blocks.1.ln1.hook_scale"], 2 * plain["blocks.1.ln1.hook_scale"])
    halved = (plain["blocks.1.ln1.hook_normalized"] - bias) / 2 + bias
    assert largest(edited["blocks.1.ln1.hook_normalized"] - halved) <= 1e-5
    assert largest(out - bare) > 1e-4


@every_model
def test_gradients_flow_through_edits(name):
    model, x, _ = setup(name)
    with torch.enable_grad():
        for point in model.hook_points:
            delta = torch.zeros((), requires_grad=True)
            answer = model.run_with_hooks(x, {point: lambda x, point, d=delta: x + d * torch.cos(x.clamp(-9, 9))})
            answer[0, 0].backward()
            assert delta.grad is not None, point
            assert delta.grad.abs() > 0, point


@every_model
def test_one_image_is_not_touched_by_another(name):
    model, x, bare = setup(name)
    assert largest(model(x[:1]) - bare[:1]) <= 1e-5
    assert largest(model(x.flip(0)).flip(0) - bare) <= 1e-5


@every_model
def test_stopping_early_and_going_on_is_the_whole_pass(name):
    model, x, bare = setup(name)
    for layer in range(model.config.n_layers + 1):
        resid = model(x, stop_at_layer=layer)
        assert torch.equal(model.read_out(model.through_blocks(resid, start=layer)), bare)


@every_model
def test_reading_the_pooled_token_is_the_answer(name):
    model, x, bare = setup(name)
    if model.config.pool == "mean" or model.config.head in ("two_head", "cls_mean", "attention_pool"):
        return  # these heads pool several tokens
    resid = model(x, stop_at_layer=model.config.n_layers)
    assert largest(model.unembed(resid)[:, 0] - bare) <= 1e-5


@every_model
def test_weight_views_are_the_weights(name):
    model, x, _ = setup(name)
    read = f"blocks.0.{'ln1.hook_normalized' if model.config.block_norm else 'hook_resid_pre'}"
    _, cache = model.run_with_cache(x, names=[read, "blocks.0.attn.*"])
    attn, normalized = model.blocks[0].attn, cache[read]
    for which, W, b in (("q", attn.W_Q, attn.b_Q), ("k", attn.W_K, attn.b_K), ("v", attn.W_V, attn.b_V)):
        by_hand = torch.einsum("btd,hdk->bthk", normalized, W) + (0 if b is None else b)
        assert largest(by_hand - cache[which, 0]) <= 1e-4
        assert W.untyped_storage().data_ptr() == attn.qkv.weight.untyped_storage().data_ptr()
    by_hand = torch.einsum("bthk,hkd->bthd", cache["z", 0], attn.W_O)
    assert largest(by_hand - cache["result", 0]) <= 1e-4


@settings(max_examples=25)
@given(st.data())
def test_an_edit_touches_what_it_selects_and_nothing_else(data):
    model = tiny_model("timm DINOv2 with registers")
    x, c = random_input(model.config), model.config
    point = data.draw(st.sampled_from(["blocks.0.attn.hook_z", "blocks.1.attn.hook_v", "blocks.1.attn.hook_result"]))
    heads = data.draw(st.lists(st.integers(0, c.n_heads - 1), unique=True, min_size=1))
    tokens = data.draw(st.lists(st.integers(-c.n_tokens, c.n_tokens - 1), min_size=1, max_size=4))
    _, before = model.run_with_cache(x, names=point)
    _, after = model.run_with_cache(x, names=point, edits={point: pe.zero(head=heads, token=tokens)})
    expected = before[point].clone()
    for token in tokens:
        for head in heads:
            expected[:, token, head] = 0
    assert torch.equal(after[point], expected)


@settings(max_examples=15)
@given(patch=st.integers(0, BASE.n_patches - 1), which=st.sampled_from(["causal", "causal, attention-only"]))
def test_causal_models_never_read_what_comes_later(patch, which):
    model = own(which)
    x = random_input(model.config)
    row, column = divmod(patch, model.grid[1])
    moved = x.clone()
    moved[:, :, row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] += 1
    _, before = model.run_with_cache(x, names="*.hook_resid_post")
    _, after = model.run_with_cache(moved, names="*.hook_resid_post")
    token = model.n_prefix + patch
    for i in range(model.config.n_layers):
        assert torch.equal(before["resid_post", i][:, :token], after["resid_post", i][:, :token])
        assert largest(before["resid_post", i][:, token:] - after["resid_post", i][:, token:]) > 1e-3


def test_causal_patterns_are_triangular_and_bidirectional_ones_are_not():
    for which, triangular in (("causal", True), ("relu, no biases", False)):
        model = own(which)
        _, cache = model.run_with_cache(random_input(model.config), names="*.hook_pattern")
        assert (largest(cache["pattern", 0].triu(1)) == 0) is triangular


def test_attention_only_models_have_no_mlp():
    model = own("attention-only")
    assert not [point for point in model.hook_points if "mlp" in point or "resid_mid" in point or "ln2" in point]
    assert not [key for key in model.state_dict() if "mlp" in key or "ln2" in key]


@pytest.mark.parametrize("name", OWN)
def test_a_model_is_its_config_and_its_weights(name):
    model = own(name)
    twin = HookedViT(pe.ViTConfig.from_dict(model.config.to_dict()))
    x = random_input(model.config)
    assert largest(randomised(twin, seed=9)(x) - model(x)) > 0.01
    twin.load_state_dict(model.state_dict())
    assert torch.equal(twin(x), model(x))
