"""Prisma's published files: the numbers of the original, the traps of its configs, and two ways to say one thing."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
import torch

import prisma_engine as pe
from foreign_saes import (
    D_IN,
    D_OUT,
    D_SAE,
    LEGACY,
    PRISMA_CONFIG,
    K,
    numbers,
    prisma_forward,
    prisma_state,
    write_prisma,
)
from prisma_engine.hub import LoadError
from prisma_engine.sae import SAE, files
from prisma_engine.sae.formats import prisma_names
from prisma_engine.sae.formats.prisma import Doubt, weights_in

X = numbers(20, 7, D_IN) * 3 + 0.5
folded_or_not = pytest.mark.filterwarnings("ignore:.*folded into the next layer")
TRANSCODER = {"is_transcoder": True, "layer_subtype": "ln2.hook_normalized", "out_hook_point_layer": 11}
PLAIN_TRANSCODER = TRANSCODER | {"transcoder_with_skip_connection": False}
TOPK = {"activation_fn_str": "topk", "activation_fn_kwargs": {"k": K}}

VARIANTS = {
    "vanilla": ("standard", {}),
    "vanilla, layer norm": ("standard", {"normalize_activations": "layer_norm"}),
    "vanilla, constant norm": ("standard", {"normalize_activations": "constant_norm_rescale"}),
    "topk": ("standard", TOPK),
    "topk, layer norm, cls": ("standard", TOPK | {"normalize_activations": "layer_norm", "cls_token_only": True}),
    "gated": ("gated", {"architecture": "gated"}),
    "gated, layer norm": ("gated", {"architecture": "gated", "normalize_activations": "layer_norm"}),
    "transcoder": ("transcoder", TOPK | PLAIN_TRANSCODER),
    "transcoder, layer norm": ("transcoder", TOPK | PLAIN_TRANSCODER | {"normalize_activations": "layer_norm"}),
    "skip": ("skip", TOPK | TRANSCODER),
    "skip, layer norm": ("skip", TOPK | TRANSCODER | {"normalize_activations": "layer_norm"}),
    "skip, constant norm": ("skip", TRANSCODER | {"normalize_activations": "constant_norm_rescale"}),
}


@folded_or_not
@pytest.mark.parametrize("pickled", [False, True], ids=["plain", "with a pickled config"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_numbers_are_the_originals(variant, pickled, tmp_path):
    kind, changes = VARIANTS[variant]
    state = prisma_state(kind)
    write_prisma(tmp_path / "mine", state, pickled=pickled, **changes)
    sae = SAE.load(tmp_path / "mine")
    config = PRISMA_CONFIG | changes
    acts, recon = prisma_forward(state, X, config["activation_fn_str"], config["normalize_activations"])
    torch.testing.assert_close(sae.encode(X), acts, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sae(X).recon, recon, rtol=1e-5, atol=1e-4)
    torch.testing.assert_close(sae.decode(acts, X), recon, rtol=1e-5, atol=1e-4)
    assert 0 < sae(X).l0 < D_SAE and not sae.training
    assert prisma_was_not_imported()


def prisma_was_not_imported() -> bool:
    return not any(name.startswith("vit_prisma") for name in sys.modules)


def test_a_reference_that_is_wrong_is_noticed(tmp_path):
    state = prisma_state()
    sae = SAE.load(write_prisma(tmp_path / "mine", state, normalize_activations="layer_norm"))
    _, recon = prisma_forward(state, X, "relu", None)
    assert not torch.allclose(sae(X).recon, recon, atol=1e-2)


@folded_or_not
def test_the_config_says_where_it_belongs(tmp_path):
    sae = SAE.load(write_prisma(tmp_path / "mine", **TOPK, use_patches_only=True))
    c = sae.config
    assert (c.model, c.revision) == ("laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K", None)
    assert (c.hook_name, c.tokens, c.activation, c.k) == ("blocks.11.hook_resid_post", "patches", "topk", K)
    assert (c.d_in, c.d_sae, c.normalize, c.input_bias, c.hook_out) == (D_IN, D_SAE, "none", "tied", None)
    write_prisma(tmp_path / "t", prisma_state("skip"), **TOPK, **TRANSCODER)
    c = SAE.load(tmp_path / "t").config
    assert (c.hook_name, c.hook_out, c.skip, c.d_out) == (
        "blocks.11.ln2.hook_normalized", "blocks.11.hook_mlp_out", True, D_OUT,
    )  # fmt: skip


def test_configs_of_older_versions(tmp_path):
    older: dict[str, Any] = LEGACY | {
        name: ... for name in ("architecture", "is_transcoder", "_device", "_dtype", "image_size")
    }
    assert SAE.load(write_prisma(tmp_path / "mine", **older)).config.activation == "relu"
    gated: dict[str, Any] = {"architecture": ..., "activation_fn_str": ...}
    assert SAE.load(write_prisma(tmp_path / "gated", prisma_state("gated"), **gated)).config.activation == "gated"


def test_an_encoder_that_was_stored_transposed(tmp_path):
    state = prisma_state()
    state["W_enc"] = numbers(3, D_SAE, D_IN).t()  # as `W_dec.t().clone()` leaves it
    for pickled in (False, True):
        sae = SAE.load(write_prisma(tmp_path / str(pickled), state, pickled=pickled))
        torch.testing.assert_close(sae.encode(X), prisma_forward(state, X)[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions(dtype, tmp_path):
    state = {name: t.to(dtype) for name, t in prisma_state().items()}
    for pickled in (False, True):
        sae = SAE.load(write_prisma(tmp_path / str(pickled), state, pickled=pickled))
        assert sae.W_dec.dtype == torch.float32 and torch.equal(sae.W_dec, state["W_dec"].float())


def test_the_last_of_several_checkpoints_or_the_one_that_is_named(tmp_path):
    names = ["n_images_130007.pt", "n_images_2600058.pt", "n_images_390021.pt"]
    for i, name in enumerate(names):
        write_prisma(tmp_path / "mine", prisma_state() | {"b_dec": torch.full((D_IN,), float(i))}, file=name)
    assert float(SAE.load(tmp_path / "mine").b_dec[0]) == 1
    assert float(SAE.load(tmp_path / "mine" / names[2]).b_dec[0]) == 2
    assert weights_in([*names, "weights.pt"]) == "weights.pt" and weights_in(["model.pt", "optimizer.pt"]) is None


REQUIRED = (
    "model_name", "hook_point_layer", "layer_subtype", "d_in", "activation_fn_str", "normalize_activations",
    "cls_token_only", "use_patches_only",
)  # fmt: skip


@pytest.mark.parametrize("name", REQUIRED)
def test_a_field_that_decides_is_never_filled_in(name, tmp_path):
    left_out: dict[str, Any] = {name: ...}
    write_prisma(tmp_path / "mine", **left_out)
    with pytest.raises(LoadError, match=f"config.json of mine lacks {name}, and what Prisma would fill in") as caught:
        SAE.load(tmp_path / "mine")
    assert "\n" not in str(caught.value)


ODD = {
    "a head": ({"hook_point_head_index": 3}, "hook_point_head_index = 3, which this project does not have"),
    "jumprelu": ({"architecture": "jumprelu"}, "architecture = 'jumprelu', which is not understood"),
    "an unknown normalisation": ({"normalize_activations": "batch"}, "normalize_activations = 'batch'"),
    "an unknown activation": ({"activation_fn_str": "tanh-relu"}, "activation_fn_str = 'tanh-relu'"),
    "both token choices": ({"cls_token_only": True, "use_patches_only": True}, "both cls_token_only and"),
    "a token choice that is a word": ({"cls_token_only": "yes"}, "cls_token_only = 'yes'; expected true or false"),
    "no k": ({"activation_fn_str": "topk"}, "activation_fn_kwargs in config.json of mine lacks k"),
    "a negative k": ({"activation_fn_str": "topk", "activation_fn_kwargs": {"k": -4}}, "k = -4; expected a whole"),
    "a k above all": ({"activation_fn_str": "topk", "activation_fn_kwargs": {"k": 99}}, "k is 99; topk needs"),
    "another d_sae": ({"d_sae": 64}, f"d_sae = 64, and its weights say {D_SAE}"),
    "another expansion": ({"expansion_factor": 64}, "expansion_factor = 64, and its weights say 4"),
    "another d_in": ({"d_in": 24, "expansion_factor": ...}, "W_enc has shape (48, 12), expected (48, 24)"),
    "a layer that is a word": ({"hook_point_layer": "last"}, "hook_point_layer = 'last'; expected a whole number"),
    "a transcoder without its bias": (TRANSCODER, "b_in is missing"),
    "a model that is a number": ({"model_name": 7}, "model_name = 7; expected a name"),
}


@folded_or_not
@pytest.mark.parametrize("kind", ODD)
def test_an_odd_config_is_refused_with_one_sentence(kind, tmp_path):
    changes, words = ODD[kind]
    write_prisma(tmp_path / "mine", **changes)
    with pytest.raises(LoadError) as caught:
        SAE.load(tmp_path / "mine")
    expected = words if kind != "a transcoder without its bias" else "do not fit its config: b_dec is missing"
    assert expected in str(caught.value) and "\n" not in str(caught.value)


SAID = {
    "sparse-autoencoder-clip-b-32-sae-vanilla-x64-layer-11-hook_resid_post-l1-1e-05": dict(
        layer=11, site="hook_resid_post", activation="relu", expansion=64, family="clip"
    ),
    "sae-top_k-64-cls_only-layer_9-hook_mlp_out": dict(
        layer=9, site="hook_mlp_out", activation="topk", k=64, tokens="cls"
    ),
    "Prisma-Multimodal/imagenet-sweep-vanilla-x64-Spatial_max_7-hook_resid_post-835-99": dict(
        layer=7, site="hook_resid_post", activation="relu", tokens="patches", expansion=64
    ),
    "imagenet-sweep-vanilla-x64-CLS_11-hook_resid_post-935-96": dict(
        layer=11, site="hook_resid_post", activation="relu", tokens="cls", expansion=64
    ),
    "CLIP-transcoder-topk-256-x64-all_patches_3-mlp-90": dict(
        layer=3, activation="topk", k=256, tokens="all", expansion=64, transcoder=True, family="clip"
    ),
    "DINO-topk-x64-all_patches_5-resid_post-1024-99": dict(
        layer=5, site="hook_resid_post", activation="topk", k=1024, tokens="all", expansion=64, family="dino"
    ),
    "8e32860c-clip-b-sae-gated-all-tokens-x64-layer-9-mlp-out-v1": dict(
        layer=9, site="hook_mlp_out", activation="gated", tokens="all", expansion=64, family="clip"
    ),
    "sae_exp_16_tinyclip_40m_imagenet_layer_3": dict(layer=3, family="clip"),
    "my-own-sae": {},
}


@pytest.mark.parametrize("repository", SAID)
def test_what_a_repositorys_name_says(repository):
    assert prisma_names.said(repository) == prisma_names.Said(**SAID[repository])


DISAGREE = {
    "sae-vanilla-x4-layer-9-hook_resid_post": ("layer 9", "says 11"),
    "sae-vanilla-x4-layer-11-hook_mlp_out": ("hook point hook_mlp_out", "says hook_resid_post"),
    "sae-vanilla-x64-layer-11-hook_resid_post": ("expansion 64", "says 4.0"),
    "sae-top_k-5-cls_only-layer_11-hook_resid_post": ("activation topk", "says relu"),
    "sweep-vanilla-x4-CLS_11-hook_resid_post-935-96": ("tokens cls", "says all"),
    "CLIP-transcoder-x4-all_patches_11-mlp-90": ("transcoder True", "says False"),
    "DINO-vanilla-x4-all_patches_11-resid_post-500-99": ("model dino", "says clip"),
}


@pytest.mark.parametrize("repository", DISAGREE)
def test_a_name_and_a_config_that_disagree_are_both_named(repository, tmp_path):
    write_prisma(tmp_path / repository)
    with pytest.raises(LoadError, match=f"the name of {repository} says") as caught:
        SAE.load(tmp_path / repository)
    assert all(words in str(caught.value) for words in DISAGREE[repository])
    agreeing = tmp_path / "sparse-autoencoder-clip-b-32-sae-vanilla-x4-layer-11-hook_resid_post-l1-1e-05"
    assert SAE.load(write_prisma(agreeing)).hook_name == "blocks.11.hook_resid_post"


def test_the_name_of_a_repository_is_known_from_the_hubs_cache(tmp_path):
    cached = tmp_path / "models--ns--sae-vanilla-x4-layer-9-hook_resid_post" / "snapshots" / "abc"
    write_prisma(cached)
    with pytest.raises(LoadError, match="the name of ns/sae-vanilla-x4-layer-9-hook_resid_post says layer 9"):
        SAE.load(cached)
    assert files.commit_of(cached) == "abc" and files.commit_of(tmp_path) is None


MODELS = {
    "open-clip:laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K": "laion/CLIP-ViT-L-14-DataComp.XL-s13B-b90K",
    "open-clip:timm/vit_base_patch16_clip_224.laion400m_e31": "timm/vit_base_patch16_clip_224.laion400m_e31",
    "vit_base_patch32_224": "timm/vit_base_patch32_224.augreg_in21k_ft_in1k",
    "timm/vit_large_patch16_224": "timm/vit_large_patch16_224.augreg_in21k_ft_in1k",
    "facebook/dino-vitb16": "facebook/dino-vitb16",
    "wkcn/TinyCLIP-ViT-40M-32-Text-19M-LAION400M": "wkcn/TinyCLIP-ViT-40M-32-Text-19M-LAION400M",
}


def test_prismas_names_of_models():
    assert {name: prisma_names.model_id(name) for name in MODELS} == {n: (found, None) for n, found in MODELS.items()}
    for name in ("open-clip:timm/eva02_base_patch16_clip_224.merged2b_s8b_b131k", "vjepa_v1_vit_huge", "my_vit"):
        assert "cannot be loaded here: " in str(prisma_names.model_id(name)[1])


def test_a_model_that_cannot_be_loaded_is_a_warning_and_the_sae_still_opens(tmp_path):
    write_prisma(tmp_path / "mine", model_name="vjepa_v1_vit_huge")
    with pytest.warns(Doubt, match="reads 'vjepa_v1_vit_huge', which cannot be loaded here: V-JEPA"):
        sae = SAE.load(tmp_path / "mine")
    assert sae.config.model == "vjepa_v1_vit_huge"


def test_what_lies_behind_a_norm_is_in_doubt(tmp_path):
    with pytest.warns(Doubt, match="reads blocks.11.ln2.hook_normalized, and its files do not say whether"):
        SAE.load(write_prisma(tmp_path / "mine", layer_subtype="ln2.hook_normalized"))


@folded_or_not
def test_a_skip_that_our_format_cannot_say_is_not_saved(tmp_path):
    write_prisma(tmp_path / "mine", prisma_state("skip"), **TRANSCODER, normalize_activations="layer_norm")
    for save in (lambda sae: files.save(sae, tmp_path / "out"), files.for_hub):
        with pytest.raises(ValueError, match="cannot be saved: its skip path reads activations before"):
            save(SAE.load(tmp_path / "mine"))
    write_prisma(tmp_path / "raw", prisma_state("skip"), **TRANSCODER)
    sae = SAE.load(tmp_path / "raw")
    files.save(sae, tmp_path / "out")
    torch.testing.assert_close(SAE.load(tmp_path / "out")(X).recon, sae(X).recon)


def test_a_config_beside_nothing(tmp_path):
    write_prisma(tmp_path / "mine")
    (tmp_path / "mine" / "weights.pt").unlink()
    with pytest.raises(LoadError, match="config.json says no architecture 'SAE'"):
        SAE.load(tmp_path / "mine")
    write_prisma(tmp_path / "alone")
    (tmp_path / "alone" / "config.json").unlink()
    with pytest.raises(LoadError, match="alone has no config.json"):
        SAE.load(tmp_path / "alone")


@pytest.mark.network
def test_a_published_one_loads():
    name = "Prisma-Multimodal/sparse-autoencoder-clip-b-32-sae-vanilla-x64-layer-11-hook_resid_post-l1-1e-05"
    sae = pe.SAE.load(name)
    assert (sae.config.d_in, sae.config.d_sae, sae.hook_name) == (768, 49152, "blocks.11.hook_resid_post")
    assert files.rows(name, [32519]).decoder.shape == (1, 768)
    assert json.loads((files.find(name) / "config.json").read_text())["activation_fn_str"] == "relu"
