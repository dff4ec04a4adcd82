"""Our own format: a folder with `config.json` and `model.safetensors`, in the repository, on disk or on the Hub.

`config.json` holds the fields of `SAEConfig`, which huggingface_hub's model mixin reads too; nothing in a file is ever
run. Matrices may be float16, vectors and stored factors are always float32; in memory all are float32.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from prisma_engine.hub import LoadError, fetch
from prisma_engine.load import misfit, models_folder, one_line, read_json
from prisma_engine.sae.config import SAEConfig
from prisma_engine.sae.model import SAE

ARCHITECTURE = "SAE"
CONFIG, WEIGHTS, TRAINING = "config.json", "model.safetensors", "training.json"
DTYPES = (torch.float32, torch.float16, torch.bfloat16)


def save(sae: SAE, folder: Path, dtype: torch.dtype = torch.float32, training: Mapping[str, Any] | None = None) -> None:
    """Write an SAE that `load` reads.

    Args:
        dtype: of the matrices, float32 or float16.
        training: the recipe, for the card, as `training.json`.

    Raises:
        ValueError: if a weight is not finite, or does not fit float16.
    """
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: (t.to(dtype) if t.ndim == 2 else t.float()).contiguous() for name, t in sae.state_dict().items()}
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise ValueError(f"{name} is not finite in {str(dtype)[6:]}, so this SAE is not saved")
    save_file(tensors, folder / WEIGHTS)
    _write(folder / CONFIG, {"architecture": ARCHITECTURE} | sae.config.to_dict())
    if training is not None:
        _write(folder / TRAINING, dict(training))


def load(name: str | Path, revision: str | None = None) -> SAE:
    """Load an SAE by name, ready to use: float32, no gradients.

    Args:
        name: one that ships ("emoji-vit-sae/blocks.3.hook_resid_post"), a folder, or a Hub id, with the folder in
            the repository where that holds several ("owner/name/folder").
        revision: commit, tag or branch of a Hub id.

    Raises:
        LoadError: a ValueError whose message is one sentence saying what is missing or not understood.
    """
    return read(find(name, revision))


def find(name: str | Path, revision: str | None = None) -> Path:
    """The folder on this machine that an SAE's name stands for; downloads from the Hub if need be."""
    for folder in (models_folder() / str(name), Path(name)):
        if folder.is_dir():
            return _only(folder, str(name))
    parts = str(name).split("/")
    if len(parts) >= 2 and all(parts) and parts[0] not in (".", "..", "~"):
        inside = "/".join(parts[2:])
        return fetch("/".join(parts[:2]), revision, inside) / inside
    known = ", ".join(shipped()) or "none"
    raise LoadError(f"there is no SAE {str(name)!r}; shipped: {known}; otherwise give a folder or a Hub id")


def shipped() -> tuple[str, ...]:
    """Names of the SAEs that ship with the repository and need no network."""
    found = sorted(models_folder().glob(f"*/*/{WEIGHTS}"))
    return tuple(f"{path.parts[-3]}/{path.parts[-2]}" for path in found if (path.parent / CONFIG).exists())


def _only(folder: Path, name: str) -> Path:
    """The folder itself; an error that lists them where it holds several SAEs instead."""
    if not (folder / CONFIG).exists():
        inside = sorted(path.parent.name for path in folder.glob(f"*/{CONFIG}"))
        if inside:
            raise LoadError(f"{name} holds several; say which of {', '.join(f'{name}/{each}' for each in inside)}")
    return folder


def read(folder: Path) -> SAE:
    """An SAE from a folder of our own format; see `load`."""
    values = read_json(folder / CONFIG)
    if values.pop("architecture", None) != ARCHITECTURE:
        raise LoadError(f"{folder.name} is no SAE of this project's format: its config.json says no architecture 'SAE'")
    try:
        sae = SAE(SAEConfig.from_dict(values))
    except ValueError as error:
        raise LoadError(f"{folder.name}: {error}") from None
    tensors = {name: t.float() for name, t in _tensors(folder / WEIGHTS).items()}
    if wrong := misfit(tensors, sae.state_dict()):
        raise LoadError(f"the weights of {folder.name} do not fit its config: {wrong}")
    sae.load_state_dict(tensors)
    return sae.eval().requires_grad_(False)


def _tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, floating point and finite."""
    name = path.parent.name
    if not path.exists():
        raise LoadError(f"{name} has no {path.name}, and a pickle is never opened here")
    try:
        tensors = load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise LoadError(f"{path.name} of {name} is not a readable safetensors file: {one_line(error)}") from None
    for key, tensor in tensors.items():
        if tensor.dtype not in DTYPES:
            raise LoadError(f"{key} of {name} holds {str(tensor.dtype)[6:]}, expected float32 or float16")
        if not bool(tensor.isfinite().all()):
            raise LoadError(f"{key} of {name} holds a number that is not finite")
    return tensors


def recipe_of(folder: Path) -> dict[str, Any] | None:
    """The recipe that an SAE was trained by, if that is known."""
    return read_json(folder / TRAINING) if (folder / TRAINING).exists() else None


@cache
def hub_class() -> type[SAE]:
    """`SAE` with huggingface_hub's `save_pretrained`, `from_pretrained` and `push_to_hub`, in this format."""
    from huggingface_hub import ModelHubMixin

    class HubSAE(SAE, ModelHubMixin, library_name="prisma_engine", tags=["sparse-autoencoder", "interpretability"]):
        def _save_pretrained(self, save_directory: Path) -> None:
            save(self, save_directory)

        @classmethod
        def _from_pretrained(cls, *, model_id: str, revision: str | None, **given: Any) -> SAE:
            return for_hub(load(model_id, revision))

    return HubSAE


def for_hub(sae: SAE) -> Any:
    """The same SAE with the methods of huggingface_hub's mixin, such as `push_to_hub("owner/name")`."""
    copy = hub_class()(sae.config)
    copy.load_state_dict(sae.state_dict())
    return copy.eval().requires_grad_(False)


def _write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
