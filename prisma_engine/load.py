"""load(name): an embedded folder, a path or a Hub id → a HookedViT in eval mode, with its preprocessing and labels."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor

from prisma_engine.config import ViTConfig
from prisma_engine.history import History, read_history, revision_of, step_of
from prisma_engine.hub import LoadError, checkpoint_in, fetch
from prisma_engine.remote import tags
from prisma_engine.vit import HookedViT

CHECKPOINTS = (".pth", ".pt")
"""Suffixes of ViT-Prisma's checkpoints."""


def models_folder() -> Path:
    """Where embedded models are: `model_cards/` beside the package, or `$PRISMA_MODELS`."""
    return Path(os.environ.get("PRISMA_MODELS") or Path(__file__).resolve().parents[1] / "model_cards")


def embedded_models() -> tuple[str, ...]:
    """Names of the models that ship with the repository and need no network.

    Those that also read text are `prisma_engine.vlm.shipped()`.
    """
    found = (path.parent for path in models_folder().glob("*/model.safetensors"))
    return tuple(
        sorted(
            folder.name
            for folder in found
            if (folder / "config.json").exists() and not (folder / "tokenizer.json").exists()
        )
    )


def load(
    name: str | Path,
    revision: str | None = None,
    classes: Sequence[str] | None = None,
    n_heads: int | None = None,
) -> HookedViT:
    """Load a model by name, ready to run: eval mode, no gradients, float32.

    Args:
        name: an embedded model ("emoji-vit"), a path to a folder or a `.safetensors` file (a bare file is
            recognised by a timm architecture's name at the start of its own or its folder's name), or a Hub id
            ("timm/vit_base_patch32_224.augreg_in21k_ft_in1k"). A checkpoint of ViT-Prisma's toys (`.pth`) by its path,
            by its folder or Hub id, which give the last of theirs, or as "owner/name/checkpoint_12.pth".
        revision: commit, tag or branch of a Hub id; the resolved commit is in `model.revision`. Of an embedded model
            or a folder of ours, a step of its training whose weights were kept, such as "step-000064" (`history`).
        classes: class names for a zero-shot head; only for models with a text tower (CLIP).
        n_heads: heads of each attention, for a checkpoint that is not known by its name and does not say it.

    Raises:
        LoadError: a ValueError whose message is one sentence saying what is missing or not understood.
    """
    folder = models_folder() / str(name)
    if str(name) in embedded_models():
        model = _at_step(folder, str(name), revision) if revision else _from_folder(folder, str(name), None)
    elif Path(name).exists():
        model = (
            _at_step(Path(name), Path(name).name, revision) if revision else _from_path(Path(name), classes, n_heads)
        )
    elif "/" in str(name) and not str(name).startswith((".", "/", "~")):
        model = _from_hub(str(name), revision, classes, n_heads)
    else:
        known = ", ".join(embedded_models()) or "none"
        raise LoadError(
            f"there is no model {str(name)!r}; embedded: {known}; otherwise give a path or a Hub id 'owner/name'"
        )
    if n_heads not in (None, model.config.n_heads):
        raise LoadError(f"{model.name} has {model.config.n_heads} heads in each attention, not {n_heads}")
    if model.vocabulary is None and model.config.head != "identity":
        from prisma_engine import labels

        model.vocabulary = labels.vocabulary_of(model.config.n_classes)
    return model.eval().requires_grad_(False)


def history(name: str | Path) -> History:
    """How an embedded model, or one in a folder of ours, came to be: its rows, and the steps that can be loaded.

    An empty history where there is none; of a Hub id, that of its newest revision in the cache or on the Hub, with the
    steps that it has tags for.

    Raises:
        LoadError: if the file is damaged, or a Hub id is neither here nor to be had.
    """
    folder, here = models_folder() / str(name), str(name) in embedded_models()
    if not here:
        here = Path(name).exists()
        folder = Path(name) if here else fetch(str(name))
    try:
        found = read_history(folder)
    except ValueError as error:
        raise LoadError(str(error)) from None
    if here or found.steps or not found.rows:
        return found
    return replace(found, steps=tuple(sorted(s for tag in tags(str(name)) if (s := step_of(tag)) is not None)))


def _at_step(folder: Path, name: str, revision: str) -> HookedViT:
    """A model of ours with the weights that it had after a step of its training."""
    config = read_json(folder / "config.json") if folder.is_dir() else {}
    weights = folder / "steps" / f"{revision}.safetensors"
    if config.get("architecture") != "HookedViT" or step_of(revision) is None or not weights.exists():
        kept = ", ".join(map(revision_of, read_history(folder).steps)) if folder.is_dir() else ""
        raise LoadError(f"{name} has no revision {revision!r}; it keeps {kept or 'none but its last'}")
    model = _ours(folder, name, config, weights)
    model.revision = revision
    return model


def _from_hub(name: str, revision: str | None, classes: Sequence[str] | None, n_heads: int | None) -> HookedViT:
    owner, repository, *inside = name.split("/")
    file = "/".join(inside) if name.endswith(CHECKPOINTS) else ""
    commit = fetch(f"{owner}/{repository}" if file else name, revision, file)
    if file:
        model = _from_checkpoint(commit / file, name, classes, n_heads)
    else:
        model = _from_folder(commit, name, classes, n_heads)
    model.revision = commit.name
    return model


def _from_path(path: Path, classes: Sequence[str] | None, n_heads: int | None) -> HookedViT:
    if path.is_dir():
        return _from_folder(path, path.name, classes, n_heads)
    if classes:
        raise LoadError("class names need a model with a text tower; load a CLIP folder or repository of transformers")
    if path.suffix in CHECKPOINTS:
        return _from_checkpoint(path, f"{path.absolute().parent.name}/{path.name}", None, n_heads)
    if path.suffix != ".safetensors":
        raise LoadError(
            f"{path.name} is neither a .safetensors file nor a checkpoint of ViT-Prisma (.pth); other weight files can "
            "run code and are never opened"
        )
    return _from_bare_weights(path)


def _from_folder(folder: Path, name: str, classes: Sequence[str] | None, n_heads: int | None = None) -> HookedViT:
    """A folder as ours, timm's `save_for_hf` or transformers' `save_pretrained` wrote it, or one of checkpoints."""
    if checkpoint := checkpoint_in(folder):
        return _from_checkpoint(checkpoint, name, classes, n_heads)
    config = read_json(folder / "config.json")
    if config.get("architecture") == "HookedViT":
        return _ours(folder, name, config)
    read = _from_timm_folder if "architecture" in config else _from_transformers_folder
    try:
        model = read(folder, config, classes)
    except (OSError, RuntimeError, ValueError, KeyError) as error:
        raise error if isinstance(error, LoadError) else LoadError(f"{name}: {one_line(error)}") from error
    model.name = name
    return model


def _from_checkpoint(path: Path, name: str, classes: Sequence[str] | None, n_heads: int | None) -> HookedViT:
    """A checkpoint of ViT-Prisma; the file is read as inert values, and no instruction in it is run."""
    from prisma_engine.convert import load_checkpoint

    if classes:
        raise LoadError("class names need a model with a text tower; load CLIP from a transformers repository")
    try:
        return load_checkpoint(path, name, n_heads)
    except ValueError as error:
        raise error if isinstance(error, LoadError) else LoadError(f"{name}: {one_line(error)}") from error


def _ours(folder: Path, name: str, config: dict[str, Any], weights: Path | None = None) -> HookedViT:
    from prisma_engine import labels
    from prisma_engine.preprocess import Preprocess

    model = HookedViT(ViTConfig.from_dict(config["vit"]))
    load_strictly(model, weights or folder / "model.safetensors", name)
    model.name = name
    model.preprocess = Preprocess.from_dict(config["preprocess"])
    words = config["vocabulary"]
    model.vocabulary = labels.vocabulary(words["names"], id=words["id"], emoji=words["emoji"])
    return model


def load_strictly(module: Any, weights: Path, name: str) -> None:
    """Weights into a module, every key and shape accounted for; half precision becomes float32."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        state = {key: tensor.float() for key, tensor in load_file(weights).items()}
    except (SafetensorError, OSError) as error:
        raise LoadError(f"{weights.name} of {name} is not a readable safetensors file: {one_line(error)}") from None
    if found := misfit(state, module.state_dict()):
        raise LoadError(f"the weights of {name} do not fit its architecture: {found}")
    module.load_state_dict(state, strict=True)


def misfit(state: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> str | None:
    """The first key that is missing, left over or of another shape, in a few words; None if all fit."""
    for key, tensor in expected.items():
        if key not in state:
            return f"{key} is missing"
        if state[key].shape != tensor.shape:
            return f"{key} has shape {tuple(state[key].shape)}, expected {tuple(tensor.shape)}"
    strangers = sorted(set(state) - set(expected))
    return f"{strangers[0]} is not a part of it" if strangers else None


def _from_timm_folder(folder: Path, config: dict[str, Any], classes: Sequence[str] | None) -> HookedViT:
    import timm

    from prisma_engine.convert import from_timm

    if classes:
        raise LoadError("class names need a model with a text tower; load CLIP from a transformers repository")
    if not (folder / "model.safetensors").exists():
        raise LoadError(f"{folder.name} offers no model.safetensors, and a pickle is never opened here")
    return from_timm(timm.create_model(f"local-dir:{folder}", pretrained=True))


def _from_transformers_folder(folder: Path, config: dict[str, Any], classes: Sequence[str] | None) -> HookedViT:
    from prisma_engine.convert import load_transformers_folder

    return load_transformers_folder(folder, config, classes)


def _from_bare_weights(path: Path) -> HookedViT:
    """A `.safetensors` file with timm's keys and no config: the architecture is read off its name."""
    import timm

    from prisma_engine.convert import from_timm

    architectures = sorted(timm.list_models("vit_*") + timm.list_models("deit*"), key=len, reverse=True)
    named = next((a for stem in (path.stem, path.parent.name) for a in architectures if stem.startswith(a)), None)
    if named is None:
        raise LoadError(
            f"{path.name} does not say which architecture it is; name it after a timm model, such as "
            "vit_tiny_patch16_224.safetensors, or put it in a folder with its config.json"
        )
    module = timm.create_model(named)
    load_strictly(module, path, path.stem)
    model = from_timm(module)
    model.name = path.stem
    return model


def read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise LoadError(f"{path.parent.name} has no {path.name}") from None
    except (OSError, ValueError) as error:
        raise LoadError(f"{path.name} of {path.parent.name} cannot be read: {one_line(error)}") from None
    if not isinstance(found, dict):
        raise LoadError(f"{path.name} of {path.parent.name} is not a JSON object")
    return found


def one_line(error: BaseException) -> str:
    return " ".join(str(error).split())[:300]
