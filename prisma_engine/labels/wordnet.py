"""Nouns of WordNet 3.0, read straight from the database file that Debian's wordnet-base installs.

ImageNet names its classes by WordNet 3.0 synsets: "n02123045" is the noun at byte 2123045 of data.noun.
Format: `man 5WN wndb`, or https://wordnet.princeton.edu/documentation/wndb5wn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

NOUNS = Path("/usr/share/wordnet/data.noun")


@dataclass(frozen=True)
class Synset:
    """One meaning.

    Attributes:
        id: "n" and eight digits.
        lemmas: the words for it, the most usual first, as WordNet writes them but with spaces.
        hypernyms: ids of the more general meanings directly above it.
    """

    id: str
    lemmas: tuple[str, ...]
    hypernyms: tuple[str, ...]


class Nouns:
    """The noun database; look up by id, or walk up from one."""

    def __init__(self, path: Path = NOUNS) -> None:
        self._data = path.read_bytes()

    def __getitem__(self, synset_id: str) -> Synset:
        """The synset with this id.

        Raises:
            KeyError: if the database has no synset there, as with any release other than 3.0.
        """
        start = int(synset_id[1:])
        line = self._data[start : self._data.find(b"\n", start)].decode()
        if not line.startswith(synset_id[1:] + " "):
            raise KeyError(f"WordNet 3.0 has no noun {synset_id}")
        return _parse(synset_id, line.split(" | ")[0].split())

    def ancestors(self, synset_id: str) -> Iterator[str]:
        """Ids above this one, the nearest first; among equally near ones in WordNet's own order."""
        seen, level = {synset_id}, [synset_id]
        while level:
            above = [parent for child in level for parent in self[child].hypernyms]
            level = [parent for parent in dict.fromkeys(above) if parent not in seen]
            seen.update(level)
            yield from level


def _parse(synset_id: str, fields: list[str]) -> Synset:
    """Fields: offset, file, type, hexadecimal word count, (word, sense)…, pointer count, (symbol, offset, part, -)…"""
    n_words = int(fields[3], 16)
    words = fields[4 : 4 + 2 * n_words : 2]
    pointers = fields[5 + 2 * n_words :]
    hypernyms = [f"n{offset}" for symbol, offset in zip(pointers[::4], pointers[1::4], strict=True) if symbol[0] == "@"]
    return Synset(synset_id, tuple(word.replace("_", " ") for word in words), tuple(hypernyms))
