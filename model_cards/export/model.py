"""A model's folder as an exporter reads it, and what an exporter may not do to it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors.torch import load_file, save_file

from model_cards.text import as_json, read

WEIGHTS = "model.safetensors"


class ExportError(ValueError):
    """A model that another tool cannot express; the message is one sentence."""


@dataclass(frozen=True)
class Model:
    """What a folder of ours holds.

    Attributes:
        vit, preprocess: as `config.json` says them.
        classes: their names, in the order of the logits.
        tensors: name → tensor, in the precision of the file.
    """

    name: str
    vit: dict[str, Any]
    preprocess: dict[str, Any]
    classes: list[str]
    tensors: dict[str, Any]


def read_model(folder: Path) -> Model:
    """A model's folder.

    Raises:
        ExportError: if it is not one of ours.
    """
    config = read(folder / "config.json") if (folder / "config.json").exists() else {}
    if config.get("architecture") != "HookedViT" or not (folder / WEIGHTS).exists():
        raise ExportError(f"{folder.name} is no model of this project")
    classes = config["vocabulary"]["names"]
    return Model(folder.name, config["vit"], config["preprocess"], classes, load_file(folder / WEIGHTS))


PLAIN = {
    "n_frames": 1,
    "prefix": ["CLS"],
    "pre_norm": False,
    "final_norm": True,
    "layer_scale": False,
    "gated_mlp": False,
    "attn_only": False,
    "attention_direction": "bidirectional",
    "out_bias": True,
    "embed_bias": True,
    "pool": "token",
    "head": "linear",
    "head_bias": True,
    "activation": "gelu",
    "block_norm": True,
}
"""The choices that make a plain ViT; another one has no place in the configs of other libraries."""


def expect_plain(model: Model, tool: str) -> None:
    """Refuse what a tool's plain ViT does not compute.

    Raises:
        ExportError: naming the first such choice.
    """
    for key, value in PLAIN.items():
        found = model.vit.get(key, value)
        if found != value:
            raise ExportError(f"{tool} has no ViT with {key} = {found!r}, so {model.name} cannot be exported to it")
    if model.preprocess.get("mode", "crop") != "crop":
        raise ExportError(f"{tool} prepares no picture by {model.preprocess['mode']!r}")


def renamed(model: Model, names: dict[str, str]) -> dict[str, Any]:
    """The tensors under another tool's names.

    Args:
        names: beginning of ours → beginning of theirs; `{i}` stands for the layer.

    Raises:
        ExportError: if a tensor has no name there.
    """
    table = {
        ours.replace("{i}", str(i)): theirs.replace("{i}", str(i))
        for ours, theirs in names.items()
        for i in range(model.vit["n_layers"])
    }
    found = {}
    for key, tensor in model.tensors.items():
        start = next((start for start in table if key == start or key.startswith(start + ".")), None)
        if start is None:
            raise ExportError(f"{key} of {model.name} has no place there")
        found[table[start] + key[len(start) :]] = tensor
    return found


def write(folder: Path, tensors: dict[str, Any], files: dict[str, dict[str, Any]]) -> None:
    """Weights and JSON files into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / WEIGHTS, {"format": "pt"})
    for name, values in files.items():
        (folder / name).write_text(as_json(values), encoding="utf-8")
