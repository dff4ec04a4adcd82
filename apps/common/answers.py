"""What a model answers for a whole picture: its highest classes, with their names and emoji."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float

from prisma_engine import labels

if TYPE_CHECKING:
    from prisma_engine import HookedViT
    from prisma_engine.labels import Vocabulary
    from prisma_engine.preprocess import Preprocess

_nonce = itertools.count(1)


@dataclass(frozen=True)
class Answer:
    """One class of an answer: logit in the head's own units, probability from 0 to 1."""

    index: int
    name: str
    emoji: str
    logit: float
    probability: float

    def plain(self) -> dict[str, Any]:
        """For programs: {`class`: index, `name`, `emoji`, `logit`, `probability`}, rounded to what is meaningful."""
        row = asdict(replace(self, logit=round(self.logit, 4), probability=round(self.probability, 6)))
        return {"class": row.pop("index"), **row}


def classifier_of_pictures(model: HookedViT, change: str, most: int) -> Preprocess:
    """How a model's pictures are prepared.

    Args:
        change: what a page changes the model's answers with, in words.
        most: tokens of a picture that the page takes.

    Raises:
        ValueError: one sentence, for a model that gives no answer, reads no still pictures, or makes more tokens.
    """
    if model.config.head == "identity":
        raise ValueError(f"{model.name} has no classifier, so it gives no answer that {change} could change")
    if model.config.is_video:
        raise ValueError(f"{model.name} reads videos; this page shows pictures")
    if model.config.n_tokens > most:
        raise ValueError(
            f"{model.name} makes {model.config.n_tokens:,} tokens of a picture; this page takes up to {most:,}"
        )
    if model.preprocess is None:
        raise ValueError(f"{model.name} does not say how its pictures are prepared, so it cannot be shown one")
    return model.preprocess


def top_answers(logits: Float[torch.Tensor, " class"], vocabulary: Vocabulary, k: int = 5) -> tuple[Answer, ...]:
    """The k highest classes with their probabilities over all classes."""
    best = logits.topk(min(k, len(logits)))
    probability = (best.values - logits.logsumexp(-1)).exp()
    rows = zip(best.indices.tolist(), best.values.tolist(), probability.tolist(), strict=True)
    return tuple(Answer(i, vocabulary.names[i], vocabulary.emoji[i], logit, p) for i, logit, p in rows)


def vocabulary_for(model: HookedViT, n_classes: int) -> Vocabulary:
    """The model's own class names, or numbered ones where it has none for this many classes."""
    if model.vocabulary is not None and len(model.vocabulary.names) == n_classes:
        return model.vocabulary
    return labels.vocabulary_of(n_classes)


def answer_value(answers: Sequence[Answer], caption: str = "") -> dict[str, Any]:
    """The value of an answer list, see `apps.common.answer`; `caption` stands above it as plain text."""
    return {"nonce": next(_nonce), "caption": caption, "rows": [asdict(answer) for answer in answers]}
