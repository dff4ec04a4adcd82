"""An emoji for a class name that nobody has reviewed, from the words in it.

Known words, the first source that has one wins: `data/words.json` (reviewed), ImageNet's names and then
aliases with their emoji, and the Unicode names of the emoji that ship.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache

from prisma_engine.labels.font import DATA

# For names without a picture, in turn, so that they stay distinguishable in one vocabulary.
NEUTRAL = ("🔵", "🟠", "🟣", "🟢", "🟤", "🟡", "🔴", "⚪", "⚫", "🟦", "🟧", "🟪", "🟩", "🟫", "🟨", "🟥", "⬜", "⬛")
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|_")
TEMPLATE = re.compile(r"^.*\b(?:photo|image|picture|drawing|painting|sketch)s? of (?:an? |the |one )?")
ASIDE = re.compile(r"\b(?:on|in|inside|with|at|near|under|behind|by|from)\b.*$")


def guess_all(names: Sequence[str]) -> tuple[str, ...]:
    """An emoji per name; the names that match nothing get coloured shapes, a different one each while they last."""
    guesses = [guess(name) for name in names]
    unknown = [i for i, emoji in enumerate(guesses) if emoji is None]
    neutral = {i: NEUTRAL[position % len(NEUTRAL)] for position, i in enumerate(unknown)}
    return tuple(emoji or neutral[i] for i, emoji in enumerate(guesses))


def guess(name: str) -> str | None:
    """The emoji of the longest known phrase in a name, or None; of equally long ones the last.

    English puts the noun last ("red car"), before any aside ("cat in a toilet" is a cat).
    """
    text = TEMPLATE.sub("", CAMEL.sub(" ", name).casefold())
    for part in (ASIDE.sub("", text), text):
        known = known_words()
        if hit := next((known[phrase] for phrase in _phrases(part) if phrase in known), None):
            return hit
    return None


def _phrases(text: str) -> Iterator[str]:
    words = re.findall(r"[^\W_]+", text)
    for length in range(len(words), 0, -1):
        for start in range(len(words) - length, -1, -1):
            phrase = " ".join(words[start : start + length])
            yield from (phrase, *_singular(phrase))


def _singular(phrase: str) -> Iterator[str]:
    for ending, instead in (("ies", "y"), ("ves", "f"), ("es", ""), ("s", "")):
        if phrase.endswith(ending) and len(phrase) > len(ending) + 1:
            yield phrase.removesuffix(ending) + instead


@lru_cache(maxsize=1)
def known_words() -> dict[str, str]:
    """Phrase in lower case to emoji."""
    found: dict[str, str] = {}
    for phrase, emoji in _sources():
        found.setdefault(" ".join(re.findall(r"[^\W_]+", phrase.casefold())), emoji)
    return found


def _sources() -> Iterator[tuple[str, str]]:
    words, emoji1k, imagenet = (_read(name) for name in ("words", "emoji1k", "imagenet1k"))
    yield from words.items()
    for name in imagenet["names"]:
        yield re.sub(r" \(.*\)", "", name), emoji1k[name]
    for name, aliases in zip(imagenet["names"], imagenet["aliases"], strict=True):
        yield from ((alias, emoji1k[name]) for alias in aliases)
    for emoji in sorted({*words.values(), *emoji1k.values()}):
        if len(emoji.rstrip("\ufe0f")) == 1:
            yield unicodedata.name(emoji[0], emoji), emoji


def _read(name: str) -> dict:
    return json.loads((DATA / f"{name}.json").read_text(encoding="utf-8"))
