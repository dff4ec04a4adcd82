"""A small model of dSprites that has kept weights of its training, as a folder that `prisma_engine.load` reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

import prisma_engine as pe
from prisma_engine.history import FILE, FOLDER, revision_of
from prisma_engine.preprocess import Preprocess
from prisma_engine.toy.dsprites import SHAPES

NAME = "dsprites-mini"
STEPS = (0, 1, 2, 4, 8, 12)
Weights = Mapping[str, Tensor]


def mini() -> pe.HookedViT:
    """Two layers, two heads, a CLS token and 4 × 4 patches of grey pictures."""
    config = pe.ViTConfig(
        image_size=(64, 64), patch_size=(16, 16), n_channels=1, n_layers=2, n_heads=2, d_model=16, d_head=8, d_mlp=16,
        n_classes=3,
    )  # fmt: skip
    return pe.HookedViT(config)


def random_weights(seed: int, scale: float = 0.3) -> dict[str, Tensor]:
    """Every parameter at random."""
    generator = torch.Generator().manual_seed(seed)
    return {name: scale * torch.randn(p.shape, generator=generator) for name, p in mini().named_parameters()}


def write_model(cards: Path, name: str = NAME, weights: Mapping[int, Weights] | None = None) -> Path:
    """A model's folder below `cards`: random weights at each of `STEPS`, or those given, and a history of learning."""
    weights = weights or {step: random_weights(step) for step in STEPS}
    folder = cards / name
    (folder / FOLDER).mkdir(parents=True)
    config = {
        "architecture": "HookedViT",
        "vit": mini().config.to_dict(),
        "preprocess": Preprocess(64, 64, (0.0,), (0.25,)).to_dict(),
        "vocabulary": {"id": "dsprites", "names": list(SHAPES), "emoji": ["⬜", "⚪", "❤️"]},
    }
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    for step, state in weights.items():
        save_file(dict(state), folder / FOLDER / f"{revision_of(step)}.safetensors")
    save_file(dict(weights[max(weights)]), folder / "model.safetensors")
    (folder / FILE).write_text("".join(json.dumps(_row(step)) + "\n" for step in weights), encoding="utf-8")
    return folder


def _row(step: int) -> dict[str, float]:
    loss, accuracy = 1.1 / (1 + step / 4), 1 - 2 / (3 + step / 2)
    held = {"held_out_loss": round(1.02 * loss, 4), "held_out_accuracy": round(0.98 * accuracy, 4)}
    return {"step": step, "lr": 0.001, "loss": round(loss, 4), "accuracy": round(accuracy, 4)} | held
