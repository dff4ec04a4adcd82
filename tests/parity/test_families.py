"""The engine is the original model: every family, every parameter random, float32."""

import copy
from typing import Any

import pytest
import torch

from families import FAMILIES, HF, N_CLASSES, TIMM, clip_model, largest, randomised, tiny
from prisma_engine.convert import from_transformers, hf_clip
from prisma_engine.convert.table import join

pytestmark = pytest.mark.usefixtures("no_grad")


@pytest.fixture
def no_grad():
    with torch.no_grad():
        yield


@pytest.mark.parametrize("name", FAMILIES)
def test_fused_attention_is_the_original_to_the_last_bit(name):
    family, t = FAMILIES[name], tiny(name)
    assert largest(t.answer) > 0.1
    assert family.tolerance == 0 or family.reason
    assert largest(t.model(t.x) - t.answer) <= family.tolerance * largest(t.answer), family.reason


@pytest.mark.parametrize("name", FAMILIES)
def test_explicit_attention_is_the_original_to_1e_5(name):
    t = tiny(name)
    out, cache = t.model.run_with_cache(t.x, names="*.hook_pattern")
    assert len(cache) == t.model.config.n_layers
    assert largest(out - t.answer) <= 1e-5


@pytest.mark.parametrize("name", FAMILIES)
def test_heads_summed_one_by_one_are_the_original_to_1e_5(name):
    t = tiny(name)
    out = t.model.run_with_hooks(t.x, {"*.hook_result": lambda result, point: result + 0})
    assert largest(out - t.answer) <= 1e-5


@pytest.mark.parametrize("name", FAMILIES)
def test_caching_everything_is_the_original_to_1e_5(name):
    t = tiny(name)
    out, cache = t.model.run_with_cache(t.x)
    assert set(cache) == set(t.model.hook_points)
    assert largest(out - t.answer) <= 1e-5


@pytest.mark.parametrize("name", FAMILIES)
def test_the_conversion_is_ready_to_run(name):
    t = tiny(name)
    assert not t.model.training
    assert not any(p.requires_grad for p in t.model.parameters())
    assert t.model.name not in ("", "this model")
    ours = {p.untyped_storage().data_ptr() for p in t.model.parameters()}
    theirs = {p.untyped_storage().data_ptr() for p in t.original.parameters()}
    assert not ours & theirs, "the conversion shares memory with a module that its owner may train"


@pytest.mark.parametrize("name", TIMM)
def test_timm_residual_stream(name):
    t = tiny(name)
    blocks = list(range(t.model.config.n_layers))
    kept = t.original.forward_intermediates(
        t.x, blocks, return_prefix_tokens=bool(t.model.n_prefix), output_fmt="NLC", intermediates_only=True
    )
    _, cache = t.model.run_with_cache(t.x, names="*.hook_resid_post")
    for i, found in zip(blocks, kept, strict=True):
        patches, prefix = found if t.model.n_prefix else (found, t.x.new_zeros(2, 0, 24))
        assert torch.equal(cache["resid_post", i], torch.cat([prefix, patches], dim=1))


@pytest.mark.parametrize("name", HF)
def test_transformers_residual_stream(name):
    t = tiny(name)
    tower = getattr(t.original, "vision_model", t.original)
    states = tower(t.x, output_hidden_states=True).hidden_states
    _, cache = t.model.run_with_cache(t.x, names="*.hook_resid_pre")
    for i in range(t.model.config.n_layers):
        assert torch.equal(cache["resid_pre", i], states[i])


@pytest.mark.parametrize("name", HF)
def test_transformers_patterns(name):
    t = tiny(name)
    module = copy.deepcopy(t.original)
    module.set_attn_implementation("eager")
    patterns = getattr(module, "vision_model", module)(t.x, output_attentions=True).attentions
    _, cache = t.model.run_with_cache(t.x, names="*.hook_pattern")
    for i, pattern in enumerate(patterns):
        assert largest(cache["pattern", i] - pattern) <= 1e-5


@pytest.mark.parametrize("name", [n for n in HF if n != "ViViT"])
def test_positions_interpolate_as_the_original_does(name):
    family, t = FAMILIES[name], tiny(name)
    model = from_transformers(t.original, image_size=(40, 48))
    x = torch.randn(2, 3, 40, 48, generator=torch.Generator().manual_seed(2))
    asked = {} if "DINOv2" in name else {"interpolate_pos_encoding": True}
    answer = family.answer(lambda x: t.original(x, **asked), x) if name not in ("CLIP", "SigLIP") else None
    if answer is None:
        answer = t.original.get_image_features(x, **asked).pooler_output
    assert model.grid == (5, 6)
    assert largest(model(x) - answer) <= family.tolerance * largest(answer)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_parameter_matters(name):
    """The parity above can fail: moving any one parameter moves the answer.

    But for one: a bias on the keys adds the same to all scores of a query, which the softmax does not see.
    """
    t = tiny(name)
    model = copy.deepcopy(t.model)
    thirds = model.config.n_heads * model.config.d_head
    for key, p in model.named_parameters():
        before = p.clone()
        p += torch.randn(p.shape, generator=torch.Generator().manual_seed(3))
        if key.endswith("qkv.bias"):
            p[thirds : 2 * thirds] = before[thirds : 2 * thirds]
        if key == "head.kv.bias":
            p[: model.config.d_model] = before[: model.config.d_model]
        assert largest(model(t.x) - t.answer) > 1e-3, key
        p.copy_(before)


@pytest.mark.parametrize("name", FAMILIES)
def test_swapped_queries_and_keys_are_found_out(name):
    t = tiny(name)
    model: Any = copy.deepcopy(t.model)
    for block in model.blocks:
        for p in block.attn.qkv.parameters():
            q, k, v = p.chunk(3)
            p.copy_(torch.cat([k, q, v]))
    assert largest(model(t.x) - t.answer) > 0.01


def test_a_table_with_keys_before_queries_is_found_out(monkeypatch):
    parts = [f"encoder.layers.{{i}}.self_attn.{which}_proj" for which in "kqv"]
    monkeypatch.setattr(hf_clip, "TABLE", {**hf_clip.TABLE, "blocks.{i}.attn.qkv": join(*parts)})
    module = randomised(clip_model())
    x = tiny("CLIP").x
    assert largest(from_transformers(module)(x) - tiny("CLIP").answer) > 0.01


def test_video_tokens_are_ordered_by_time_then_row_then_column():
    t = tiny("ViViT")
    rows, columns = t.model.grid
    _, cache = t.model.run_with_cache(t.x, names="hook_embed")
    moved = t.x.clone()
    moved[:, 2:, :, 8:, 16:] += 1  # second tubelet in time, second row, third column
    _, after = t.model.run_with_cache(moved, names="hook_embed")
    changed = (cache["hook_embed"] != after["hook_embed"]).any(-1).any(0).nonzero().flatten().tolist()
    assert changed == [rows * columns + columns + 2]


def test_named_architectures_bring_their_preprocessing_and_classes():
    import timm

    from prisma_engine.convert import from_timm

    model = from_timm(timm.create_model("vit_tiny_patch16_224", depth=1))
    assert model.name == "vit_tiny_patch16_224.augreg_in21k_ft_in1k"
    assert (model.preprocess.height, model.preprocess.crop_pct) == (224, 0.9)
    assert len(model.vocabulary.names) == 1000
    other = from_timm(timm.create_model("vit_tiny_patch16_224", depth=1, num_classes=5, img_size=96), name="mine")
    assert (other.name, other.preprocess.height, other.vocabulary) == ("mine", 96, None)
    assert len(from_timm(timm.create_model("vit_tiny_patch16_224", depth=1, in_chans=1)).preprocess.mean) == 1
    assert from_timm(timm.create_model("vit_tiny_patch16_224", depth=1, in_chans=5)).preprocess is None


def test_class_names_come_from_the_config():
    import transformers as hf

    names = {i: f"thing {i}" for i in range(N_CLASSES)}
    shape: dict[str, Any] = {
        "hidden_size": 12,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
        "intermediate_size": 8,
    }
    module = hf.ViTForImageClassification(hf.ViTConfig(**shape, image_size=16, patch_size=8, id2label=names))
    assert from_transformers(module).vocabulary.names[3] == "thing 3"
    assert tiny("ViT").model.vocabulary is None, "LABEL_0 is no name"
