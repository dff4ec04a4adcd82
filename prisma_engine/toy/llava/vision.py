"""The second stage: the vision tower on emoji scenes, from image-level labels and from what emoji-vit reads.

CLS names the picture's classes, as in emoji-vit. Each patch, at the layer that the projector will read, learns to say
what emoji-vit's own patch says there at its end, and emoji-vit saw no mask either. Both heads are dropped afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from prisma_engine.toy.emoji.loss import cross_entropy, divergence, target
from prisma_engine.toy.emoji_scenes import sample_scenes, to_input
from prisma_engine.toy.llava.trainer import Stage
from prisma_engine.vit import HookedViT

if TYPE_CHECKING:
    from transformers import CLIPVisionModel


class Vision(Stage):
    """The tower and two heads, which start as the teacher's.

    Args:
        layer: the hidden states whose patches are taught, from the end.
    """

    def __init__(self, tower: CLIPVisionModel, teacher: HookedViT, layer: int) -> None:
        super().__init__()
        self.tower, self.layer = tower, layer
        d_model, n_classes = teacher.config.d_model, teacher.config.n_classes
        self.patch_norm = nn.LayerNorm(d_model, eps=teacher.config.eps)
        self.patch_head, self.cls_head = nn.Linear(d_model, n_classes), nn.Linear(d_model, n_classes)
        self.patch_norm.load_state_dict(teacher.ln_final.state_dict())
        for head in (self.patch_head, self.cls_head):
            head.load_state_dict(teacher.head.linear.state_dict())  # type: ignore[union-attr]

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        cls, patches = self.logits(batch["pixels"].to(self.cls_head.weight.dtype))
        return {
            "cls": cross_entropy(cls.float(), target(batch["labels"].bool())),
            "patches": divergence(batch["patches"], patches.float()),
        }

    def logits(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Of the classes: what CLS says of the picture, and what every patch says at the layer that is read."""
        seen = self.tower(pixels, output_hidden_states=True)
        patches = seen.hidden_states[self.layer][:, 1:]
        return self.cls_head(seen.pooler_output), self.patch_head(self.patch_norm(patches))


class Scenes:
    """Scenes by number, with what the teacher's patches say of them."""

    def __init__(self, teacher: HookedViT, mixture: tuple[float, ...]) -> None:
        self.teacher, self.mixture = teacher, mixture

    @torch.no_grad()
    def __call__(self, number: int, n: int) -> dict[str, Tensor]:
        scenes = sample_scenes("train", number, n, self.mixture)
        assert self.teacher.preprocess is not None
        pixels = to_input(scenes.images, self.teacher.preprocess)
        patches = self.teacher.unembed(self.teacher.through_blocks(self.teacher.stream(pixels)))
        return {"pixels": pixels, "labels": scenes.labels, "patches": patches[:, self.teacher.patch_slice]}
