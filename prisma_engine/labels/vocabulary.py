"""The names, emoji and colours of a model's classes, and how a person finds one of them."""

from __future__ import annotations

import hashlib
import json
import operator
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache

from prisma_engine.labels.color import emoji_color
from prisma_engine.labels.font import DATA, sequence
from prisma_engine.labels.guess import guess_all

# By `_match`: how early a class comes when its name, or one of its aliases, matches that well.
NAME_RANKS = (0, 2, 3, 6, None)
ALIAS_RANKS = (1, 4, 5, 7, None)


@dataclass(frozen=True)
class Vocabulary:
    """What the classes of a model are called and how they are shown; position = class index.

    Attributes:
        id: "imagenet1k", "emoji-vit", or a hash of an ad-hoc list.
        names: short names for people.
        emoji: one per class, never empty; several classes may share one, so show the name beside it.
        colors: "#rrggbb", one per emoji: classes that share an emoji share its colour.
        aliases: other words for each class, for `index` and `search`; empty where there are none.
    """

    id: str
    names: tuple[str, ...]
    emoji: tuple[str, ...]
    colors: tuple[str, ...]
    aliases: tuple[tuple[str, ...], ...] = ()

    def __len__(self) -> int:
        return len(self.names)

    def index(self, name_or_index: str | int) -> int:
        """Class index of a name in any case, of an alias that belongs to one class, or of an index.

        Raises:
            ValueError: if there is no such class, or several; the sentence says which were near.
        """
        if not isinstance(name_or_index, str):
            return self._checked(operator.index(name_or_index))
        text = name_or_index.strip()
        if text in self.names and self.names.count(text) == 1:
            return self.names.index(text)
        found = self._by_name.get(text.casefold()) or self._by_alias.get(text.casefold(), [])
        if len(found) == 1:
            return found[0]
        raise ValueError(self._ambiguous(text, found) if found else self._unknown(text))

    def search(self, text: str, limit: int = 20) -> list[int]:
        """Class indices that match what a person typed, best first, equally good ones in class order.

        Exact names come first, then names that begin with the text, names with a word that does, the
        same for aliases, then the text anywhere. An emoji finds its classes, a number its class; an
        empty text finds the first classes.
        """
        ranked = [(rank, i) for i in range(len(self)) if (rank := self._rank(i, text.strip())) is not None]
        return [i for _, i in sorted(ranked)[:limit]]

    def _rank(self, i: int, text: str) -> int | None:
        if text in ("", str(i)) or sequence(text) == sequence(self.emoji[i]):
            return 0
        name, *aliases = self._plain_words[i]
        query = _plain(text)
        ranks = [NAME_RANKS[_match(name, query)], *(ALIAS_RANKS[_match(alias, query)] for alias in aliases)]
        return min((rank for rank in ranks if rank is not None), default=None)

    def _checked(self, index: int) -> int:
        if 0 <= index < len(self):
            return index
        raise ValueError(f"{self.id} has {len(self)} classes, 0 to {len(self) - 1}; got {index}")

    def _ambiguous(self, text: str, found: list[int]) -> str:
        choices = ", ".join(f"{self.names[i]!r} ({i})" for i in found[:5])
        return f"{text!r} names {len(found)} classes of {self.id}: {choices}; use one of these names or its index"

    def _unknown(self, text: str) -> str:
        known = self._by_alias | self._by_name
        near = [i for word in get_close_matches(text.casefold(), list(known), n=3) for i in known[word]]
        names = list(dict.fromkeys(self.names[i] for i in self.search(text, 3) + near))[:3]
        hint = " or ".join(repr(name) for name in names) if text else ""
        return f"no class {text!r} in {self.id}" + (f"; did you mean {hint}?" if hint else "")

    @cached_property
    def _by_name(self) -> dict[str, list[int]]:
        return _positions((name, i) for i, name in enumerate(self.names))

    @cached_property
    def _by_alias(self) -> dict[str, list[int]]:
        return _positions((alias, i) for i, aliases in enumerate(self.aliases) for alias in aliases)

    @cached_property
    def _plain_words(self) -> list[tuple[str, ...]]:
        aliases = self.aliases or ((),) * len(self)
        return [tuple(map(_plain, (name, *more))) for name, more in zip(self.names, aliases, strict=True)]


def _positions(pairs: Iterator[tuple[str, int]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for word, i in pairs:
        found.setdefault(word.casefold(), []).append(i)
    return found


def _plain(text: str) -> str:
    """Lower case, words separated by single spaces."""
    return " ".join(re.findall(r"[^\W_]+", text.casefold()))


def _match(words: str, query: str) -> int:
    """How well: 0 exactly, 1 from the beginning, 2 from the beginning of a word, 3 somewhere, 4 not at all."""
    if not query or query not in words:
        return 4
    return 0 if words == query else 1 if words.startswith(query) else 2 if f" {query}" in words else 3


@lru_cache(maxsize=1)
def imagenet1k() -> Vocabulary:
    """The 1,000 classes of ImageNet-1k in the order of every checkpoint trained on it.

    Names and aliases are WordNet's, made unique ("crane (bird)"); the emoji are our own table.
    """
    words = json.loads((DATA / "imagenet1k.json").read_text(encoding="utf-8"))
    emoji = json.loads((DATA / "emoji1k.json").read_text(encoding="utf-8"))
    pictures = tuple(emoji[name] for name in words["names"])
    aliases = tuple(map(tuple, words["aliases"]))
    return Vocabulary("imagenet1k", tuple(words["names"]), pictures, tuple(map(emoji_color, pictures)), aliases)


def vocabulary(names: Sequence[str], id: str | None = None, emoji: Sequence[str] | None = None) -> Vocabulary:
    """A vocabulary of any list of names, such as the classes of a zero-shot head.

    Without `emoji` they are guessed from the words; without `id` it is a hash of names and emoji.

    Raises:
        ValueError: if the list is empty, a name is blank, or the counts of names and emoji differ.
    """
    names = tuple(name.strip() for name in names)
    if not names or not all(names):
        raise ValueError(f"a vocabulary needs at least one class and no blank names, got {list(names)}")
    pictures = tuple(emoji) if emoji is not None else guess_all(names)
    if len(pictures) != len(names) or not all(pictures):
        raise ValueError(f"{len(names)} class names need as many emoji, none empty; got {len(pictures)}")
    key = hashlib.sha256(json.dumps([names, pictures]).encode()).hexdigest()[:16]
    return Vocabulary(id or key, names, pictures, tuple(map(emoji_color, pictures)))


def vocabulary_of(n_classes: int) -> Vocabulary:
    """What to call the classes of a model that came without names: ImageNet's, if there are 1,000, else numbers."""
    return imagenet1k() if n_classes == 1000 else vocabulary([f"class {index}" for index in range(n_classes)])
