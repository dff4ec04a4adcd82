"""transformers' ViT and DeiT."""

from __future__ import annotations

from typing import Any

from prisma_engine.config import ViTConfig
from prisma_engine.convert.recipe import (
    SHAPE,
    Recipe,
    Size,
    activation,
    check_config,
    classifier,
    pair,
    positions,
    shape,
    without_prefix,
)
from prisma_engine.convert.table import Source, Table, join

CLASSES = (
    *("ViTModel", "ViTForImageClassification"),
    *("DeiTModel", "DeiTForImageClassification", "DeiTForImageClassificationWithTeacher"),
)

POSITIONS = "embeddings.position_embeddings"
LAYERS: Table = {
    "blocks.{i}.ln1": "layers.{i}.layernorm_before",
    "blocks.{i}.attn.qkv": join(
        "layers.{i}.attention.q_proj", "layers.{i}.attention.k_proj", "layers.{i}.attention.v_proj"
    ),
    "blocks.{i}.attn.proj": "layers.{i}.attention.o_proj",
    "blocks.{i}.ln2": "layers.{i}.layernorm_after",
    "blocks.{i}.mlp.fc1": "layers.{i}.mlp.fc1",
    "blocks.{i}.mlp.fc2": "layers.{i}.mlp.fc2",
    "ln_final": "layernorm",
}
TABLE: Table = {
    **LAYERS,
    "embed.proj": "embeddings.patch_embeddings.projection",
    "embed.prefix_tokens": "embeddings.cls_token",
    "embed.pos_embed": POSITIONS,
    "head.linear": "classifier",
}
DISTILLED: Table = {
    "embed.prefix_tokens": join("embeddings.cls_token", "embeddings.distillation_token", axis=1),
}
WITH_TEACHER: Table = {"head.linear": "cls_classifier", "head.linear_dist": "distillation_classifier"}

# The tanh pooler follows the CLS feature that `ViTModel` is read for; the mask token is for pretraining.
IGNORE = ("pooler.*", "embeddings.mask_token")


def read(module: Any, image_size: Size | None) -> Recipe:
    """ViT, or DeiT with its distillation token; without a classifier the output is the normalised CLS token."""
    check_config(module.config, SHAPE | {"patch_size", "intermediate_size"})
    base = getattr(module, module.base_model_prefix, module)
    distilled = type(module).__name__.startswith("DeiT")
    c = ViTConfig(
        **shape(module.config, image_size),
        patch_size=pair(module.config.patch_size),
        d_mlp=module.config.intermediate_size,
        activation=activation(module.config),
        prefix=("CLS", "DIST") if distilled else ("CLS",),
        **_head(module),
    )
    table: dict[str, str | Source] = {**TABLE, **(DISTILLED if distilled else {})}
    if c.head == "two_head":
        table |= WITH_TEACHER
    if c.image_size != pair(module.config.image_size):
        table["embed.pos_embed"] = positions(base.embeddings, POSITIONS, c.n_tokens, c.image_size)
    return Recipe(c, table, without_prefix(module.state_dict(), f"{module.base_model_prefix}."), IGNORE)


def _head(module: Any) -> dict[str, Any]:
    d_model = module.config.hidden_size
    if hasattr(module, "cls_classifier"):
        head = classifier(module.cls_classifier, d_model)
        return head | {"head": "two_head"} if head["head"] == "linear" else head
    return classifier(getattr(module, "classifier", None), d_model)
