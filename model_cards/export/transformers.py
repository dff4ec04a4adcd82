"""A folder that transformers opens: `pipeline("image-classification", model="…")`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model_cards.export.model import ExportError, Model, expect_plain, read_model, renamed, write

NAMES = {
    "embed.proj": "vit.embeddings.patch_embeddings.projection",
    "embed.pos_embed": "vit.embeddings.position_embeddings",
    "embed.prefix_tokens": "vit.embeddings.cls_token",
    "blocks.{i}.ln1": "vit.encoder.layer.{i}.layernorm_before",
    "blocks.{i}.attn.qkv": "blocks.{i}.qkv",
    "blocks.{i}.attn.proj": "vit.encoder.layer.{i}.attention.output.dense",
    "blocks.{i}.ln2": "vit.encoder.layer.{i}.layernorm_after",
    "blocks.{i}.mlp.fc1": "vit.encoder.layer.{i}.intermediate.dense",
    "blocks.{i}.mlp.fc2": "vit.encoder.layer.{i}.output.dense",
    "ln_final": "vit.layernorm",
    "head.linear": "classifier",
}
PARTS = ("query", "key", "value")
RESAMPLINGS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3}


def export(folder: Path, into: Path) -> None:
    """Write a model of ours as transformers' `ViTForImageClassification` saves itself, with its image processor.

    Raises:
        ExportError: if that ViT, or its preparation of a picture, computes something else.
    """
    model = read_model(folder)
    expect_plain(model, "transformers")
    tensors = {}
    for name, tensor in renamed(model, NAMES).items():
        layer, packed, kind = name.removeprefix("blocks.").partition(".qkv.")
        if not packed:
            tensors[name] = tensor
            continue
        for part, each in zip(PARTS, tensor.chunk(3), strict=True):
            tensors[f"vit.encoder.layer.{layer}.attention.attention.{part}.{kind}"] = each
    write(into, tensors, {"config.json": _config(model), "preprocessor_config.json": _preparation(model)})


def _config(model: Model) -> dict[str, Any]:
    vit = model.vit
    if len({*vit["image_size"]}) > 1 or len({*vit["patch_size"]}) > 1:
        raise ExportError(f"transformers' ViT has square pictures and patches, {model.name} has others")
    return {
        "architectures": ["ViTForImageClassification"],
        "model_type": "vit",
        "hidden_size": vit["d_model"],
        "num_hidden_layers": vit["n_layers"],
        "num_attention_heads": vit["n_heads"],
        "intermediate_size": vit["d_mlp"],
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "layer_norm_eps": vit["eps"],
        "image_size": vit["image_size"][0],
        "patch_size": vit["patch_size"][0],
        "num_channels": vit["n_channels"],
        "qkv_bias": vit["qkv_bias"],
        "id2label": {str(i): name for i, name in enumerate(model.classes)},
        "label2id": {name: i for i, name in enumerate(model.classes)},
    }


def _preparation(model: Model) -> dict[str, Any]:
    """transformers resizes to the whole size, where ours keeps the aspect: the same for square pictures."""
    given = model.preprocess
    filter_name = given.get("interpolation", "bicubic")
    if given.get("crop_pct", 1.0) != 1.0 or filter_name not in RESAMPLINGS:
        raise ExportError(f"transformers' ViT does not prepare pictures as {model.name} does")
    return {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"height": given["height"], "width": given["width"]},
        "resample": RESAMPLINGS[filter_name],
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": given["mean"],
        "image_std": given["std"],
    }
