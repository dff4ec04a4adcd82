"""Evidence over many images of which attention heads are of which type: a plain result, to and from JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prisma_engine.plain import from_plain

ByHead = tuple[tuple[float | None, ...], ...]
"""A number for each layer and head; None where it is not defined."""
TextByHead = tuple[tuple[str | None, ...], ...]


@dataclass(frozen=True)
class TypeEvidence:
    """One type of head, and how much of it every head has.

    Attributes:
        id, title, meaning, formula: as of the `HeadType`.
        score: share of attention, 0 to 1.
        chance: the same after shuffling.
        strength: (score - chance) / (1 - chance).
        p: family-wise over all heads of the model.
        detail: more about a head in words, such as which corners; None where there is nothing to say.
        agreement: correlation over heads of the strengths in the two halves of the images; None for a single head.
    """

    id: str
    title: str
    meaning: str
    formula: str
    score: ByHead
    chance: ByHead
    strength: ByHead
    p: ByHead
    detail: TextByHead
    agreement: float | None


@dataclass(frozen=True)
class Example:
    """An image, by the reference that its source gave it, and how much of the type the head has on it."""

    ref: str
    score: float


@dataclass(frozen=True)
class FoundHead:
    """A head that is named.

    Attributes:
        type: id of the type.
        strength: over all images.
        halves: over every other image, and over the rest.
        examples: the images on which it is "strongest", "median" and "weakest".
    """

    type: str
    layer: int
    head: int
    strength: float
    halves: tuple[float, float]
    examples: Mapping[str, Example]


@dataclass(frozen=True)
class Evidence:
    """What many images say about every head of a model.

    Attributes:
        model: its name.
        source: where the images came from, for people.
        n_images: how many were looked at; `n_refused` more could not be opened.
        layers, heads: of the model.
        rule: when a head is named, in a sentence.
        n_shuffles: how many rearrangements the p-values rest on.
        types: every type that the model's layout of tokens can have.
        found: the named heads, the strongest first.
        metrics: mean over images of every head metric, by id.
    """

    model: str
    source: str
    n_images: int
    n_refused: int
    layers: int
    heads: int
    rule: str
    n_shuffles: int
    types: tuple[TypeEvidence, ...]
    found: tuple[FoundHead, ...]
    metrics: Mapping[str, ByHead]

    def types_of(self, layer: int, head: int) -> tuple[FoundHead, ...]:
        """The names of one head, the strongest first."""
        return tuple(found for found in self.found if (found.layer, found.head) == (layer, head))

    def to_dict(self, digits: int = 4) -> dict[str, Any]:
        """Plain values for JSON, numbers rounded; `from_dict` is its inverse."""
        return _plain(asdict(self), digits)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Evidence:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: for a missing or unknown field, which it names.
        """
        evidence = dict(_tuples(values)) | {
            "types": tuple(from_plain(TypeEvidence, _tuples(v), "a head type") for v in values.get("types", ())),
            "found": tuple(_found(v) for v in values.get("found", ())),
        }
        return from_plain(cls, evidence, "the evidence on heads")

    def save(self, path: Path) -> None:
        """Write it as JSON."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> Evidence:
        """Read what `save` wrote.

        Raises:
            ValueError: if the file is not such JSON.
        """
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{path.name} cannot be read as JSON: {error}") from error
        if not isinstance(values, dict):
            raise ValueError(f"{path.name} holds no JSON object, so no evidence on heads")
        return cls.from_dict(values)


def _found(values: Mapping[str, Any]) -> FoundHead:
    examples = {name: from_plain(Example, v, "an example") for name, v in values.get("examples", {}).items()}
    return from_plain(FoundHead, {**_tuples(values), "examples": examples}, "a named head")


def _tuples(value: Any) -> Any:
    """Lists as tuples, all the way down."""
    if isinstance(value, Mapping):
        return {key: _tuples(v) for key, v in value.items()}
    return tuple(_tuples(v) for v in value) if isinstance(value, (list, tuple)) else value


def _plain(value: Any, digits: int) -> Any:
    """Tuples as lists and numbers rounded, all the way down."""
    if isinstance(value, dict):
        return {key: _plain(v, digits) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v, digits) for v in value]
    if isinstance(value, float):
        return None if math.isnan(value) else round(value, digits)
    return value
