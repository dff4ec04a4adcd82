"""What the engine does not understand is refused, with one sentence that names it."""

import copy

import pytest
import torch
from torch import nn

from families import BASE, tiny
from prisma_engine.convert import NotUnderstood, from_timm, from_transformers
from prisma_engine.convert.table import convert, join
from prisma_engine.convert.timm_vit import TABLE

TINY = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3, "num_classes": 7}
SHAPE = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "image_size": 32, "patch_size": 8}
MLP = {"intermediate_size": 40}


def refusal(convert_it, *args, **kwargs) -> str:
    with pytest.raises(NotUnderstood) as caught:
        convert_it(*args, **kwargs)
    sentence = str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in sentence
    assert len(sentence) < 700
    return sentence


def timm_vit(**options):
    from timm.models.vision_transformer import VisionTransformer

    return VisionTransformer(**{**TINY, **options})


def timm_options():
    from timm.layers import Mlp, RmsNorm
    from timm.models.vision_transformer import ParallelScalingBlock, ResPostBlock

    class OtherMlp(Mlp):
        pass

    return {
        "q_norm": {"qk_norm": True},
        "attn.norm": {"scale_attn_norm": True},
        "mlp.norm": {"scale_mlp_norm": True},
        "ResPostBlock": {"block_fn": ResPostBlock},
        "ParallelScalingBlock": {"block_fn": ParallelScalingBlock},
        "DiffAttention": {"attn_layer": "diff"},
        "OtherMlp": {"mlp_layer": OtherMlp},
        "RmsNorm": {"norm_layer": RmsNorm},
        "patch_embed.norm": {"embed_norm_layer": nn.LayerNorm},
        "global_pool='max'": {"global_pool": "max"},
        "AttentionPoolPrr": {"global_pool": "prr"},
        "pool_include_prefix": {"global_pool": "avg", "pool_include_prefix": True},
        "dynamic_img_size": {"dynamic_img_size": True},
        "attention pool": {"global_pool": "map", "fc_norm": True},
        "SELU": {"act_layer": nn.SELU},
        "without blocks": {"depth": 0},
    }


@pytest.mark.parametrize("named", timm_options())
def test_timm_options(named):
    options = timm_options()[named]
    assert named.split()[0] in refusal(from_timm, timm_vit(**options))


@pytest.mark.parametrize(
    ("architecture", "smaller"),
    [
        ("eva02_tiny_patch14_224", {"depth": 1}),
        ("swin_tiny_patch4_window7_224", {"depths": (1, 1), "embed_dim": 24, "num_heads": (1, 1)}),
        ("vit_relpos_small_patch16_224", {"depth": 1}),
    ],
)
def test_timm_architectures(architecture, smaller):
    import timm

    module = timm.create_model(architecture, **smaller)
    assert type(module).__name__ in refusal(from_timm, module)


def change_eps(m):
    m.blocks[1].norm1.eps = 1e-3


def change_scale(m):
    m.blocks[1].attn.scale = 0.5


def change_activation(m):
    m.blocks[1].mlp.act = nn.ReLU()


def add_gate(m):
    m.blocks[1].attn.gate = nn.Linear(24, 24)


def add_parameter(m):
    m.blocks[1].attn.extra = nn.Parameter(torch.zeros(3))


def drop_bias(m):
    m.blocks[1].mlp.fc1.bias = None


def widen(m):
    m.blocks[1].mlp.fc1 = nn.Linear(24, 99)


@pytest.mark.parametrize(
    ("tamper", "named"),
    [
        (change_eps, "eps"),
        (change_scale, "blocks.1.attn.scale"),
        (change_activation, "activation differs"),
        (add_gate, "blocks.1.attn.gate"),
        (add_parameter, "blocks.1.attn.extra"),
        (drop_bias, "blocks.1.mlp.fc1.bias"),
        (widen, "blocks.1.mlp.fc1.weight"),
    ],
)
def test_timm_modules_that_were_changed(tamper, named):
    module = timm_vit()
    from_timm(module)
    tamper(module)
    assert named in refusal(from_timm, module)


def test_timm_attention_pool_unlike_the_blocks():
    from timm.layers import AttentionPoolLatent, LayerNorm

    module = timm_vit(global_pool="map", class_token=False)
    module.attn_pool = AttentionPoolLatent(24, num_heads=2, mlp_ratio=4, norm_layer=LayerNorm)
    assert "attention pool" in refusal(from_timm, module)


def hf_module(kind, **options):
    import transformers as hf

    cls = getattr(hf, kind)
    return cls(cls.config_class(**{**SHAPE, **options}))


def test_transformers_classes():
    assert "BeitForImageClassification" in refusal(from_transformers, hf_module("BeitForImageClassification", **MLP))
    assert "ViTForMaskedImageModeling" in refusal(
        from_transformers, hf_module("ViTForMaskedImageModeling", encoder_stride=8, **MLP)
    )
    assert "Linear" in refusal(from_transformers, nn.Linear(2, 2))
    assert "Linear" in refusal(from_timm, nn.Linear(2, 2))


def test_a_class_that_only_shares_the_name():
    class ViTModel(nn.Module):
        pass

    assert "ViTModel" in refusal(from_transformers, ViTModel())


def test_transformers_config_attributes():
    module = hf_module("ViTModel", **MLP)
    from_transformers(module)
    module.config.qk_norm = True
    assert "qk_norm" in refusal(from_transformers, module)
    assert "'gelu_new'" in refusal(from_transformers, hf_module("ViTModel", **MLP, hidden_act="gelu_new"))
    legacy = hf_module("CLIPVisionModel", **MLP, num_beams=1, use_bfloat16=False, dropout=0.0)
    from_transformers(legacy)


def test_transformers_config_that_differs_by_layer():
    module = hf_module("ViTModel", **MLP)
    module.config.per_layer_config = {1: {"intermediate_size": 8}}
    assert "per_layer_config" in refusal(from_transformers, module)


def test_transformers_modules_that_were_exchanged():
    module = copy.deepcopy(tiny("ViT").original)
    module.vit.layers[1].mlp.activation_fn = nn.ReLU()
    assert "vit.layers.1.mlp.activation_fn" in refusal(from_transformers, module)

    class Adapter(nn.Linear):
        pass

    module = copy.deepcopy(tiny("ViT").original)
    module.vit.layers[1].mlp.fc1 = Adapter(24, 40)
    assert "vit.layers.1.mlp.fc1 is a Adapter" in refusal(from_transformers, module)


def test_transformers_heads_without_an_answer():
    assert "vision_use_head" in refusal(from_transformers, hf_module("SiglipVisionModel", **MLP, vision_use_head=False))
    assert "num_labels=0" in refusal(from_transformers, hf_module("Dinov2ForImageClassification", num_labels=0))
    assert "image_size" in refusal(from_transformers, tiny("ViViT").original, image_size=64)


def states():
    """A shape, a table and weights that convert."""
    module = timm_vit(img_size=(24, 32), mlp_ratio=40 / 24)
    return BASE, {**TABLE, "embed.prefix_tokens": "cls_token"}, dict(module.state_dict())


def test_leftover_missing_and_misshapen_keys():
    config, table, state = states()
    convert(config, table, state)
    assert "not understood: blocks.7.extra" in refusal(
        convert, config, table, state | {"blocks.7.extra": torch.zeros(1)}
    )
    convert(config, table, state | {"blocks.7.extra": torch.zeros(1)}, ignore=("blocks.7.*",))

    less = {key: tensor for key, tensor in state.items() if key != "blocks.1.norm2.bias"}
    assert "the original has no blocks.1.norm2.bias" in refusal(convert, config, table, less)

    turned = state | {"blocks.0.mlp.fc1.weight": state["blocks.0.mlp.fc1.weight"].T}
    assert "blocks.0.mlp.fc1.weight has shape (24, 40)" in refusal(convert, config, table, turned)

    assert "cannot be joined" in refusal(convert, config, {**table, "ln_final": join("norm", "head")}, state)
    without = {row: source for row, source in table.items() if row != "ln_final"}
    assert "ln_final.weight" in refusal(convert, config, without, state)


def test_axes_are_never_folded_to_make_a_tensor_fit():
    config, table, state = states()
    flat = state | {"head.weight": state["head.weight"].flatten()}
    assert "head.weight has shape (168,)" in refusal(convert, config, table, flat)
