"""transformers' models: which family reads a class, and loading a folder that `save_pretrained` wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from prisma_engine.convert import hf_clip, hf_dinov2, hf_siglip, hf_vit, hf_vivit
from prisma_engine.convert.recipe import Recipe, Size, check_modules, pair
from prisma_engine.convert.table import NotUnderstood, convert
from prisma_engine.convert.zero_shot import TextTower, with_classes
from prisma_engine.vit import HookedViT

READERS: dict[str, Callable[[Any, Size | None], Recipe]] = {
    name: family.read for family in (hf_vit, hf_clip, hf_dinov2, hf_siglip, hf_vivit) for name in family.CLASSES
}


def from_transformers(module: nn.Module, image_size: int | Size | None = None, name: str | None = None) -> HookedViT:
    """A hooked copy of a transformers vision model.

    Args:
        module: a model of one of the classes in `READERS`; of CLIP and SigLIP, the vision tower is converted.
        image_size: height and width to interpolate the positions to, as the original does it; its own when None.
        name: what error messages and links call it.

    Raises:
        NotUnderstood: a ValueError that names the part of `module` that the engine does not have.
    """
    kind = type(module)
    if kind.__name__ not in READERS or not kind.__module__.startswith("transformers.models."):
        raise NotUnderstood(f"{kind.__name__} is not understood; from_transformers converts {', '.join(READERS)}")
    check_modules(module)
    recipe = READERS[kind.__name__](module, None if image_size is None else pair(image_size))
    model = convert(recipe.config, recipe.table, recipe.state, recipe.ignore)
    config: Any = module.config
    model.name = name or config._name_or_path or kind.__name__
    if hasattr(module, "classifier") or hasattr(module, "cls_classifier"):
        model.vocabulary = vocabulary(config.id2label, model.config.n_classes)
    return model


def vocabulary(id2label: dict[int, str], n_classes: int) -> Any:
    """Class names from a config; None where it has only placeholders ("LABEL_0")."""
    from prisma_engine import labels

    names = [str(id2label.get(i, f"LABEL_{i}")) for i in range(n_classes)]
    if all(name.startswith("LABEL_") for name in names):
        return None
    if len(names) == 1000 and names[0].startswith("tench") and names[999].startswith("toilet"):
        return labels.imagenet1k()
    return labels.vocabulary(names)


def load_transformers_folder(folder: Path, config: dict[str, Any], classes: Sequence[str] | None = None) -> HookedViT:
    """Convert a folder as `save_pretrained` wrote it: weights, preprocessing, labels; for CLIP, a zero-shot head.

    Args:
        folder: holds config.json, safetensors weights, perhaps preprocessor_config.json and a tokenizer.
        config: what config.json says.
        classes: class names, for CLIP alone; `with_classes(model, others)` changes them without loading again.

    Raises:
        NotUnderstood: if the architecture is unknown, weights are missing, or classes are given to another family.
    """
    module = _load_module(folder, config)
    processor = _image_processor(folder)
    size = None if processor is None else (processor.height, processor.width)
    model = from_transformers(module, None if _is_video(module) else size, folder.name)
    model.preprocess = processor
    if type(module).__name__ == "CLIPModel":
        model.text_tower = TextTower.of(module, _tokenizer(folder))
    return with_classes(model, classes) if classes else model


def _is_video(module: Any) -> bool:
    return getattr(module, "main_input_name", "") == "pixel_values" and hasattr(module.config, "tubelet_size")


def _load_module(folder: Path, config: dict[str, Any]) -> Any:
    import transformers

    names = config.get("architectures") or []
    if len(names) != 1 or names[0] not in READERS:
        named = ", ".join(names) or "no architecture"
        raise NotUnderstood(f"config.json names {named}; the engine converts {', '.join(READERS)}")
    module, report = getattr(transformers, names[0]).from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=torch.float32, output_loading_info=True
    )
    if absent := sorted(map(str, {*report["missing_keys"], *report["mismatched_keys"]})):
        raise NotUnderstood(f"the weights lack {absent[0]} or have it in another shape, with {len(absent) - 1} more")
    return module


def _image_processor(folder: Path) -> Any:
    from prisma_engine.convert.preprocess import preprocess_from_transformers

    if not (folder / "preprocessor_config.json").exists() and not (folder / "processor_config.json").exists():
        return None
    from transformers import AutoImageProcessor

    processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    return preprocess_from_transformers(processor.to_dict())


def _tokenizer(folder: Path) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)
