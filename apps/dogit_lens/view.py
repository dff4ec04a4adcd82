"""How one visitor looks at a result: small, frozen, and checked, since anyone can send anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from apps.common.fields import choice, fraction, index, optional

COLORS = ("class", "logit", "probability")
OVERLAYS = ("emoji", "search", "mask")
MEASURES = ("probability", "logit", "rank")


@dataclass(frozen=True)
class Extent:
    """What a result has: the ranges that a view must lie in."""

    labels: tuple[str, ...]  # names of the points along the residual stream, "0_pre" … "final"
    n_tokens: int
    n_classes: int
    has_mask: bool = False
    least: float = 0.0  # probability from which a patch is shown at first, 0 to 1


@dataclass(frozen=True)
class View:
    """Layer and token shown, colouring, and the class searched for."""

    layer: int = 0  # index into Extent.labels
    token: int | None = None  # locked token, prefix tokens first
    color: str = "class"
    opacity: float = 0.8
    least: float = 0.0  # patches whose top class is less probable are not shown
    search: int | None = None  # class index
    names: bool = False
    overlay: str = "emoji"
    measure: str = "probability"  # what the map of the searched class shows

    def as_dict(self) -> dict[str, Any]:
        """The JSON that the widget reads."""
        return asdict(self)


def first_view(extent: Extent) -> View:
    """The view a result opens with: the last layer, as emoji, of the patches that are sure enough."""
    return View(layer=len(extent.labels) - 1, least=extent.least)


def carry(view: View, extent: Extent) -> View:
    """`view` on another result of the same model: all of it that still lies in range."""
    fallback = first_view(extent)
    return replace(
        view,
        layer=view.layer if view.layer < len(extent.labels) else fallback.layer,
        token=view.token if view.token is not None and view.token < extent.n_tokens else None,
        search=view.search if view.search is not None and view.search < extent.n_classes else None,
        overlay="emoji" if view.overlay == "mask" and not extent.has_mask else view.overlay,
    )


def read_view(data: object, extent: Extent) -> View:
    """A view from an event of the browser.

    Raises:
        ValueError: if a field has the wrong type or lies outside `extent`; unknown fields are ignored.
    """
    if not isinstance(data, Mapping):
        raise ValueError("the view must be an object")
    return View(
        layer=index(data, "layer", len(extent.labels)),
        token=optional(data, "token", extent.n_tokens),
        color=choice(data, "color", COLORS),
        opacity=fraction(data, "opacity"),
        least=fraction(data, "least"),
        search=optional(data, "search", extent.n_classes),
        names=data.get("names") is True,
        overlay=choice(data, "overlay", OVERLAYS),
        measure=choice(data, "measure", MEASURES),
    )
