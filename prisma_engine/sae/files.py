"""SAEs by name: our own format, written and read, and everybody else's, read by `prisma_engine.sae.formats`.

Ours is a folder with `config.json`, the fields of `SAEConfig`, and `model.safetensors`; huggingface_hub's model mixin
reads and writes it too. Nothing in a file is ever run. Matrices may be float16, vectors and stored factors are always
float32; in memory all are float32.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from prisma_engine.hub import LoadError
from prisma_engine.load import models_folder, read_json
from prisma_engine.sae.config import SAEConfig
from prisma_engine.sae.formats import gemma_scope, prisma, saelens
from prisma_engine.sae.formats.download import fetch
from prisma_engine.sae.formats.opened import Opened, Rows, Source, json_object, mapped_safetensors
from prisma_engine.sae.model import SAE

ARCHITECTURE = "SAE"
CONFIG, WEIGHTS, TRAINING = "config.json", "model.safetensors", "training.json"
FOREIGN = (saelens, gemma_scope, prisma)
"""Formats of others, each of which says whether a folder is its own."""


def save(sae: SAE, folder: Path, dtype: torch.dtype = torch.float32, training: Mapping[str, Any] | None = None) -> None:
    """Write an SAE that `load` reads.

    Args:
        dtype: of the matrices, float32 or float16.
        training: the recipe, for the card, as `training.json`.

    Raises:
        ValueError: if a weight is not finite, or does not fit float16, or if this format cannot say what it computes.
    """
    if why := getattr(sae, "unsaveable", None):
        raise ValueError(f"this SAE cannot be saved: {why}")
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
            the repository where that holds several ("owner/name/folder"). Of Prisma's files, also the `.pt` itself.
        revision: commit, tag or branch of a Hub id.

    Raises:
        LoadError: a ValueError whose message is one sentence saying what is missing or not understood.
    """
    source = _locate(name, revision)
    return _open(source).sae(source.title)


def rows(name: str | Path, latents: Sequence[int], revision: str | None = None) -> Rows:
    """What a few latents read and write, without reading the others: the file is mapped, not loaded.

    Args:
        name, revision: see `load`.

    Raises:
        LoadError: see `load`.
        ValueError: for a latent that there is none of.
    """
    source = _locate(name, revision)
    return _open(source).rows(latents, source.title)


def opened(name: str | Path, revision: str | None = None) -> Opened:
    """An SAE's config, and its tensors where they lie: nothing is read before it is used; see `load`."""
    return _open(_locate(name, revision))


def find(name: str | Path, revision: str | None = None) -> Path:
    """The folder on this machine that an SAE's name stands for; downloads from the Hub if need be."""
    return _locate(name, revision).folder


def commit_of(folder: Path) -> str | None:
    """The commit of a folder that came from the Hub; None for any other."""
    parts = folder.parts
    return parts[parts.index("snapshots") + 1] if "snapshots" in parts[:-1] else None


def _locate(name: str | Path, revision: str | None) -> Source:
    text = str(name)
    for folder in (models_folder() / text, Path(name)):
        if folder.is_dir():
            return Source(text, _only(folder, text))
    if Path(name).is_file():
        return Source(text, Path(name).parent, Path(name))
    parts = text.split("/")
    if len(parts) >= 2 and all(parts) and parts[0] != "~" and not {".", ".."} & set(parts):
        inside = "/".join(parts[2:])
        found = fetch("/".join(parts[:2]), revision, inside) / inside
        return Source(text, found.parent, found) if found.is_file() else Source(text, found)
    known = ", ".join(shipped()) or "none"
    raise LoadError(f"there is no SAE {text!r}; give a folder, a Hub id, or one that ships: {known}")


def shipped() -> tuple[str, ...]:
    """Names of the SAEs that ship with the repository and need no network."""
    found = sorted(models_folder().glob(f"*/*/{WEIGHTS}"))
    return tuple(f"{path.parts[-3]}/{path.parts[-2]}" for path in found if (path.parent / CONFIG).exists())


def _only(folder: Path, name: str) -> Path:
    """The folder itself; an error that lists them where it holds several SAEs instead."""
    if not _is_one(folder):
        inside = sorted(path.name for path in folder.iterdir() if path.is_dir() and _is_one(path))
        if inside:
            raise LoadError(f"{name} holds several; say which of {', '.join(f'{name}/{each}' for each in inside)}")
    return folder


def _is_one(folder: Path) -> bool:
    source = Source(folder.name, folder)
    # A config.json above those of several says what they are: the Hub counts downloads by it.
    several = any(folder.glob(f"*/{CONFIG}"))
    return ((folder / CONFIG).exists() and not several) or any(form.recognises(source) for form in FOREIGN)


def read(folder: Path) -> SAE:
    """An SAE from a folder; see `load`."""
    return load(folder)


def _open(source: Source) -> Opened:
    """Its config, and its tensors in their file, whoever wrote it."""
    if source.file is None and (source.folder / WEIGHTS).exists():
        return _ours(source)
    for form in FOREIGN:
        if form.recognises(source):
            return form.open_file(source)
    if source.file is not None:
        raise LoadError(f"{source.file.name} is not read on its own; name its folder, or a .pt file of Prisma")
    return _ours(source)


def _ours(source: Source) -> Opened:
    values = json_object(source.folder / CONFIG, source.title)
    if values.pop("architecture", None) != ARCHITECTURE:
        raise LoadError(
            f"{source.title} is no SAE of this project's format: its config.json says no architecture 'SAE'"
        )
    try:
        config = SAEConfig.from_dict(values)
        _check_types(config)
    except ValueError as error:
        raise LoadError(f"{source.title}: {error}") from None
    return Opened(config, mapped_safetensors(source.folder / WEIGHTS, source.title))


def _check_types(config: SAEConfig) -> None:
    """What the config's own checks leave open: the kinds of its values.

    Raises:
        ValueError: naming the first field that holds something else.
    """
    kinds: dict[str, tuple[type, ...]] = {name: (str,) for name in ("model", "hook_name")}
    kinds |= {name: (str, type(None)) for name in ("revision", "hook_out")}
    kinds |= {name: (int,) for name in ("d_in", "d_sae", "d_out", "k")}
    kinds |= {"skip": (bool,), "probe": (int, float, type(None)), "nested": (tuple,)}
    for name, expected in kinds.items():
        value = getattr(config, name)
        if type(value) not in expected or (name == "nested" and any(type(size) is not int for size in value)):
            raise ValueError(f"{name} is {value!r:.80}, which is not of its kind")


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
    if why := getattr(sae, "unsaveable", None):
        raise ValueError(f"this SAE cannot be saved: {why}")
    copy = hub_class()(sae.config)
    copy.load_state_dict(sae.state_dict())
    return copy.eval().requires_grad_(False)


def _write(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
