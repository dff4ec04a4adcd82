"""A trained toy model as a folder that `prisma_engine.load` reads: config.json and model.safetensors in fp16."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from prisma_engine.load import models_folder
from prisma_engine.toy.emoji.recipe import Recipe
from prisma_engine.toy.emoji_classes import EMOJI, NAMES
from prisma_engine.vit import HookedViT


def export(model: HookedViT, recipe: Recipe, cards: Path | None = None) -> Path:
    """Write the model's folder below `cards` (default: where embedded models are) and return it."""
    folder = (cards or models_folder()) / recipe.name
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: p.detach().to(torch.float16).contiguous() for name, p in model.state_dict().items()}
    config = {
        "architecture": "HookedViT",
        "vit": model.config.to_dict(),
        "preprocess": recipe.model.preprocess().to_dict(),
        "vocabulary": {"id": recipe.name, "names": list(NAMES), "emoji": list(EMOJI)},
    }
    text = json.dumps(config, indent=1, ensure_ascii=False)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)  # safetensors makes files that their owner alone can read
    return folder
