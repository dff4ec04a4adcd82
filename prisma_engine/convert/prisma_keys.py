"""The two ways in which ViT-Prisma's checkpoints name their weights, and the shape of the model that they say.

*Legacy* files keep q, k and v packed, q first, each head by head; *hooked* ones have a tensor for each, with an axis of
heads, and matrices that multiply from the right. No file says its number of heads in the legacy style, none its
activation (GELU in every published one) or a norm's eps (1e-6 here). A norm without weights would leave no trace; the
published models have no norms at all.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from prisma_engine.config import ViTConfig
from prisma_engine.convert.table import NotUnderstood, Source, Table

LEGACY: Table = {
    "embed.proj": "patch_embedding.proj",
    "embed.prefix_tokens": "cls_token",
    "embed.pos_embed": "position_embedding",
    "ln_pre": "pre_block_norm",
    "blocks.{i}.attn.qkv": "blocks.{i}.attention.qkv",
    "blocks.{i}.attn.proj": "blocks.{i}.attention.proj",
    "blocks.{i}.mlp.fc1": "blocks.{i}.mlp.fc1",
    "blocks.{i}.mlp.fc2": "blocks.{i}.mlp.fc2",
    "ln_final": "pre_head_norm",
    "head.linear": "head",
}
AFTER = re.compile(r"blocks\.\d+\.(post_attn_ln|post_mlp_ln)\.weight")
"""Norms of the stream itself, behind what was added to it; then it is no sum of what the layers write."""


def _turned(key: str) -> Source:
    """A matrix that multiplies from the right."""
    return Source((key,), lambda matrix: matrix.T if matrix.ndim == 2 else matrix)


def _packed(*tensors: Tensor) -> Tensor:
    """Weights [head d_model d_head] of q, k and v as one matrix [q·k·v·head·d_head d_model]."""
    return torch.cat([tensor.transpose(1, 2).flatten(0, 1) for tensor in tensors])


def _packed_biases(*tensors: Tensor) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in tensors])


ATTN = "blocks.{i}.attn."
HOOKED: Table = {
    "embed.proj": "embed.proj",
    "embed.prefix_tokens": "cls_token",
    "embed.pos_embed": "pos_embed.W_pos",
    **{f"{norm}.{ours}": f"{norm}.{theirs}"
       for norm in ("ln_pre", "blocks.{i}.ln1", "blocks.{i}.ln2", "ln_final")
       for ours, theirs in (("weight", "w"), ("bias", "b"))},
    "blocks.{i}.attn.qkv.weight": Source((f"{ATTN}W_Q", f"{ATTN}W_K", f"{ATTN}W_V"), _packed),
    "blocks.{i}.attn.qkv.bias": Source((f"{ATTN}b_Q", f"{ATTN}b_K", f"{ATTN}b_V"), _packed_biases),
    "blocks.{i}.attn.proj.weight": Source((f"{ATTN}W_O",), lambda W_O: W_O.flatten(0, 1).T),
    "blocks.{i}.attn.proj.bias": f"{ATTN}b_O",
    "blocks.{i}.mlp.fc1.weight": _turned("blocks.{i}.mlp.W_in"),
    "blocks.{i}.mlp.fc1.bias": "blocks.{i}.mlp.b_in",
    "blocks.{i}.mlp.fc2.weight": _turned("blocks.{i}.mlp.W_out"),
    "blocks.{i}.mlp.fc2.bias": "blocks.{i}.mlp.b_out",
    "head.linear.weight": _turned("head.W_H"),
    "head.linear.bias": "head.b_H",
}  # fmt: skip


@dataclass(frozen=True)
class Style:
    """Where a key style keeps what tells the shape.

    Attributes:
        table: from our parameters to its keys.
        patches, positions, query, mlp, head: weights of these parts, in the first block where there are several.
        biases: of the embedding, of q, k and v, of what attention writes, of the head.
        norms: before the blocks, in them, behind them; "" for one that the style does not have.
        has_heads: q, k and v have an axis of heads; else they are packed.
        output: which axis of a matrix is what it makes.
        norm_after_mean: a model without CLS averages its patches before its last norm.
    """

    table: Table
    patches: str
    positions: str
    query: str
    mlp: str
    head: str
    biases: tuple[str, str, str, str]
    norms: tuple[str, str, str]
    has_heads: bool
    output: int
    norm_after_mean: bool


STYLES = (
    Style(
        LEGACY,
        "patch_embedding.proj.weight",
        "position_embedding",
        "blocks.0.attention.qkv.weight",
        "blocks.0.mlp.fc1.weight",
        "head.weight",
        ("patch_embedding.proj.bias", "blocks.0.attention.qkv.bias", "blocks.0.attention.proj.bias", "head.bias"),
        ("pre_block_norm.weight", "", "pre_head_norm.weight"),
        has_heads=False,
        output=0,
        norm_after_mean=True,
    ),
    Style(
        HOOKED,
        "embed.proj.weight",
        "pos_embed.W_pos",
        "blocks.0.attn.W_Q",
        "blocks.0.mlp.W_in",
        "head.W_H",
        ("embed.proj.bias", "blocks.0.attn.b_Q", "blocks.0.attn.b_O", "head.b_H"),
        ("ln_pre.w", "blocks.0.ln1.w", "ln_final.w"),
        has_heads=True,
        output=1,
        norm_after_mean=False,
    ),
)


def style_of(state: Mapping[str, Tensor]) -> Style:
    """How a state dict names its weights.

    Raises:
        NotUnderstood: if in neither way; the sentence says what was found.
    """
    for style in STYLES:
        if style.patches in state:
            return style
    known = " or ".join(style.patches for style in STYLES)
    found = ", ".join(repr(key)[:60] for key in list(state)[:4])
    raise NotUnderstood(f"a ViT-Prisma checkpoint has {known}; found {found} and {max(0, len(state) - 4)} more")


def read_config(style: Style, state: Mapping[str, Tensor], n_heads: int | None) -> ViTConfig:
    """The shape of the model, read off its weights.

    Args:
        n_heads: needed where the style does not say it.

    Raises:
        NotUnderstood: for what is missing, contradicts itself or is not in the engine, by name.
    """
    if norm := next((key for key in state if AFTER.fullmatch(key)), None):
        raise NotUnderstood(f"{norm} normalises the residual stream behind a layer, which the engine does not have")
    d_model, n_channels, *patch = _shape(state, style.patches, "d_model", "channel", "height", "width")
    prefix = ("CLS",) if "cls_token" in state else ()
    rows = _rows(style, state, len(prefix))
    embed_bias, qkv_bias, out_bias, head_bias = (key in state for key in style.biases)
    pre_norm, block_norm, final_norm = (key in state for key in style.norms)
    attn_only = not any(".mlp." in key for key in state)
    return ViTConfig(
        image_size=(rows * patch[0], rows * patch[1]),
        patch_size=(patch[0], patch[1]),
        n_layers=len({key.split(".")[1] for key in state if key.startswith("blocks.")}) or 1,
        **_heads(style, state, d_model, n_heads),
        d_model=d_model,
        d_mlp=0 if attn_only else _shape(state, style.mlp, "to", "from")[style.output],
        n_classes=_shape(state, style.head, "to", "from")[style.output],
        n_channels=n_channels,
        prefix=prefix,
        attn_only=attn_only,
        pre_norm=pre_norm,
        block_norm=block_norm,
        final_norm=final_norm,
        qkv_bias=qkv_bias,
        out_bias=out_bias,
        embed_bias=embed_bias,
        head_bias=head_bias,
        pool="token" if prefix else "mean",
        pool_before_norm=not prefix and final_norm and style.norm_after_mean,
    )


def _rows(style: Style, state: Mapping[str, Tensor], n_prefix: int) -> int:
    """Rows of patches, which are as many as columns."""
    if style.positions not in state:
        raise NotUnderstood(f"it has no {style.positions}")
    shape = tuple(state[style.positions].shape)
    n_patches = (shape[-2] if len(shape) > 1 else 0) - n_prefix
    rows = math.isqrt(max(0, n_patches))
    if not rows or rows**2 != n_patches:
        beside = "CLS and " if n_prefix else ""
        raise NotUnderstood(f"{style.positions} has shape {shape}, expected [{beside}rows × rows of patches, d_model]")
    return rows


def _heads(style: Style, state: Mapping[str, Tensor], d_model: int, n_heads: int | None) -> dict[str, Any]:
    if style.has_heads:
        n_heads, _, d_head = _shape(state, style.query, "head", "d_model", "d_head")
        return {"n_heads": n_heads, "d_head": d_head}
    if n_heads is None:
        raise NotUnderstood(
            "its weights do not say how many heads its attention has, and by its name it is none of the published "
            "models; give the number, as load(…, n_heads=8)"
        )
    if n_heads < 1 or d_model % n_heads:
        raise NotUnderstood(f"a residual stream of width {d_model} does not divide into {n_heads} heads")
    return {"n_heads": n_heads, "d_head": d_model // n_heads}


def _shape(state: Mapping[str, Tensor], key: str, *axes: str) -> tuple[int, ...]:
    """The shape of a weight that must be there, with so many axes."""
    if key not in state:
        raise NotUnderstood(f"it has no {key}")
    if state[key].ndim != len(axes):
        raise NotUnderstood(f"{key} has shape {tuple(state[key].shape)}, expected [{' '.join(axes)}]")
    return tuple(state[key].shape)
