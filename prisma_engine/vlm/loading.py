"""load(name): an embedded folder, a path or a Hub id → a HookedVLM."""

from __future__ import annotations

import logging
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch

from prisma_engine import remote
from prisma_engine.hub import LoadError, Unreachable, fetch, is_repo_id
from prisma_engine.load import models_folder, one_line, read_json
from prisma_engine.vlm import image_scale, memory
from prisma_engine.vlm.hooked import HookedVLM
from prisma_engine.vlm.memory import Needs

logger = logging.getLogger(__name__)

SEEING = "LlavaForConditionalGeneration"
ARCHITECTURES = (SEEING, "LlamaForCausalLM", "GemmaForCausalLM", "Gemma2ForCausalLM")
MAX_BYTES = 20_000_000_000
"""Refuse larger downloads; the memory is asked first."""


def shipped() -> tuple[str, ...]:
    """Names of the models that ship with the repository and need no network."""
    found = sorted(models_folder().glob("*/tokenizer.json"))
    return tuple(path.parent.name for path in found if (path.parent / "model.safetensors").exists())


def load(
    name: str | Path, revision: str | None = None, device: str | None = None, dtype: torch.dtype | None = None
) -> HookedVLM:
    """Load a vision-language model, or a language model alone, ready to run: eval mode, no gradients.

    Args:
        name: an embedded model ("emoji-llava"), a folder of `save_pretrained`, or a Hub id ("Intel/llava-gemma-2b");
            `needed` says what the last asks of this machine, and so does the log before it is downloaded.
        revision: commit, tag or branch of a Hub id; the resolved commit is in `model.revision`.
        device: where it runs, such as "cuda"; the CPU by default.
        dtype: float32 by default, of a Hub id bfloat16.

    Raises:
        LoadError: a ValueError whose message is one sentence saying what is missing, not understood or too large.
    """
    here, device = str(name) in shipped(), device or "cpu"
    folder = models_folder() / str(name) if here else Path(name)
    if folder.is_dir():
        if revision is not None:
            raise LoadError(f"{folder.name} has no revisions; only a model of the Hub has")
        return _from_folder(folder, str(name) if here else folder.name, None, device, dtype or torch.float32)
    if not is_repo_id(str(name)):
        known = ", ".join(shipped()) or "none"
        raise LoadError(
            f"there is no model {str(name)!r}; embedded: {known}; otherwise give a folder or a Hub id 'owner/name'"
        )
    dtype = dtype or torch.bfloat16
    with suppress(Unreachable):  # it may have been downloaded before
        found = needed(str(name), revision, device, dtype)
        memory.check(str(name), found)
        logger.info("%s needs %s", name, found)
    commit = fetch(str(name), revision, max_bytes=MAX_BYTES)
    return _from_folder(commit, str(name), commit.name, device, dtype)


def needed(name: str, revision: str | None = None, device: str = "cpu", dtype: torch.dtype = torch.bfloat16) -> Needs:
    """What a model of the Hub asks of this machine, by a request for some kilobytes.

    Raises:
        LoadError: unknown repository or revision, no network, or no safetensors.
    """
    return memory.needs(remote.weights(name, revision), dtype, device)


def _from_folder(folder: Path, name: str, revision: str | None, device: str, dtype: torch.dtype) -> HookedVLM:
    """A folder as transformers' `save_pretrained` wrote it: model, and processor or tokenizer."""
    import transformers

    config = read_json(folder / "config.json")
    names = config.get("architectures") or []
    if len(names) != 1 or names[0] not in ARCHITECTURES:
        named = ", ".join(map(str, names)) or "no architecture"
        raise LoadError(f"config.json of {name} names {named}; read here are {', '.join(ARCHITECTURES)}")
    memory.check(name, memory.needs(memory.stored(folder), dtype, device))
    try:
        model = _weights(getattr(transformers, names[0]), folder, name, dtype)
        if image_scale.counts_on_it(config):
            image_scale.put_back(model)
        processor = _processor(folder, model.config) if names[0] == SEEING else _tokenizer(folder)
        return HookedVLM(model.to(device), processor, name, revision).to(device)
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise error if isinstance(error, LoadError) else LoadError(f"{name}: {one_line(error)}") from error


def _weights(kind: Any, folder: Path, name: str, dtype: torch.dtype) -> Any:
    model, report = kind.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=dtype, output_loading_info=True
    )
    if absent := sorted(map(str, {*report["missing_keys"], *report["mismatched_keys"]})):
        raise LoadError(f"the weights of {name} lack {absent[0]} or have it in another shape")
    return model


def _processor(folder: Path, config: Any) -> Any:
    """The current processor with this model's patches, whatever an older or a foreign one in the folder says.

    No code of the folder is run. How many tokens stand for an image follows from the model alone.
    """
    from transformers import AutoImageProcessor, LlavaProcessor

    path = folder / "processor_config.json"
    if path.exists() and read_json(path).get("processor_class") == "LlavaProcessor":
        processor: Any = LlavaProcessor.from_pretrained(folder, local_files_only=True)
    else:
        images = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        processor = LlavaProcessor(images, _tokenizer(folder))
    processor.patch_size = config.vision_config.patch_size
    processor.vision_feature_select_strategy = config.vision_feature_select_strategy
    # CLIP has a CLS token, SigLIP has none
    processor.num_additional_image_tokens = int(config.vision_config.model_type == "clip_vision_model")
    return processor


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)
