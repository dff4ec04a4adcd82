"""transformers' CLIP (TinyCLIP is the same class): the vision tower alone, with projection, or with a classifier."""

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
    features,
    pair,
    positions,
    shape,
    without_prefix,
)
from prisma_engine.convert.table import Source, Table, join

CLASSES = ("CLIPModel", "CLIPVisionModel", "CLIPVisionModelWithProjection", "CLIPForImageClassification")

ENCODER: Table = {
    "embed.proj": "embeddings.patch_embedding",
    "embed.pos_embed": "embeddings.position_embedding.weight",
    "blocks.{i}.ln1": "encoder.layers.{i}.layer_norm1",
    "blocks.{i}.attn.qkv": join(
        "encoder.layers.{i}.self_attn.q_proj",
        "encoder.layers.{i}.self_attn.k_proj",
        "encoder.layers.{i}.self_attn.v_proj",
    ),
    "blocks.{i}.attn.proj": "encoder.layers.{i}.self_attn.out_proj",
    "blocks.{i}.ln2": "encoder.layers.{i}.layer_norm2",
    "blocks.{i}.mlp.fc1": "encoder.layers.{i}.mlp.fc1",
    "blocks.{i}.mlp.fc2": "encoder.layers.{i}.mlp.fc2",
    "ln_final": "post_layernorm",
}
TABLE: Table = {
    **ENCODER,
    "embed.prefix_tokens": "embeddings.class_embedding",
    "ln_pre": "pre_layrnorm",  # the original misspells it, and the checkpoints keep the typo
    "head.linear": "visual_projection",
}
CLASSIFIER: Table = {"head.linear": "classifier"}
TEXT = ("text_model.*", "text_projection.*", "logit_scale")


def read(module: Any, image_size: Size | None) -> Recipe:
    """The vision tower; its output is the image embedding (not normalised), or the CLS feature without projection."""
    tower = getattr(module, "vision_model", module)
    if module.config is not tower.config:
        check_config(module.config, {"projection_dim", "text_config", "vision_config"})
    check_config(tower.config, SHAPE | {"patch_size", "intermediate_size", "projection_dim"})
    c = ViTConfig(
        **shape(tower.config, image_size),
        patch_size=pair(tower.config.patch_size),
        d_mlp=tower.config.intermediate_size,
        activation=activation(tower.config),
        pre_norm=True,
        embed_bias=False,
        **_head(module, tower.config.hidden_size),
    )
    table: dict[str, str | Source] = {**TABLE, **(CLASSIFIER if hasattr(module, "classifier") else {})}
    if c.image_size != pair(tower.config.image_size):
        key = "embeddings.position_embedding.weight"
        table["embed.pos_embed"] = positions(tower.embeddings, key, c.n_tokens, c.image_size)
    # the classifier averages patches that no norm has seen, though the checkpoint has one
    ignore = TEXT if c.final_norm else ("post_layernorm.*",)
    return Recipe(c, table, without_prefix(module.state_dict(), "vision_model."), ignore)


def _head(module: Any, d_model: int) -> dict[str, Any]:
    if hasattr(module, "classifier"):
        return classifier(module.classifier, d_model) | {"final_norm": False, "pool": "mean"}
    if hasattr(module, "visual_projection"):
        return {"head": "linear", "n_classes": module.visual_projection.out_features, "head_bias": False}
    return features(d_model)
