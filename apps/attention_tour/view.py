"""How one visitor looks at the heads of a run: small, frozen, and checked, since anyone can send anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from apps.common.fields import choice, fraction, index, optional

Unit = int | Literal["mean", "rollout"]
KINDS = ("pattern", "scores", "rank", "value")
SCALES = ("linear", "log")
NORMS = ("row", "matrix")
THUMBS = ("matrix", "from", "to")
OVERS = ("picture", "dataset")
PAINTS = ("from", "to", "both", "lens")
AVERAGES = ("mean", "rollout")  # units that stand for all heads of a layer


@dataclass(frozen=True)
class Extent:
    """What a run has: the ranges that a view must lie in."""

    n_layers: int
    n_heads: int
    n_tokens: int
    metrics: tuple[str, ...]  # ids of the numbers that every head has here
    has_lens: bool = True


@dataclass(frozen=True)
class TourView:
    """Head and token shown, what the matrix holds and how it is coloured, and the two axes of the scatter."""

    layer: int = 0
    unit: Unit = 0  # head, or "mean" over heads, or "rollout" up to this layer
    locked: bool = False  # whether the head stays while others are pointed at
    token: int | None = None  # locked token, prefix tokens first
    kind: str = "pattern"
    scale: str = "linear"
    norm: str = "row"
    thumbs: str = "matrix"  # what the wall shows: whole matrices, or what the token reads, or what reads it
    x: str = "distance"
    y: str = "entropy"
    over: str = "picture"  # whether the scatter is of this picture or of the data set that the head types come from
    paint: str = "both"  # what the patches of the picture are tinted by
    opacity: float = 0.8

    def as_dict(self) -> dict[str, Any]:
        """The JSON that the widget reads."""
        return asdict(self)


def check_unit(value: object, kind: str, extent: Extent) -> Unit:
    """A head of this run, "mean" or "rollout"; the rollout is made of patterns alone.

    Raises:
        ValueError: one sentence.
    """
    if value == "rollout" and kind != "pattern":
        raise ValueError("the rollout is made of patterns; it has no scores, ranks or value weights of its own")
    if value in AVERAGES:
        return "mean" if value == "mean" else "rollout"
    return index({"head": value}, "head", extent.n_heads)


def carry(view: TourView, extent: Extent) -> TourView:
    """`view` on another run: all of it that still lies in range."""
    token = view.token if view.token is not None and view.token < extent.n_tokens else None
    first = TourView()
    return replace(
        view,
        layer=min(view.layer, extent.n_layers - 1),
        unit=min(view.unit, extent.n_heads - 1) if isinstance(view.unit, int) else view.unit,
        token=token,
        x=view.x if view.x in extent.metrics else first.x,
        y=view.y if view.y in extent.metrics else first.y,
        paint="both" if view.paint == "lens" and not extent.has_lens else view.paint,
    )


def read_view(data: object, extent: Extent, before: TourView) -> TourView:
    """A view from an event of the browser; what it leaves out stays as it was before.

    Raises:
        ValueError: if a field has the wrong type or lies outside `extent`; unknown fields are ignored.
    """
    if not isinstance(data, Mapping):
        raise ValueError("the view must be an object")
    given: dict[str, Any] = {**carry(before, extent).as_dict(), **data}
    readers: dict[str, Callable[[], Any]] = {
        "layer": lambda: index(given, "layer", extent.n_layers),
        "unit": lambda: check_unit(given["unit"], kind, extent),
        "locked": lambda: given["locked"] is True,
        "token": lambda: optional(given, "token", extent.n_tokens),
        "scale": lambda: choice(given, "scale", SCALES),
        "norm": lambda: choice(given, "norm", NORMS),
        "thumbs": lambda: choice(given, "thumbs", THUMBS),
        "x": lambda: choice(given, "x", extent.metrics),
        "y": lambda: choice(given, "y", extent.metrics),
        "over": lambda: choice(given, "over", OVERS),
        "paint": lambda: choice(given, "paint", PAINTS if extent.has_lens else PAINTS[:-1]),
        "opacity": lambda: fraction(given, "opacity"),
    }
    kind = choice(given, "kind", KINDS)
    return TourView(kind=kind, **{name: read() for name, read in readers.items()})
