"""What a token can be about: itself a word, one of a group of words, followed by one, or in a kind of text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Bool, Int
from torch import Tensor

Where = Literal["here", "next", "text"]


@dataclass(frozen=True)
class Concept:
    """Something that a latent may detect.

    Attributes:
        name: for people, such as "pizza", "any fruit" or "before pizza".
        kind: its group, such as "object", "category", "place", "colour", "size", "word", "before" or "genre".
        words: ids of the words that are it; of a kind of text, its number alone.
        where: whether a token is about it by being such a word ("here"), by standing before one ("next"), or by
            standing in such a text ("text").
    """

    name: str
    kind: str
    words: tuple[int, ...]
    where: Where = "here"


class Concepts:
    """A list of concepts, and which tokens are about which.

    Raises:
        ValueError: if there is none, two have one name, or a word is outside the vocabulary.
    """

    def __init__(self, concepts: Sequence[Concept], n_words: int, n_genres: int = 0) -> None:
        self.every, self.names = tuple(concepts), tuple(concept.name for concept in concepts)
        if not self.every:
            raise ValueError("there are no concepts to label latents with")
        if len(set(self.names)) < len(self.names):
            twice = next(name for name in self.names if self.names.count(name) > 1)
            raise ValueError(f"two concepts are called {twice!r}; give them different names")
        sizes = {"here": n_words, "next": n_words, "text": n_genres}
        self._tables = {where: torch.zeros(n, len(self.every), dtype=torch.bool) for where, n in sizes.items()}
        for column, concept in enumerate(self.every):
            for word in concept.words:
                if not 0 <= word < sizes[concept.where]:
                    raise ValueError(f"{concept.name!r} has word {word}, and there are {sizes[concept.where]}")
                self._tables[concept.where][word, column] = True

    def __len__(self) -> int:
        return len(self.every)

    def of_kind(self, kind: str) -> tuple[int, ...]:
        """Indices of the concepts of a kind, in order."""
        return tuple(i for i, concept in enumerate(self.every) if concept.kind == kind)

    def present(self, ids: Int[Tensor, " token"], genre: int | None = None) -> Bool[Tensor, "token concept"]:
        """Which concepts each token of one text is about.

        Args:
            ids: the whole text, since a token may be about the word after it.
            genre: the kind of text; None where it is not known.
        """
        found = self._tables["here"][ids]
        found[:-1] |= self._tables["next"][ids[1:]]
        return found if genre is None else found | self._tables["text"][genre]
