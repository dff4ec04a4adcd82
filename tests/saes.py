"""Small SAEs with every parameter random, and miniature trainings, for the SAE tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

import prisma_engine as pe
from families import randomised
from prisma_engine.preprocess import Preprocess
from prisma_engine.sae import SAE, SAEConfig
from prisma_engine.sae.training.recipe import Recipe

D_IN, D_SAE, K = 12, 40, 5


def config(**changes: Any) -> SAEConfig:
    given: dict[str, Any] = {"model": "tiny", "hook_name": "blocks.0.hook_resid_post", "d_in": D_IN, "d_sae": D_SAE}
    given |= changes
    if given.get("activation", "topk") in ("topk", "batch_topk"):
        given.setdefault("k", K)
    return SAEConfig(**given)


def random_sae(seed: int = 0, **changes: Any) -> SAE:
    """An SAE of that config, every parameter and factor drawn at random."""
    sae = SAE(config(**changes))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in sae.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) / 2)
        sae.scale_in.fill_(0.7)
        sae.scale_out.fill_(0.4 if sae.config.is_transcoder else 0.7)
        if sae.threshold is not None:
            sae.threshold.copy_(sae.threshold.abs() + 0.3)
    return sae


VARIANTS: dict[str, dict[str, Any]] = {
    "relu": {"activation": "relu"},
    "topk": {"activation": "topk"},
    "batch_topk": {"activation": "batch_topk"},
    "jumprelu": {"activation": "jumprelu"},
    "gated": {"activation": "gated"},
    "matryoshka": {"activation": "batch_topk", "nested": (8, 20, D_SAE)},
    "transcoder": {"activation": "topk", "input_bias": "own", "hook_out": "blocks.0.hook_mlp_out", "d_out": 9},
    "skip": {"activation": "relu", "input_bias": "none", "hook_out": "blocks.0.hook_mlp_out", "d_out": 9, "skip": True},
}

SIZES = dict(
    image_size=(96, 96), patch_size=(32, 32), n_layers=2, n_heads=2, d_model=D_IN, d_head=6, d_mlp=16, n_classes=64
)


def tiny_vit(seed: int = 0) -> pe.HookedViT:
    """A model for emoji scenes with ten tokens, every parameter random."""
    model = randomised(pe.HookedViT(pe.ViTConfig(**SIZES)), seed).requires_grad_(False)
    model.name, model.preprocess = "tiny", Preprocess(96, 96, (0.5,) * 3, (0.5,) * 3)
    return model


def write_vit(folder: Path, model: pe.HookedViT) -> Path:
    """The model as a folder that `pe.load` reads."""
    from safetensors.torch import save_file

    names = [f"class {i}" for i in range(model.config.n_classes)]
    folder.mkdir(parents=True)
    config = {"architecture": "HookedViT", "vit": model.config.to_dict(), "preprocess": model.preprocess.to_dict()}
    config |= {"vocabulary": {"id": "tiny", "names": names, "emoji": ["❔"] * len(names)}}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(model.state_dict(), folder / "model.safetensors")
    return folder


RECIPE: dict[str, Any] = {
    "name": "tiny-sae",
    "seed": 3,
    "data": {
        "model": "tiny",
        "hook": "blocks.0.hook_resid_post",
        "images": "emoji-scenes",
        "batch": 64,
        "buffer": 400,
        "passes": 2,
        "shards": 2,
        "at_once": 4,
    },
    "latents": {"expansion": 4, "k": 4},
    "loss": {"dead_after": 500},
    "optimizer": {"steps": 24, "lr": 3e-3, "warmup": 3, "decay": 8},
}

TRAININGS: dict[str, dict[str, dict[str, Any]]] = {
    "topk": {},
    "topk without unit norms": {"optimizer": {"unit_norm": False}},
    "relu": {"latents": {"activation": "relu", "k": 0}, "loss": {"sparsity": 0.3, "sparsity_warmup": 5}},
    "resampled": {
        "latents": {"activation": "relu", "k": 0},
        "loss": {"sparsity": 0.8, "aux": 0.0, "resample_every": 7, "dead_after": 300},
    },
    "batch_topk": {"latents": {"activation": "batch_topk"}},
    "matryoshka": {"latents": {"activation": "batch_topk", "nested": [0.25, 0.5, 1.0]}},
    "jumprelu": {"latents": {"activation": "jumprelu", "k": 0}, "loss": {"sparsity": 0.1, "bandwidth": 0.1}},
    "gated": {"latents": {"activation": "gated", "k": 0}, "loss": {"sparsity": 0.3}},
    "cls": {"data": {"tokens": "cls", "batch": 8, "buffer": 40}},
    "transcoder": {
        "data": {"hook": "blocks.1.ln2.hook_normalized", "hook_out": "blocks.1.hook_mlp_out", "tokens": "patches"},
        "latents": {"input_bias": "own", "skip": True},
    },
}


def recipe(*changes: dict[str, Any], **parts: dict[str, Any]) -> Recipe:
    """The miniature recipe with some fields changed, such as recipe(TRAININGS["relu"], data={"batch": 32})."""
    return Recipe.from_dict(values(*changes, parts))


def values(*changes: dict[str, Any]) -> dict[str, Any]:
    merged = {key: dict(value) if isinstance(value, dict) else value for key, value in RECIPE.items()}
    for change in changes:
        for key, value in change.items():
            merged[key] = merged[key] | value if isinstance(value, dict) else value
    return merged


def to_toml(given: dict[str, Any]) -> str:
    """Plain values and one level of tables."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in given.items() if not isinstance(value, dict)]
    for key, value in given.items():
        if isinstance(value, dict):
            lines += [f"[{key}]", *(f"{k} = {json.dumps(v)}" for k, v in value.items())]
    return "\n".join(lines)
