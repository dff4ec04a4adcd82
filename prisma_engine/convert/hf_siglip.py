"""transformers' SigLIP: the vision tower, which pools by attention, or a classifier on the mean patch."""

from __future__ import annotations

from typing import Any

from torch import nn

from prisma_engine.config import ViTConfig
from prisma_engine.convert.hf_clip import ENCODER
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
from prisma_engine.convert.table import NotUnderstood, Source, Table, split

CLASSES = ("SiglipModel", "SiglipVisionModel", "SiglipForImageClassification")

TABLE: Table = {
    **ENCODER,
    "head.linear": "classifier",
    "head.probe": "head.probe",
    # torch's MultiheadAttention packs q, k and v; the head has q apart, since only the probe asks
    "head.q.weight": split("head.attention.in_proj_weight", slice(0, 1)),
    "head.q.bias": split("head.attention.in_proj_bias", slice(0, 1)),
    "head.kv.weight": split("head.attention.in_proj_weight", slice(1, 3)),
    "head.kv.bias": split("head.attention.in_proj_bias", slice(1, 3)),
    "head.proj": "head.attention.out_proj",
    "head.norm": "head.layernorm",
    "head.fc1": "head.mlp.fc1",
    "head.fc2": "head.mlp.fc2",
}
TEXT = ("text_model.*", "logit_scale", "logit_bias")


def read(module: Any, image_size: Size | None) -> Recipe:
    """The vision tower; its output is the attention-pooled feature, or the logits of a classifier."""
    tower = getattr(module, "vision_model", module)
    if module.config is not tower.config:
        check_config(module.config, {"text_config", "vision_config"})
    check_config(tower.config, SHAPE | {"patch_size", "intermediate_size", "vision_use_head"})
    c = ViTConfig(
        **shape(tower.config, image_size),
        patch_size=pair(tower.config.patch_size),
        d_mlp=tower.config.intermediate_size,
        activation=activation(tower.config),
        prefix=(),
        **_head(module, tower),
    )
    table: dict[str, str | Source] = dict(TABLE)
    if c.image_size != pair(tower.config.image_size):
        key = "embeddings.position_embedding.weight"
        table["embed.pos_embed"] = positions(tower.embeddings, key, c.n_tokens, c.image_size)
    ignore = TEXT if c.head == "attention_pool" else ("head.*",)  # the classifier leaves the pooling head unused
    return Recipe(c, table, without_prefix(module.state_dict(), "vision_model."), ignore)


def _head(module: Any, tower: Any) -> dict[str, Any]:
    d_model = tower.config.hidden_size
    linear: nn.Module | None = getattr(module, "classifier", None)
    if linear is not None:
        return classifier(linear, d_model) | {"pool": "mean"}
    if not tower.config.vision_use_head:
        raise NotUnderstood("a SigLIP tower without its pooling head (vision_use_head=False) has no output to read")
    return {"head": "attention_pool", "n_classes": d_model, "head_bias": False}
