"""A folder that timm opens: `timm.create_model("local-dir:…", pretrained=True)`, or `hf-hub:` once it is on the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model_cards.export.model import ExportError, Model, expect_plain, read_model, renamed, write

ARCHITECTURE = "vit_tiny_patch16_224"
"""Any of timm's plain ViTs will do: the sizes are given beside it."""
NAMES = {
    "embed.proj": "patch_embed.proj",
    "embed.pos_embed": "pos_embed",
    "embed.prefix_tokens": "cls_token",
    "blocks.{i}.ln1": "blocks.{i}.norm1",
    "blocks.{i}.attn": "blocks.{i}.attn",
    "blocks.{i}.ln2": "blocks.{i}.norm2",
    "blocks.{i}.mlp": "blocks.{i}.mlp",
    "ln_final": "norm",
    "head.linear": "head",
}


def export(folder: Path, into: Path) -> None:
    """Write a model of ours as timm's `save_for_hf` writes one of its own.

    Raises:
        ExportError: if timm's ViT computes something else.
    """
    model = read_model(folder)
    expect_plain(model, "timm")
    write(into, renamed(model, NAMES), {"config.json": _config(model)})


def _config(model: Model) -> dict[str, Any]:
    vit, prepared = model.vit, model.preprocess
    ratio = vit["d_mlp"] / vit["d_model"]
    if vit["eps"] != 1e-6 or int(vit["d_model"] * ratio) != vit["d_mlp"]:
        raise ExportError(f"timm has no ViT with eps = {vit['eps']} and MLPs of {vit['d_mlp']}")
    sizes = {
        "img_size": vit["image_size"],
        "patch_size": vit["patch_size"][0] if len(set(vit["patch_size"])) == 1 else vit["patch_size"],
        "embed_dim": vit["d_model"],
        "depth": vit["n_layers"],
        "num_heads": vit["n_heads"],
        "mlp_ratio": ratio,
        "qkv_bias": vit["qkv_bias"],
        "in_chans": vit["n_channels"],
    }
    pretrained = {
        "tag": model.name.replace("-", "_"),
        "custom_load": False,
        "input_size": [vit["n_channels"], *vit["image_size"]],
        "fixed_input_size": True,
        "interpolation": prepared.get("interpolation", "bicubic"),
        "crop_pct": prepared.get("crop_pct", 1.0),
        "crop_mode": "center",
        "mean": prepared["mean"],
        "std": prepared["std"],
        "num_classes": vit["n_classes"],
        "pool_size": None,
        "first_conv": "patch_embed.proj",
        "classifier": "head",
        "license": "mit",
    }
    return {
        "architecture": ARCHITECTURE,
        "num_classes": vit["n_classes"],
        "num_features": vit["d_model"],
        "global_pool": "token",
        "label_names": model.classes,
        "model_args": sizes,
        "pretrained_cfg": pretrained,
    }
