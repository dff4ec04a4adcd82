"""Frozen dataclasses to and from the plain values of a JSON file, with every field accounted for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, asdict, fields
from typing import Any, TypeVar

T = TypeVar("T")


def to_plain(instance: Any) -> dict[str, Any]:
    """The fields of a dataclass, tuples as lists; `from_plain` is its inverse."""
    return {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(instance).items()}


def from_plain(kind: type[T], values: Mapping[str, Any], what: str) -> T:
    """A dataclass from what `to_plain` wrote.

    Args:
        what: begins the sentence of an error, such as "the model's config".

    Raises:
        ValueError: for a missing or unknown field, which it names, or a value that the dataclass refuses.
    """
    known = {field.name: field.default is MISSING for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(values) - set(known)):
        raise ValueError(f"{what} has unknown fields: {', '.join(unknown)}")
    if missing := sorted(name for name, needed in known.items() if needed and name not in values):
        raise ValueError(f"{what} lacks {', '.join(missing)}")
    try:
        return kind(**{name: tuple(v) if isinstance(v, list) else v for name, v in values.items()})
    except TypeError as error:
        raise ValueError(f"{what} has a field of the wrong type: {error}") from error
