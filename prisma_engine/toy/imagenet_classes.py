"""Which class of ImageNet-1k a data set means by each of its class names."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from prisma_engine.labels import imagenet1k
from prisma_engine.labels.font import DATA


def class_numbers(names: Sequence[str], source: str = "this data set") -> tuple[int, ...]:
    """The ImageNet class of each name: a WordNet id ("n01440764") or words of WordNet ("tench, Tinca tinca").

    The data set may have fewer classes, in an order of its own.

    Raises:
        ValueError: one sentence, if a name is no class or could be several, or two names are one class.
    """
    found = tuple(_number(name, position, source) for position, name in enumerate(names))
    twice = [number for number, times in Counter(found).items() if times > 1]
    if twice or not found:
        said = f"two of its classes are {imagenet1k().names[twice[0]]!r}" if twice else "it has no classes"
        raise ValueError(f"{source} is not ImageNet-1k: {said}")
    return found


def _number(name: str, position: int, source: str) -> int:
    words = [part.strip().casefold() for part in name.split(",")]
    numbers = set().union(*(_known().get(word, frozenset()) for word in words))
    # Some words belong to two classes, such as "crane", and the usual order then says which.
    if position in numbers:
        return position
    if len(numbers) != 1:
        said = f"could be {len(numbers)} of its classes" if numbers else "is none of its classes"
        raise ValueError(f"{source} is not ImageNet-1k: {name!r} {said}")
    return numbers.pop()


@lru_cache(maxsize=1)
def _known() -> dict[str, frozenset[int]]:
    """Every word and WordNet id to the classes that it names."""
    ids = (DATA / "synsets.txt").read_text(encoding="utf-8").split()
    known: dict[str, set[int]] = {}
    for number, (id, name, aliases) in enumerate(zip(ids, imagenet1k().names, imagenet1k().aliases, strict=True)):
        for word in (id, name, re.sub(r" \(.*\)$", "", name), *aliases):
            known.setdefault(word.casefold(), set()).add(number)
    return {word: frozenset(numbers) for word, numbers in known.items()}
