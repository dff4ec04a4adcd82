"""A finished training as a folder that `prisma_engine.load` reads, the way it is published."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from prisma_engine.history import FILE, FOLDER
from prisma_engine.load import models_folder
from prisma_engine.toy.zoo.snapshots import save_weights
from prisma_engine.toy.zoo.trainer import Trainer


def export(trainer: Trainer, cards: Path | None = None, with_steps: bool = False) -> Path:
    """Write the model's folder below `cards` (default: where embedded models are) and return it.

    Args:
        with_steps: also the weights of every step that was kept.
    """
    recipe, task = trainer.recipe, trainer.task
    folder = (cards or models_folder()) / recipe.name
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "architecture": "HookedViT",
        "vit": trainer.model.config.to_dict(),
        "preprocess": task.preprocess().to_dict(),
        "vocabulary": {"id": recipe.data.set, "names": list(task.names), "emoji": list(task.emoji)},
    }
    text = json.dumps(config, indent=1, ensure_ascii=False)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
    save_weights(folder / "model.safetensors", trainer.weights())
    shutil.copyfile(trainer.folder / FILE, folder / FILE)
    if with_steps:
        shutil.copytree(trainer.folder / FOLDER, folder / FOLDER, dirs_exist_ok=True)
    return folder
