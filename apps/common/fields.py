"""Single values out of what the browser sent, which may be anything; a ValueError is a sentence for the visitor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def index(data: Mapping[str, Any], name: str, n: int) -> int:
    """A whole number from 0 to n - 1."""
    value = data.get(name)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < n:
        raise ValueError(f"there is no {name} {str(value)[:20]!r}; it runs from 0 to {n - 1}")
    return value


def optional(data: Mapping[str, Any], name: str, n: int) -> int | None:
    """A whole number from 0 to n - 1, or None."""
    return None if data.get(name) is None else index(data, name, n)


def choice(data: Mapping[str, Any], name: str, allowed: tuple[str, ...]) -> str:
    """One of the words that are allowed."""
    value = data.get(name)
    if value not in allowed:
        raise ValueError(f"{name} is one of {', '.join(allowed)}; got {str(value)[:20]!r}")
    return str(value)


def fraction(data: Mapping[str, Any], name: str) -> float:
    """A number from 0 to 1, to three digits."""
    value = data.get(name)
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError(f"{name} lies between 0 and 1; got {str(value)[:20]!r}")
    return round(float(value), 3)
