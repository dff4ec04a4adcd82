"""Checkpoints: weights, both moments and counters in one safetensors file, with the rest as JSON in its header."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

FILE = "checkpoint.safetensors"


def save(folder: Path, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> Path:
    """Write a checkpoint; the last one is replaced in one move, so that a kill at any time leaves a whole file.

    Args:
        state: plain values for JSON, which read back as they were (floats to the last bit).
    """
    folder.mkdir(parents=True, exist_ok=True)
    part = folder / f"{FILE}.part"
    save_file({name: t.detach().contiguous() for name, t in tensors.items()}, part, {"state": json.dumps(state)})
    os.replace(part, folder / FILE)
    return folder / FILE


def load(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """What `save` wrote; None if there is no checkpoint.

    Raises:
        ValueError: if the file is damaged.
    """
    path = folder / FILE
    if not path.exists():
        return None
    try:
        with safe_open(path, "pt") as file:
            state = json.loads((file.metadata() or {})["state"])
        return load_file(path), state
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise ValueError(f"{path.name} in {folder.name} is damaged; remove it to start again: {error}") from None


def resumed(folder: Path, recipe: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """What `load` gives of a checkpoint whose state names its `recipe`, as plain values.

    Raises:
        ValueError: if it is damaged, or of another recipe.
    """
    found = load(folder)
    if found is not None and (differs := difference(found[1]["recipe"], dict(recipe))) is not None:
        raise ValueError(f"the checkpoint in {folder.name} is of another recipe: {differs}; use another --out")
    return found


def difference(a: dict[str, Any], b: dict[str, Any], path: str = "") -> str | None:
    """The first value in which two nested dicts differ, in words; lists and tuples are alike."""
    for key in sorted(a.keys() | b.keys()):
        was, now = a.get(key), b.get(key)
        if isinstance(was, dict) and isinstance(now, dict):
            if inner := difference(was, now, f"{path}{key}."):
                return inner
        elif _plain(was) != _plain(now):
            return f"{path}{key} was {was!r} and is {now!r}"
    return None


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value
