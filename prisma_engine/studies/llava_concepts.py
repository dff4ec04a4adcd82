"""What a token of emoji-llava's language can be about: the concepts that labels of its SAEs' latents are taken from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from prisma_engine.analysis.language.concepts import Concept, Concepts
from prisma_engine.toy.llava.nouns import BULKS, COLOURS, KINDS, NOUNS, WORDS

SIZES = ("large", "small", *BULKS)
PLACES = ("left", "right", "top", "bottom", "middle")
MARKS = tuple(".,:?!")
LEAST = 2
"""A group of fewer words is no group."""


def llava_concepts(tokenizer: Any) -> Concepts:
    """Every word alone, groups of words that belong together, and the tokens before one of them.

    Of concepts that a latent detects equally well, it is called by the first.
    """
    ids: dict[str, int] = tokenizer.get_vocab()
    here = [*_words(ids), *_groups(ids)]
    ahead = [Concept(f"before {c.name}", "before", c.words, "next") for c in here]
    return Concepts([*here, *ahead], len(tokenizer))


def _words(ids: dict[str, int]) -> Iterator[Concept]:
    kinds = {"object": WORDS, "category": KINDS, "colour": COLOURS, "size": SIZES, "place": PLACES, "mark": MARKS}
    of = {word: kind for kind, words in kinds.items() for word in words}
    order = {word: i for i, word in enumerate(of)}
    for word in sorted(ids, key=lambda word: (order.get(word, len(order)), word)):
        if not word.startswith("<") or word in ("<user>", "<assistant>", "<eos>"):
            yield Concept(word, of.get(word, "word"), (ids[word],))


def _groups(ids: dict[str, int]) -> Iterator[Concept]:
    def group(name: str, words: Sequence[str]) -> Iterator[Concept]:
        known = tuple(dict.fromkeys(ids[word] for word in words if word in ids))
        if len(known) >= LEAST:
            yield Concept(name, "group", known)

    yield from group("any object", WORDS)
    for kind in KINDS:
        yield from group(f"any {kind}", [noun.word for noun in NOUNS if kind in noun.kinds])
    for colour in COLOURS:
        yield from group(f"any {colour} object", [noun.word for noun in NOUNS if noun.colour == colour])
    for home in dict.fromkeys(noun.home for noun in NOUNS):
        yield from group(f"any object {home}", [noun.word for noun in NOUNS if noun.home == home])
    for part in dict.fromkeys(noun.part for noun in NOUNS):
        yield from group(f"any object with {part}", [noun.word for noun in NOUNS if noun.part == part])
    yield from group("any colour", COLOURS)
    yield from group("any category", KINDS)
    yield from group("any size", SIZES)
    yield from group("any place", PLACES)
    yield from group("any mark", MARKS)
    yield from group("any article", ("a", "an", "the"))
