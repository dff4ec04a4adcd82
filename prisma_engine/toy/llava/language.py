"""The first stage: the decoder alone, on text alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from jaxtyping import Int
from torch import Tensor

from prisma_engine.toy.llava.grammar import text
from prisma_engine.toy.llava.tokenizer import EOS
from prisma_engine.toy.llava.trainer import Stage

if TYPE_CHECKING:
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

TEXTS = 16
"""Texts that a row of tokens may be made of, at most; their indices are its own."""
IGNORED = -100
"""The label of a token that nothing is learned from."""


class Rows:
    """Rows of text: documents one after the other, each between <bos> and <eos>, cut where the row is full."""

    def __init__(self, tokenizer: PreTrainedTokenizerFast, block: int) -> None:
        self.tokenizer, self.block = tokenizer, block
        self.eos = int(tokenizer.convert_tokens_to_ids(EOS))  # type: ignore[arg-type]

    def __call__(self, split: str, start: int, n: int) -> Int[Tensor, "row token"]:
        """Rows `start` to `start + n` of a split."""
        return torch.tensor([self._row(split, row) for row in range(start, start + n)])

    def _row(self, split: str, row: int) -> list[int]:
        ids: list[int] = []
        for index in range(row * TEXTS, (row + 1) * TEXTS):
            document: list[int] = self.tokenizer(text(split, index))["input_ids"]  # type: ignore[assignment]
            ids += document if document[-1] == self.eos else [*document, self.eos]
            if len(ids) >= self.block:
                return ids[: self.block]
        raise ValueError(f"{TEXTS} texts are not enough for {self.block} tokens; use a smaller block")


def next_token_loss(logits: Tensor, labels: Int[Tensor, "row token"]) -> Tensor:
    """Mean cross entropy in nats of the token after each, where its label is not `IGNORED`."""
    return F.cross_entropy(logits[:, :-1].float().flatten(0, 1), labels[:, 1:].flatten(), ignore_index=IGNORED)


class Language(Stage):
    def __init__(self, decoder: LlamaForCausalLM) -> None:
        super().__init__()
        self.decoder = decoder

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        logits = self.decoder(input_ids=batch["ids"], use_cache=False).logits
        return {"loss": next_token_loss(logits, batch["ids"])}


@torch.inference_mode()
def perplexity(decoder: torch.nn.Module, rows: Int[Tensor, "row token"]) -> float:
    """Of the next token, over all rows; `decoder` gives `.logits` for ids."""
    losses = [next_token_loss(decoder(input_ids=part).logits, part) for part in rows.split(32)]
    weights = [len(part) for part in rows.split(32)]
    mean = sum(float(loss) * n for loss, n in zip(losses, weights, strict=True)) / len(rows)
    return math.exp(mean)
