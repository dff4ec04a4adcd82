"""The stages that see and speak: the projector alone, then projector and decoder; the tower stays what it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from prisma_engine.toy.llava.conversation import Conversations, seen_by
from prisma_engine.toy.llava.language import IGNORED, Rows, next_token_loss
from prisma_engine.toy.llava.trainer import Stage

if TYPE_CHECKING:
    from transformers import LlavaForConditionalGeneration

PROJECTOR = ("multi_modal_projector",)
SPEAKING = ("multi_modal_projector", "language_model", "lm_head")


class Joint(Stage):
    """The whole model; only the parts that are named learn.

    Args:
        learning: names of parts.
    """

    def __init__(self, llava: LlavaForConditionalGeneration, learning: tuple[str, ...]) -> None:
        super().__init__()
        self.llava = llava
        for name, p in llava.named_parameters():
            p.requires_grad_(any(part in name for part in learning))

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The loss of the answers, and of the text that is mixed in, weighted by its rows for each of the others."""
        logits, labels = self.logits(batch), batch["labels"]
        parts = {"loss": next_token_loss(logits, labels), "accuracy": share_right(logits, labels)}
        if len(batch["text"]):
            text = next_token_loss(self.llava(input_ids=batch["text"], use_cache=False).logits, batch["text"])
            parts["text"] = len(batch["text"]) / len(batch["ids"]) * text
        return parts

    def logits(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Of the token after each, for rows of conversations."""
        dtype = self.llava.lm_head.weight.dtype
        return self.llava(
            input_ids=batch["ids"],
            pixel_values=batch["pixels"].to(dtype),
            attention_mask=seen_by(batch["exchange"]).to(dtype),
            position_ids=batch["positions"],
            use_cache=False,
        ).logits


class Mixed:
    """Conversations about scenes, by number, and beside them rows of text alone.

    Args:
        mixture: shares of scenes with 0, 1, 2 and 3 objects.
        share: of the rows that are text.
    """

    def __init__(self, conversations: Conversations, rows: Rows, mixture: tuple[float, ...], share: float) -> None:
        self.conversations, self.rows, self.mixture, self.share = conversations, rows, mixture, share

    def __call__(self, number: int, n: int) -> dict[str, Tensor]:
        n_text = round(n * self.share / (1 - self.share))
        text = self.rows("train", number * n_text, n_text) if n_text else torch.zeros(0, 1, dtype=torch.long)
        return {**self.conversations(number, n, self.mixture), "text": text}


@torch.no_grad()
def share_right(logits: Tensor, labels: Tensor) -> Tensor:
    """Share of the labelled tokens that are the likeliest after those before them."""
    learned = labels[:, 1:] != IGNORED
    return (logits[:, :-1].argmax(-1) == labels[:, 1:])[learned].float().mean()


@torch.no_grad()
def watch(stage: Joint, batch: Mapping[str, Tensor]) -> dict[str, float]:
    """Of answers about held-out scenes: the loss in nats, and the share of tokens that are right after those before."""
    logits, labels = stage.logits(batch), batch["labels"]
    found = {"held_out_loss": next_token_loss(logits, labels), "held_out_accuracy": share_right(logits, labels)}
    return {name: float(value) for name, value in found.items()}
