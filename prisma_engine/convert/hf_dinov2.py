"""transformers' DINOv2, also with registers."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from prisma_engine.config import ViTConfig
from prisma_engine.convert.recipe import (
    SHAPE,
    Recipe,
    Size,
    activation,
    check_config,
    features,
    pair,
    positions,
    shape,
    without_prefix,
)
from prisma_engine.convert.table import NotUnderstood, Source, Table, join

CLASSES = (
    *("Dinov2Model", "Dinov2ForImageClassification"),
    *("Dinov2WithRegistersModel", "Dinov2WithRegistersForImageClassification"),
)

TABLE: Table = {
    "embed.proj": "embeddings.patch_embeddings.projection",
    "embed.prefix_tokens": "embeddings.cls_token",
    "blocks.{i}.ln1": "encoder.layer.{i}.norm1",
    "blocks.{i}.attn.qkv": join(
        "encoder.layer.{i}.attention.q_proj",
        "encoder.layer.{i}.attention.k_proj",
        "encoder.layer.{i}.attention.v_proj",
    ),
    "blocks.{i}.attn.proj": "encoder.layer.{i}.attention.o_proj",
    "blocks.{i}.ls1.gamma": "encoder.layer.{i}.layer_scale1.lambda1",
    "blocks.{i}.ln2": "encoder.layer.{i}.norm2",
    "blocks.{i}.mlp.fc1": "encoder.layer.{i}.mlp.fc1",
    "blocks.{i}.mlp.fc2": "encoder.layer.{i}.mlp.fc2",
    "blocks.{i}.ls2.gamma": "encoder.layer.{i}.layer_scale2.lambda1",
    "ln_final": "layernorm",
    "head.linear": "classifier",
}
SWIGLU: Table = {
    "blocks.{i}.mlp.fc1": join("encoder.layer.{i}.mlp.gate_proj", "encoder.layer.{i}.mlp.up_proj"),
    "blocks.{i}.mlp.fc2": "encoder.layer.{i}.mlp.down_proj",
}
REGISTERS: Table = {
    "embed.prefix_tokens": join("embeddings.cls_token", "embeddings.register_tokens", axis=1),
}
POSITIONS = "embeddings.position_embeddings"


def read(module: Any, image_size: Size | None) -> Recipe:
    """DINOv2; without a classifier the output is the normalised CLS token.

    The released checkpoints have positions for 518×518 pixels and are commonly run at 224×224: pass that size.
    """
    config = module.config
    check_config(config, SHAPE | {"patch_size", "mlp_ratio", "use_swiglu_ffn", "num_register_tokens"})
    n_registers = getattr(config, "num_register_tokens", 0)
    base = getattr(module, module.base_model_prefix, module)
    c = ViTConfig(
        **shape(config, image_size),
        **_mlp(base.encoder.layer[0].mlp, config),
        patch_size=pair(config.patch_size),
        prefix=("CLS", *(f"REG{i + 1}" for i in range(n_registers))),
        layer_scale=True,
        **_head(module),
    )
    table: dict[str, str | Source] = {**TABLE, **(SWIGLU if c.gated_mlp else {}), **(REGISTERS if n_registers else {})}
    # the original interpolates in every pass; with registers, they come between CLS and patches afterwards
    native = positions(base.embeddings, POSITIONS, 1 + c.n_patches, c.image_size)
    table["embed.pos_embed"] = Source((POSITIONS,), partial(_around_registers, native, n_registers))
    # mask tokens are for pretraining; a count of zero registers leaves an empty tensor
    ignore = ("embeddings.mask_token", *(("embeddings.register_tokens",) if not n_registers else ()))
    return Recipe(c, table, without_prefix(module.state_dict(), f"{module.base_model_prefix}."), ignore)


def _mlp(mlp: Any, config: Any) -> dict[str, Any]:
    if config.use_swiglu_ffn:
        return {"d_mlp": mlp.down_proj.in_features, "activation": "silu", "gated_mlp": True}
    return {"d_mlp": mlp.fc2.in_features, "activation": activation(config)}


def _head(module: Any) -> dict[str, Any]:
    linear: nn.Module | None = getattr(module, "classifier", None)
    if linear is None:
        return features(module.config.hidden_size)
    if not isinstance(linear, nn.Linear):
        raise NotUnderstood("a DINOv2 classifier with num_labels=0 is not understood; convert its base model")
    return {"head": "cls_mean", "n_classes": linear.out_features}


def _around_registers(native: Source, n_registers: int, weight: Tensor) -> Tensor:
    """Registers have no positions: a row of zeros each, after that of CLS."""
    pos = native.make(weight)
    return torch.cat([pos[:, :1], pos.new_zeros(1, n_registers, pos.shape[-1]), pos[:, 1:]], dim=1)
