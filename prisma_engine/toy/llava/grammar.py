"""Texts without any picture: many genres about the same things, each text fixed by its split and index.

A text belongs to a split by its own words, not by its seed: those whose checksum falls in one sixteenth are held out,
so that no held-out text is ever a training text.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from random import Random

from prisma_engine.toy.llava import facts, tales

SPLITS = ("train", "held-out")
HELD_OUT = 16
"""One text in so many is held out."""
GENRES: tuple[tuple[Callable[[Random], str], int], ...] = (
    (facts.definition, 3),
    (facts.listing, 2),
    (facts.riddle, 2),
    (facts.comparison, 2),
    (facts.quiz, 3),
    (facts.odd_one_out, 1),
    (tales.told, 2),
    (tales.reading, 6),
    (tales.repeating, 2),
    (tales.sides, 1),
    (tales.counting, 1),
    (tales.story, 3),
    (tales.walk, 2),
    (tales.meal, 2),
    (tales.chat, 2),
    (tales.wish, 1),
)
"""Every kind of text, and how often it is drawn beside the others."""


def text(split: str, index: int) -> str:
    """Text `index` of a split, always the same: words and punctuation, a space between any two.

    Raises:
        ValueError: if the split is unknown or the index negative.
    """
    if split not in SPLITS or index < 0:
        raise ValueError(f"no text for split {split!r}, index {index}; splits are {', '.join(SPLITS)}, indices from 0")
    random = Random(f"{split} {index}")
    genres, weights = zip(*GENRES, strict=True)
    genre = random.choices(genres, weights)[0]
    while split_of(drawn := genre(random)) != split:
        pass
    return drawn


def split_of(words: str) -> str:
    """The split that a text belongs to."""
    return "held-out" if zlib.crc32(words.encode()) % HELD_OUT == 0 else "train"


def texts(split: str, start: int = 0) -> Iterator[str]:
    """The texts of a split, one after the other, without end."""
    index = start
    while True:
        yield text(split, index)
        index += 1


def vocabulary(n: int = 8_000) -> tuple[str, ...]:
    """Every word and mark of the first `n` training texts, sorted; special tokens are none of them."""
    words = {word for index in range(n) for word in text("train", index).split()}
    return tuple(sorted(word for word in words if not word.startswith("<")))
