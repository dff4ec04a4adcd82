"""emoji-llava as a folder of transformers' own files."""

from __future__ import annotations

import shutil
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from prisma_engine.history import FILE
from prisma_engine.load import models_folder
from prisma_engine.toy.llava.tokenizer import build_processor, build_tokenizer

if TYPE_CHECKING:
    from transformers import LlavaForConditionalGeneration

FINISHED = "finished"
"""Where the last stage of the training leaves the model."""


def save_pretrained(llava: LlavaForConditionalGeneration, folder: Path, dtype: torch.dtype = torch.float32) -> Path:
    """Write weights and config, the processor with its tokenizer and chat template, and how it generates."""
    from transformers import GenerationConfig

    copy: Any = deepcopy(llava)
    copy.to(dtype)
    text, vision = copy.config.text_config, copy.config.vision_config
    for part in (copy.config, text, vision):
        part.name_or_path, part.dtype = "", dtype  # of parts, not of where they lay while they were trained
    copy.generation_config = GenerationConfig(
        bos_token_id=text.bos_token_id, eos_token_id=text.eos_token_id, pad_token_id=text.pad_token_id
    )
    copy.save_pretrained(folder)
    build_processor(build_tokenizer(), vision.image_size, vision.patch_size).save_pretrained(folder)
    for path in folder.glob("*.safetensors"):
        path.chmod(0o644)  # safetensors makes files that their owner alone can read
    return folder


def export(name: str, out: Path, cards: Path | None = None) -> Path:
    """Write the trained model's folder in half precision below `cards` (default: where embedded models are).

    Raises:
        FileNotFoundError: if no trained model is in `out`.
    """
    from transformers import LlavaForConditionalGeneration

    if not (out / FINISHED / "config.json").exists():
        raise FileNotFoundError(f"{out / FINISHED} holds no model; run python -m prisma_engine.toy.llava.train")
    folder = (cards or models_folder()) / name
    save_pretrained(LlavaForConditionalGeneration.from_pretrained(out / FINISHED), folder, torch.float16)
    shutil.copy(out / "finishing" / FILE, folder / FILE)
    return folder
