"""What is said of a scene, as one row of tokens: the picture once, then exchanges that see the picture and themselves.

Exchanges of one row do not see each other, so that each learns to look at the picture, as if nothing had been said
before; one picture serves several of them. Where one holds two turns, the second sees the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from prisma_engine.preprocess import Preprocess
from prisma_engine.toy.emoji_scenes import sample_scenes, to_input
from prisma_engine.toy.layers import FRAME
from prisma_engine.toy.llava.facts import ASSISTANT, EOS, USER
from prisma_engine.toy.llava.language import IGNORED
from prisma_engine.toy.llava.questions import DESCRIBE, ask
from prisma_engine.toy.llava.things import Thing, description, things_of
from prisma_engine.toy.llava.tokenizer import BOS, IMAGE

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PREPROCESS = Preprocess(height=FRAME, width=FRAME, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
"""How the tower takes a picture: as emoji-vit does."""
Turn = tuple[str, str]
"""What the user says, and the answer."""


@dataclass(frozen=True)
class Row:
    """One picture and its exchanges as tokens.

    Attributes:
        ids: of the tokens.
        labels: the same where an answer is to be learned, otherwise `IGNORED`.
        positions: of each token in its own exchange, the picture included.
        exchange: which one a token belongs to, from 1; 0 for the picture and what is before it.
    """

    ids: list[int]
    labels: list[int]
    positions: list[int]
    exchange: list[int]


class Writer:
    """Exchanges → tokens.

    Args:
        n_image: tokens of a picture.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast, n_image: int) -> None:
        self.tokenizer = tokenizer
        self.head = self._ids(f"{BOS}{USER}" + n_image * IMAGE)

    def _ids(self, words: str) -> list[int]:
        return self.tokenizer(words, add_special_tokens=False)["input_ids"]  # type: ignore[return-value]

    def row(self, exchanges: Sequence[Sequence[Turn]]) -> Row:
        n = len(self.head)
        row = Row(list(self.head), [IGNORED] * n, list(range(n)), [0] * n)
        for number, turns in enumerate(exchanges, 1):
            position = n
            for i, (question, answer) in enumerate(turns):
                asked = self._ids(f"{USER if i else ''} {question} {ASSISTANT}")
                answered = self._ids(f"{answer} {EOS}")
                both = asked + answered
                row.ids.extend(both)
                row.labels.extend([IGNORED] * len(asked) + answered)
                row.positions.extend(range(position, position + len(both)))
                row.exchange.extend([number] * len(both))
                position += len(both)
        return row


def exchanges_of(random: Random, things: Sequence[Thing], n: int) -> list[list[Turn]]:
    """The description and at most `n` questions; a third of the questions follow the one before them.

    Of a picture without a thing there is only the description.
    """
    found: list[list[Turn]] = [[(random.choice(DESCRIBE), description(things))]]
    for i, (_, answered) in enumerate(ask(random, things, n) if things else ()):
        if i and random.random() < 1 / 3:
            found[-1].append(answered)
        else:
            found.append([answered])
    return found


def seen_by(exchange: Int[Tensor, "row token"]) -> Float[Tensor, "row 1 token token"]:
    """0 where a token may look, and the least number of float32 elsewhere.

    Args:
        exchange: as in `Row`; -1 for what fills a row up, which looks at itself alone.
    """
    same = exchange[:, :, None] == exchange[:, None]
    ahead = torch.ones(2 * exchange.shape[1:], dtype=torch.bool).triu(1)
    allowed = (same | (exchange[:, None] == 0)) & ~ahead & (exchange[:, :, None] >= 0)
    allowed |= torch.eye(exchange.shape[1], dtype=torch.bool)
    return torch.zeros(allowed.shape).masked_fill(~allowed, torch.finfo(torch.float32).min)[:, None]


class Conversations:
    """Rows about scenes of a split, by number, always the same for the same number.

    Args:
        questions: about each scene, at most.
    """

    def __init__(self, writer: Writer, preprocess: Preprocess, questions: int, split: str = "train") -> None:
        self.writer, self.preprocess, self.questions, self.split = writer, preprocess, questions, split

    def __call__(self, number: int, n: int, mixture: tuple[float, ...]) -> dict[str, Tensor]:
        """Pixels, ids, labels, positions and the exchange of each token, of `n` scenes.

        Args:
            mixture: shares of scenes with 0, 1, 2 and 3 objects.
        """
        scenes = sample_scenes(self.split, number, n, mixture, masks=True)
        assert scenes.masks is not None
        rows = []
        for i in range(n):
            random = Random(f"conversation {self.split} {number} {i}")
            things = things_of(scenes.objects[i], scenes.masks[i])
            rows.append(self.writer.row(exchanges_of(random, things, self.questions)))
        return {"pixels": to_input(scenes.images, self.preprocess), **stacked(rows)}


def stacked(rows: Sequence[Row]) -> dict[str, Tensor]:
    """Rows as tensors, filled up behind to the longest."""
    fill = {"ids": 0, "labels": IGNORED, "positions": 0, "exchange": -1}
    return {
        name: pad_sequence([torch.tensor(getattr(row, name)) for row in rows], batch_first=True, padding_value=value)
        for name, value in fill.items()
    }
