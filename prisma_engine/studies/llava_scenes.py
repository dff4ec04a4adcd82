"""Held-out emoji scenes as emoji-llava is asked about them, and what each image token shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from prisma_engine.analysis.segmentation import label_map
from prisma_engine.sae.measuring.held_out import FIRST, patch_classes
from prisma_engine.toy.emoji_classes import NAMES
from prisma_engine.toy.emoji_scenes import SceneBatch, sample_scenes
from prisma_engine.toy.llava.nouns import WORDS
from prisma_engine.toy.llava.questions import DESCRIBE
from prisma_engine.vlm.prompt import Prompt

if TYPE_CHECKING:
    from prisma_engine.vlm.hooked import HookedVLM

ASKED = DESCRIBE[0]
"""What the model is asked, unless a study says otherwise; it names no object."""


@dataclass(frozen=True)
class Scenes:
    """Some scenes.

    Attributes:
        prompt: the question about each, a row a scene.
        objects: emoji class of each object, -1 where a scene has fewer.
        patches: emoji class that covers more than half of each patch, -1 for background.
    """

    prompt: Prompt
    objects: Int[Tensor, "scene object"]
    patches: Int[Tensor, "scene patch"]

    def __len__(self) -> int:
        return len(self.objects)

    def rows(self, chosen: Sequence[int]) -> Scenes:
        """Some of them, in this order; the same one may be taken twice."""
        prompt, index = self.prompt, torch.tensor(chosen)
        assert prompt.pixels is not None
        prompt = replace(
            prompt,
            ids=prompt.ids[index],
            pixels=prompt.pixels[index],
            pictures=tuple(prompt.pictures[i] for i in chosen),
        )
        return Scenes(prompt, self.objects[index], self.patches[index])


def held_out_scenes(
    model: HookedVLM,
    split: str,
    index: int,
    n: int,
    mixture: tuple[float, ...] = (0, 0.4, 0.35, 0.25),
    classes: tuple[int, ...] = (),
    asked: str = ASKED,
) -> Scenes:
    """Scenes that no training saw; see `prisma_engine.toy.emoji_scenes.sample_scenes`.

    Args:
        index: of the batch among the held-out ones, from 0.
    """
    drawn = sample_scenes(split, FIRST + index, n, mixture, masks=True, classes=classes)
    return as_scenes(model, drawn, asked)


def as_scenes(model: HookedVLM, drawn: SceneBatch, asked: str = ASKED) -> Scenes:
    """Scenes with masks as a model is asked about them."""
    assert drawn.masks is not None and model.config.grid is not None
    images = [np.ascontiguousarray(image.permute(1, 2, 0).numpy()) for image in drawn.images]
    prompt = model.prompts([asked] * len(images), images)
    patches = patch_classes(label_map(drawn.masks, drawn.objects), model.config.grid, len(NAMES))
    return Scenes(prompt, drawn.objects, patches)


def image_positions(prompt: Prompt) -> Int[Tensor, " patch"]:
    """Where in the sequence the patches are, row by row."""
    return prompt.patch_positions().flatten()


@torch.no_grad()
def image_activations(model: HookedVLM, prompt: Prompt, hooks: Sequence[str]) -> dict[str, Float[Tensor, "s patch d"]]:
    """{hook point: activations at the image tokens} of some scenes."""
    last = max(int(hook.split(".")[1]) for hook in hooks) + 1
    _, cache = model.run_with_cache(prompt, names=hooks, stop_at_layer=last)
    at = image_positions(prompt)
    return {hook: cache[hook][:, at] for hook in hooks}


def named(text: str) -> frozenset[int]:
    """The emoji classes that a text names."""
    words = set(text.lower().replace(".", " ").replace(",", " ").split())
    return frozenset(i for i, word in enumerate(WORDS) if word in words)
