"""Token positions as browsers and links have them: "0.17-20.40"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from apps.common.fields import index

_RUN = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


def read_tokens(value: object, n_tokens: int) -> tuple[int, ...]:
    """Token positions, each once, in their order.

    Raises:
        ValueError: one sentence.
    """
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > n_tokens:
        raise ValueError(f"tokens are a list of at most {n_tokens} positions")
    return tuple(sorted({index({"token": one}, "token", n_tokens) for one in value}))


def tokens_to_text(tokens: Iterable[int]) -> str:
    """Tokens as a link has them: "0.17-20.40"."""
    runs: list[list[int]] = []
    for token in sorted(tokens):
        if runs and token == runs[-1][1] + 1:
            runs[-1][1] = token
        else:
            runs.append([token, token])
    return ".".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)


def tokens_from_text(text: str, n_tokens: int) -> tuple[int, ...]:
    """The reverse of `tokens_to_text`.

    Raises:
        ValueError: one sentence.
    """
    found: list[int] = []
    for part in filter(None, re.split(r"[.\s,;]+", text)):
        match = _RUN.fullmatch(part)
        if match is None:
            raise ValueError(f"tokens are written such as 0.17-20.40, got {part[:40]!r}")
        first, last = int(match[1]), int(match[2] or match[1])
        if last >= n_tokens or first > last:
            raise ValueError(f"there is no token {part}; tokens run from 0 to {n_tokens - 1}")
        found += range(first, last + 1)
    return tuple(sorted(set(found)))
