"""Activations of a language model that reads text alone: no picture, every token but those in front and behind.

Texts come in numbered blocks, as images do, so that a step's data depend on its number alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from prisma_engine.sae.reading import stop_layer
from prisma_engine.sae.training.recipe import Data
from prisma_engine.sae.training.stream import Buffered
from prisma_engine.sources import SourceRefused
from prisma_engine.toy.llava import grammar
from prisma_engine.training.seeds import generator
from prisma_engine.vlm.prompt import Prompt

if TYPE_CHECKING:
    from prisma_engine.vlm.hooked import HookedVLM

LLAVA = "llava-texts"
"""The source of the texts that emoji-llava learned to speak from."""
EACH = 24
"""Tokens that are taken of each text, on average: fewer than there are, so that every block gives as many."""


@dataclass(frozen=True)
class Texts:
    """Some texts as tokens, filled up behind to the longest.

    Attributes:
        ids: of the tokens.
        kept: those that count: all but the one that begins each text and what fills it up.
    """

    ids: Int[Tensor, "text token"]
    kept: Bool[Tensor, "text token"]

    @property
    def prompt(self) -> Prompt:
        """The same as a model's input. What fills up a text stands behind it, so no token of the text sees it."""
        n = self.ids.shape[1]
        return Prompt(self.ids, ("prompt",) * n, ("",) * n)


def as_tokens(tokenizer: Any, words: Sequence[str]) -> Texts:
    """Texts as a model reads them, with its own token in front."""
    rows = [torch.tensor(ids) for ids in tokenizer(list(words))["input_ids"]]
    filler = tokenizer.pad_token_id
    ids = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=filler)
    return Texts(ids, (ids != filler) & (ids != tokenizer.bos_token_id))


@dataclass(frozen=True)
class LlavaTexts:
    """Training texts of emoji-llava's grammar, never the same twice."""

    tokenizer: Any
    size: int

    def block(self, number: int) -> Texts:
        first = number * self.size
        return as_tokens(self.tokenizer, [grammar.text("train", first + i) for i in range(self.size)])


class TextActivations(Buffered):
    """What a model makes of texts; of every block an equal number of tokens, drawn from all that count."""

    def __init__(self, model: HookedVLM, data: Data, texts: LlavaTexts, seed: int, shard: int = 0) -> None:
        self.model, self.texts = model, texts
        super().__init__(data, data.at_once * EACH, seed, shard)

    @torch.no_grad()
    def _run(self, block: int) -> dict[str, Tensor]:
        texts = self.texts.block(block)
        _, cache = self.model.run_with_cache(texts.prompt, names=self.hooks, stop_at_layer=stop_layer(self.hooks))
        kept = texts.kept.flatten().nonzero()[:, 0]
        drawn = torch.randperm(len(kept), generator=generator(self.seed, "tokens", block))[: self.per_block]
        return {hook: cache[hook].flatten(0, 1)[kept[drawn]] for hook in self.hooks}


def text_activations(model: HookedVLM, data: Data, seed: int, shards: Iterable[int]) -> list[TextActivations]:
    """The streams of these shards, each with its own texts."""
    texts = text_supply(data.texts, model.tokenizer, data.at_once)
    return [TextActivations(model, data, texts, seed, shard) for shard in shards]


def text_supply(source: str, tokenizer: Any, size: int) -> LlavaTexts:
    """The training texts of a source.

    Args:
        source: "llava-texts".
        size: texts in a block.

    Raises:
        SourceRefused: if there is no such source.
    """
    if source != LLAVA:
        raise SourceRefused(f"there are no texts {source!r}; there are {LLAVA!r}")
    return LlavaTexts(tokenizer, size)
