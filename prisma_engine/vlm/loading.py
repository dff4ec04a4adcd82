"""load(name): an embedded folder, a path or a Hub id → a HookedVLM."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from prisma_engine.hub import LoadError
from prisma_engine.load import models_folder, one_line, read_json
from prisma_engine.vlm.hooked import HookedVLM

ARCHITECTURES = (
    "LlavaForConditionalGeneration",
    "LlamaForCausalLM",
    "GemmaForCausalLM",
    "Gemma2ForCausalLM",
)


def shipped() -> tuple[str, ...]:
    """Names of the models that ship with the repository and need no network."""
    found = sorted(models_folder().glob("*/tokenizer.json"))
    return tuple(path.parent.name for path in found if (path.parent / "model.safetensors").exists())


def load(
    name: str | Path, revision: str | None = None, device: str | None = None, dtype: torch.dtype | None = None
) -> HookedVLM:
    """Load a vision-language model, or a language model alone, ready to run: eval mode, no gradients.

    Args:
        name: an embedded model ("emoji-llava"), a folder of `save_pretrained`, or a Hub id.
        revision: commit, tag or branch of a Hub id.
        device: where it runs; the CPU by default.
        dtype: float32 by default.

    Raises:
        LoadError: a ValueError whose message is one sentence saying what is missing or not understood.
    """
    here = str(name) in shipped()
    folder = models_folder() / str(name) if here else Path(name)
    if not folder.is_dir():
        known = ", ".join(shipped()) or "none"
        raise LoadError(f"there is no model {str(name)!r}; embedded: {known}; otherwise give a folder")
    return from_folder(folder, str(name) if here else folder.name, revision, device, dtype)


def from_folder(
    folder: Path,
    name: str,
    revision: str | None = None,
    device: str | None = None,
    dtype: torch.dtype | None = None,
) -> HookedVLM:
    """A folder as transformers' `save_pretrained` wrote it: model, and processor or tokenizer."""
    import transformers

    names = read_json(folder / "config.json").get("architectures") or []
    if len(names) != 1 or names[0] not in ARCHITECTURES:
        named = ", ".join(map(str, names)) or "no architecture"
        raise LoadError(f"{name}: config.json names {named}; read here are {', '.join(ARCHITECTURES)}")
    sees = names[0] == "LlavaForConditionalGeneration"
    reader = transformers.AutoProcessor if sees else transformers.AutoTokenizer
    try:
        model = _weights(getattr(transformers, names[0]), folder, name, dtype or torch.float32)
        processor = reader.from_pretrained(folder, local_files_only=True)
        found = HookedVLM(model.to(device or "cpu"), processor, name, revision)
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError) as error:
        raise error if isinstance(error, LoadError) else LoadError(f"{name}: {one_line(error)}") from error
    return found


def _weights(kind: Any, folder: Path, name: str, dtype: torch.dtype) -> Any:
    model, report = kind.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=dtype, output_loading_info=True
    )
    if absent := sorted(map(str, {*report["missing_keys"], *report["mismatched_keys"]})):
        raise LoadError(f"the weights of {name} lack {absent[0]} or have it in another shape")
    return model
