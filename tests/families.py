"""One tiny model of every family, every parameter random: the original, what it answers, and our conversion.

Library initialisation would hide faults (with it, swapping q and k in DINOv2 moves the output by 2e-5), so
every parameter is normal: weights with variance 1 / fan-in, all others (norms, biases, LayerScale, tokens, positions)
with variance 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from prisma_engine.config import ViTConfig
from prisma_engine.convert import from_timm, from_transformers, zero_shot
from prisma_engine.vit import HookedViT

N_CLASSES = 7
Answer = Callable[[Any, Tensor], Tensor]


@dataclass(frozen=True)
class Family:
    """How to build a tiny original and ask it."""

    build: Callable[[], nn.Module]
    answer: Answer
    convert: Callable[[Any], HookedViT]
    tolerance: float = 0.0  # relative to the largest answer; above 0 only with a reason
    reason: str = ""


@dataclass(frozen=True)
class Tiny:
    """An original, its conversion, an input, and what the original answers to it."""

    original: Any
    model: HookedViT
    x: Tensor
    answer: Tensor


def randomised(module: Any, seed: int = 0) -> Any:
    """The same module in eval mode with every parameter drawn anew."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in module.named_parameters():
            table = name.endswith(("position_embedding.weight", "token_embedding.weight"))
            is_map = p.ndim >= 2 and name.endswith("weight") and not table
            std = p[0].numel() ** -0.5 if is_map else 1.0
            p.copy_(torch.randn(p.shape, generator=generator) * std)
    return module.eval()


def random_input(config: ViTConfig, batch: int = 2, seed: int = 1) -> Tensor:
    frames = (config.n_frames,) * config.is_video
    shape = (batch, *frames, config.n_channels, *config.image_size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def _timm(distilled: bool = False, **options: Any) -> Family:
    from timm.models.deit import VisionTransformerDistilled
    from timm.models.vision_transformer import VisionTransformer

    kind = VisionTransformerDistilled if distilled else VisionTransformer
    shape = {"img_size": (24, 32), "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 3}
    build = lambda: kind(**{**shape, "num_classes": N_CLASSES, **options})  # noqa: E731
    return Family(build, lambda module, x: module(x), from_timm)


def _timm_families() -> dict[str, Family]:
    from timm.layers import SwiGLU, SwiGLUPacked

    dinov2: dict[str, Any] = {"init_values": 1e-5, "num_classes": 0}
    swiglu: dict[str, Any] = {**dinov2, "act_layer": nn.SiLU, "mlp_ratio": 4}
    clip: dict[str, Any] = {"pre_norm": True, "act_layer": "quick_gelu", "norm_layer": nn.LayerNorm}
    siglip: dict[str, Any] = {"class_token": False, "global_pool": "map", "act_layer": "gelu_tanh"}
    return {
        "timm ViT": _timm(),
        "timm ViT, mean pool": _timm(global_pool="avg", class_token=False, qkv_bias=False),
        "timm ViT, mean pool after the norm": _timm(global_pool="avg", fc_norm=False),
        "timm ViT, norm after the token pool": _timm(fc_norm=True, drop_path_rate=0.1, patch_drop_rate=0.1),
        "timm ViT, no norm, no positions": _timm(final_norm=False, pos_embed="none", proj_bias=False),
        "timm DeiT distilled": _timm(distilled=True),
        "timm DeiT-3": _timm(no_embed_class=True, init_values=1e-6),
        "timm DINOv2": _timm(**dinov2),
        "timm DINOv2 with registers": _timm(**dinov2, reg_tokens=4, no_embed_class=True),
        "timm DINOv2, SwiGLU packed": _timm(**swiglu, mlp_layer=SwiGLUPacked),
        "timm DINOv2, SwiGLU": _timm(**swiglu, mlp_layer=SwiGLU),
        "timm CLIP": _timm(**clip),
        "timm SigLIP": _timm(**siglip, num_classes=0),
        "timm SigLIP, classifier": _timm(**siglip, reg_tokens=2, num_classes=24),
    }


def _vision(**options: Any) -> dict[str, Any]:
    shape = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "image_size": 32, "patch_size": 8}
    return {**shape, "attn_implementation": "sdpa", **options}


def _two_towers(**vision: Any) -> dict[str, Any]:
    text = {"hidden_size": vision.get("text_width", 16), "num_hidden_layers": 2, "num_attention_heads": 2}
    text |= {"intermediate_size": 24, "vocab_size": 100, "max_position_embeddings": 16}
    text |= {"bos_token_id": 98, "eos_token_id": 99, "pad_token_id": 1}
    return {"vision_config": _vision(intermediate_size=40), "text_config": text, "attn_implementation": "sdpa"}


def _logits(module: Any, x: Tensor, **how: Any) -> Tensor:
    return module(x, **how).logits


def _cls(module: Any, x: Tensor, **how: Any) -> Tensor:
    return module(x, **how).last_hidden_state[:, 0]


def _pooled(module: Any, x: Tensor, **how: Any) -> Tensor:
    return module(x, **how).pooler_output


def _image_embeds(module: Any, x: Tensor, **how: Any) -> Tensor:
    return module(x, **how).image_embeds


def _image_features(module: Any, x: Tensor, **how: Any) -> Tensor:
    return module.get_image_features(x, **how).pooler_output


def clip_model() -> Any:
    """A tiny `CLIPModel` with both towers."""
    import transformers as hf

    return hf.CLIPModel(hf.CLIPConfig(**_two_towers(), projection_dim=20))


def _hf_families() -> dict[str, Family]:
    import transformers as hf

    def family(kind: str, answer: Answer, **options: Any) -> Family:
        def build() -> Any:
            cls = getattr(hf, kind)
            return cls(cls.config_class(**options))

        return Family(build, answer, from_transformers)

    mlp, labels = {"intermediate_size": 40}, {"num_labels": N_CLASSES}
    siglip_text = {**_two_towers(text_width=24), **labels}
    vivit = _vision(image_size=(16, 24), tubelet_size=[2, 8, 8], num_frames=4, **mlp, **labels)
    del vivit["patch_size"]
    pooling = {
        "tolerance": 1e-6,
        "reason": "torch's MultiheadAttention computes the softmax of its pooling explicitly, timm and we fused",
    }
    return {
        "ViT": family("ViTForImageClassification", _logits, **_vision(**mlp, **labels)),
        "ViT features": family("ViTModel", _cls, **_vision(**mlp, qkv_bias=False, head_dim=10)),
        "DeiT": family("DeiTForImageClassification", _logits, **_vision(**mlp, **labels)),
        "DeiT with teacher": family("DeiTForImageClassificationWithTeacher", _logits, **_vision(**mlp, **labels)),
        "CLIP": Family(clip_model, _image_features, from_transformers),
        "CLIP tower": family("CLIPVisionModel", _pooled, **_vision(**mlp)),
        "CLIP projection": family("CLIPVisionModelWithProjection", _image_embeds, **_vision(**mlp, projection_dim=20)),
        "CLIP classifier": family("CLIPForImageClassification", _logits, **_two_towers(), **labels),
        "DINOv2": family("Dinov2ForImageClassification", _logits, **_vision(**labels)),
        "DINOv2 features": family("Dinov2Model", _cls, **_vision()),
        "DINOv2, SwiGLU": family("Dinov2ForImageClassification", _logits, **_vision(**labels, use_swiglu_ffn=True)),
        "DINOv2 with registers": family("Dinov2WithRegistersForImageClassification", _logits, **_vision(**labels)),
        "DINOv2 with registers, features": family("Dinov2WithRegistersModel", _cls, **_vision()),
        "SigLIP": replace(family("SiglipModel", _image_features, **siglip_text), **pooling),
        "SigLIP tower": replace(family("SiglipVisionModel", _pooled, **_vision(**mlp)), **pooling),
        "SigLIP classifier": family("SiglipForImageClassification", _logits, **siglip_text),
        "ViViT": family("VivitForVideoClassification", _logits, **vivit),
    }


TIMM = _timm_families()
HF = _hf_families()
FAMILIES = TIMM | HF


@cache
def tiny(name: str) -> Tiny:
    """The family's tiny model, built once. Read-only: tests share it."""
    family = FAMILIES[name]
    original = randomised(family.build())
    model = family.convert(original)
    x = random_input(model.config)
    with torch.no_grad():
        answer = family.answer(original, x)
    return Tiny(original, model, x, answer)


BASE = ViTConfig(
    image_size=(24, 32), patch_size=(8, 8), n_layers=2, n_heads=3, d_model=24, d_head=8, d_mlp=40, n_classes=N_CLASSES
)
OWN = {
    "attention-only": replace(BASE, attn_only=True, d_mlp=0),
    "causal": replace(BASE, attention_direction="causal", pool="mean"),
    "causal, attention-only": replace(
        BASE, attention_direction="causal", pool="mean", prefix=(), attn_only=True, d_mlp=0, layer_scale=True
    ),
    "no norms": replace(BASE, block_norm=False, final_norm=False, qkv_bias=False, embed_bias=False),
    "attention-only, no norms in the blocks": replace(BASE, attn_only=True, d_mlp=0, block_norm=False),
    "relu, no biases": replace(BASE, activation="relu", qkv_bias=False, out_bias=False, head_bias=False),
}


def words(texts: list[str], **_: Any) -> dict[str, Tensor]:
    """A tokenizer for the tiny CLIP: one token a word, by its letters; padded after the end token."""
    rows = [[98, *(2 + sum(map(ord, word)) % 95 for word in text.split()), 99] for text in texts]
    width = max(map(len, rows))
    mask = [[1] * len(row) + [0] * (width - len(row)) for row in rows]
    padded = [row + [1] * (width - len(row)) for row in rows]
    return {"input_ids": torch.tensor(padded), "attention_mask": torch.tensor(mask)}


@cache
def own(name: str) -> HookedViT:
    """A tiny model of a variant that no library has; read-only."""
    if name == "zero-shot":
        clip = tiny("CLIP")
        return zero_shot(clip.model, clip.original, words, ["cat", "dog", "old red bicycle"])
    return randomised(HookedViT(OWN[name])).requires_grad_(False)


MODELS = (*FAMILIES, *OWN, "zero-shot")
"""Names of all tiny models: every family, and our own variants."""


def tiny_model(name: str) -> HookedViT:
    """Any of `MODELS`."""
    return tiny(name).model if name in FAMILIES else own(name)


def largest(x: Tensor) -> float:
    """The largest magnitude, and infinity where something is not a number."""
    value = x.abs().max().item()
    return math.inf if math.isnan(value) else value
