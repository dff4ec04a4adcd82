"""What was found in a model at each kept step of its training: `curves.json` beside its weights.

`python -m prisma_engine.studies.training_curves` measures it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prisma_engine.plain import from_plain

FILE = "curves.json"
ByPoint = tuple[float, ...]
ByHead = tuple[tuple[float | None, ...], ...]
"""A number for each layer and head; None where it is not defined."""


@dataclass(frozen=True)
class LensCurves:
    """How well the lens finds what a picture shows, where every pixel of it is known.

    Attributes:
        labels: of the points along the residual stream, "0_pre" … "final".
        threshold: least probability that counts as an answer, of each step and point, chosen on other pictures.
        iou: class-wise intersection over union, 0 to 1, of each step and point.
        best: of each step, the point with the highest IoU on the pictures that chose the thresholds.
        baseline: IoU of the best answer that names one class for every pixel.
    """

    labels: tuple[str, ...]
    threshold: tuple[ByPoint, ...]
    iou: tuple[ByPoint, ...]
    best: tuple[int, ...]
    baseline: float


@dataclass(frozen=True)
class TypeCurves:
    """How much every head is of one type, at each step.

    Attributes:
        id, title, meaning: as of the `HeadType`.
        score: share of attention, 0 to 1.
        strength: (score - chance) / (1 - chance).
        named: (layer, head) of the heads that are called by this name, at each step.
    """

    id: str
    title: str
    meaning: str
    score: tuple[ByHead, ...]
    strength: tuple[ByHead, ...]
    named: tuple[tuple[tuple[int, int], ...], ...]


@dataclass(frozen=True)
class Curves:
    """Findings over a model's training.

    Attributes:
        model, data: its name, and that of its data set.
        seed: of the choice of pictures, and of the shuffles.
        sizes: how many held-out pictures and shuffles each finding rests on.
        steps: that were measured; every list of findings has one entry for each.
        layers, n_heads: of the model.
        rule: when a head is named, in a sentence.
        lens: None where nobody knows which pixels show what.
    """

    model: str
    data: str
    seed: int
    sizes: Mapping[str, int]
    steps: tuple[int, ...]
    layers: int
    n_heads: int
    rule: str
    types: tuple[TypeCurves, ...]
    lens: LensCurves | None = None

    def to_dict(self, digits: int = 4) -> dict[str, Any]:
        """Plain values for JSON, numbers rounded; `from_dict` is its inverse."""
        return _plain(asdict(self), digits)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Curves:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: for a missing or unknown field, or a finding that lacks a step.
        """
        lens = values.get("lens")
        curves = from_plain(
            cls,
            dict(_tuples(values))
            | {
                "types": tuple(from_plain(TypeCurves, _tuples(v), "a head type") for v in values.get("types", ())),
                "lens": None if lens is None else from_plain(LensCurves, _tuples(lens), "the lens over training"),
            },
            "the findings over training",
        )
        lists = [one for of in curves.types for one in (of.score, of.strength, of.named)]
        lists += [] if curves.lens is None else [curves.lens.threshold, curves.lens.iou, curves.lens.best]
        if any(len(one) != len(curves.steps) for one in lists):
            raise ValueError(f"a finding over training has other than its {len(curves.steps)} steps")
        return curves

    def save(self, folder: Path) -> Path:
        """Write it beside the weights."""
        text = json.dumps(self.to_dict(), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        path = folder / FILE
        path.write_text(text + "\n", encoding="utf-8")
        return path


def read_curves(folder: Path) -> Curves | None:
    """The findings that a model's folder holds; None where it holds none.

    Raises:
        ValueError: if the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise ValueError("it is no JSON object")
        return Curves.from_dict(values)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"{FILE} of {folder.name} cannot be read: {error}") from None


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
    return round(value, digits) if isinstance(value, float) else value
