"""The cache: names, short names, stacks and decompositions."""

import pytest
import torch

from families import largest, own, random_input, tiny_model
from prisma_engine.cache import hook_name, resid_points


@pytest.fixture(scope="module")
def model():
    return tiny_model("timm ViT")


@pytest.fixture(scope="module")
def cache(model):
    return model.run_with_cache(random_input(model.config))[1]


@pytest.mark.parametrize(
    ("short", "layer", "full"),
    [
        ("resid_post", 3, "blocks.3.hook_resid_post"),
        ("z", 0, "blocks.0.attn.hook_z"),
        ("pre_linear", 1, "blocks.1.mlp.hook_pre_linear"),
        ("ln1.scale", 1, "blocks.1.ln1.hook_scale"),
        ("embed", None, "hook_embed"),
        ("hook_embed", None, "hook_embed"),
        ("ln_final.hook_scale", None, "ln_final.hook_scale"),
    ],
)
def test_short_names(short, layer, full):
    assert hook_name(short, layer) == full


def test_layers_count_from_both_ends(model, cache):
    assert cache["resid_post", -1] is cache["blocks.1.hook_resid_post"]
    assert cache["ln1.normalized", 0] is cache["blocks.0.ln1.hook_normalized"]
    with pytest.raises(KeyError, match="there is no layer 2; .* has layers 0 to 1"):
        cache["resid_post", 2]


def test_what_was_not_saved_is_said(model):
    _, cache = model.run_with_cache(random_input(model.config), names="hook_embed")
    with pytest.raises(KeyError, match="this cache holds no 'hook_logits'; ask for it"):
        cache["hook_logits"]
    assert repr(cache).startswith("Cache(1 activations, ")


def test_the_stream_in_order(model, cache):
    stack, labels = cache.accumulated_resid()
    assert labels == ("0_pre", "0_mid", "1_pre", "1_mid", "final")
    assert torch.equal(stack[2], cache["resid_post", 0])
    assert torch.equal(stack[-1], cache["resid_post", -1])
    assert cache.accumulated_resid(mid=False)[1] == ("0_pre", "1_pre", "final")
    assert [label for _, label in resid_points(own("attention-only"))] == ["0_pre", "1_pre", "final"]


def test_components_have_names_in_order(cache):
    assert cache.decompose_resid()[1] == (
        *("embed", "pos_embed"),
        *("0_attn_out", "0_mlp_out", "1_attn_out", "1_mlp_out"),
    )
    clip = tiny_model("CLIP")
    assert clip.run_with_cache(random_input(clip.config))[1].decompose_resid()[1][0] == "ln_pre"


@pytest.mark.parametrize("name", ["timm ViT", "DINOv2 with registers", "CLIP tower", "SigLIP classifier"])
def test_the_final_norm_of_the_parts_sums_to_the_final_norm(name):
    model = tiny_model(name)
    _, cache = model.run_with_cache(random_input(model.config))
    parts, _ = cache.decompose_resid()
    normed = cache.apply_final_norm(parts).sum(0) + model.ln_final.bias
    assert largest(normed - cache["hook_ln_final"]) <= 1e-5 * max(1.0, largest(normed))


def test_without_a_final_norm_components_stay():
    model = tiny_model("timm ViT, no norm, no positions")
    _, cache = model.run_with_cache(random_input(model.config))
    parts, _ = cache.decompose_resid()
    assert cache.apply_final_norm(parts) is parts
