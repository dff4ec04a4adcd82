"""The history that a model keeps of its training: weights at steps 0, 1, 2, 4, … and at the end, in half precision."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from prisma_engine.history import FOLDER, revision_of


def is_kept(step: int, steps: int) -> bool:
    """Whether the weights after so many steps are kept: 0, the powers of two, and the last."""
    return step == steps or (step & (step - 1)) == 0


def keep(folder: Path, step: int, weights: Mapping[str, Tensor]) -> Path:
    """Write the weights of a step in one move."""
    (folder / FOLDER).mkdir(parents=True, exist_ok=True)
    path = folder / FOLDER / f"{revision_of(step)}.safetensors"
    save_weights(path, weights)
    return path


def save_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Weights as fp16 safetensors, readable by everybody, written in one move."""
    part = path.with_suffix(".part")
    save_file(
        {name: w.detach().cpu().to(torch.float16).contiguous() for name, w in weights.items()}, part, {"format": "pt"}
    )
    part.chmod(0o644)  # safetensors makes files that their owner alone can read
    os.replace(part, path)
