"""How one visitor looks at a pair: small, frozen, and checked, since anyone can send anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from apps.cat_dog_patching.places import Extent, Token
from apps.cat_dog_patching.sweeping import Ask, first_ask, read_ask
from apps.common.fields import choice, index
from apps.common.share import read_fields, whole_below

SHOWS = ("denoise", "noise", "both", "preview")
SCALES = ("normalised", "raw")
PLOTS = ("logit", "rank", "difference")
VIEW_FIELDS = ("site", "by", "layer", "token", "show", "scale", "plot", "point", "cell")


@dataclass(frozen=True)
class PatchView:
    """Which sweep is on show, how it is coloured, and what of the stream is plotted."""

    site: str = "z"
    by: str = "layer,head"
    layer: int | None = None
    token: Token = "cls"
    show: str = "both"
    scale: str = "normalised"
    plot: str = "logit"
    evolution_token: int = 0
    cell: tuple[int, int] | None = None

    @property
    def ask(self) -> Ask:
        """The sweep that it shows."""
        first, second = self.by.split(",")
        layer = None if "layer" in (first, second) else self.layer
        return Ask(self.site, (first, second), layer, "all" if "token" in (first, second) else self.token)

    def as_dict(self) -> dict[str, Any]:
        """The JSON that the canvas reads."""
        return asdict(self)


def first_view(extent: Extent) -> PatchView:
    """Every head, at the token that the model's head reads."""
    ask = first_ask(extent)
    return PatchView(site=ask.site, token=ask.token)


def carry(view: PatchView, extent: Extent) -> PatchView:
    """`view` on another pair: all of it that the model has."""
    try:
        return read_view(view.as_dict(), extent, first_view(extent))
    except ValueError:
        return first_view(extent)


def read_view(data: object, extent: Extent, before: PatchView) -> PatchView:
    """A view from an event of the browser; what it leaves out stays as it was before.

    Raises:
        ValueError: if a field has the wrong type or lies outside `extent`; unknown fields are ignored.
    """
    if not isinstance(data, Mapping):
        raise ValueError("the view must be an object")
    given: dict[str, Any] = {**before.as_dict(), **data}
    ask = read_ask(given, extent, first_ask(extent))
    sizes = {"layer": extent.n_layers, "head": extent.n_heads, "token": extent.n_tokens}
    token = extent.first_token if "token" in ask.by else ask.token
    return PatchView(
        site=ask.site,
        by=",".join(ask.by),
        layer=ask.layer,
        token=token,
        show=choice(given, "show", SHOWS),
        scale=choice(given, "scale", SCALES),
        plot=choice(given, "plot", PLOTS),
        evolution_token=index(given, "evolution_token", extent.n_tokens),
        cell=_cell(given.get("cell"), tuple(sizes[axis] for axis in ask.by)),
    )


def view_to_fields(view: PatchView, first: PatchView) -> tuple[tuple[str, str], ...]:
    """The fields of a view in a link: what differs from the view that a pair opens with."""
    fields = {name: str(getattr(view, name)) for name in ("site", "by", "layer", "token", "show", "scale", "plot")}
    before = {name: str(getattr(first, name)) for name in fields}
    said = {name: text for name, text in fields.items() if text != before[name] and text != "None"}
    if view.evolution_token != first.evolution_token:
        said["point"] = str(view.evolution_token)
    if view.cell is not None:
        said["cell"] = "{}.{}".format(*view.cell)
    return tuple(said.items())


def fields_to_view(
    fields: tuple[tuple[str, str], ...], extent: Extent, first: PatchView
) -> tuple[PatchView, list[str]]:
    """The view that a link asks for, and one sentence for each field that this model does not have."""
    readers: dict[str, Callable[[str], Any]] = {
        "site": lambda text: extent.sites[extent.sites.index(text)],
        "by": lambda text: text,
        "layer": lambda text: whole_below(text, extent.n_layers),
        "token": lambda text: extent.token(int(text) if text.isascii() and text.isdigit() else text),
        "show": lambda text: SHOWS[SHOWS.index(text)],
        "scale": lambda text: SCALES[SCALES.index(text)],
        "plot": lambda text: PLOTS[PLOTS.index(text)],
        "point": lambda text: whole_below(text, extent.n_tokens),
        "cell": lambda text: [whole_below(part, 10**5) for part in text.split(".")],
    }
    found, problems = read_fields(fields, readers)
    if "point" in found:
        found["evolution_token"] = found.pop("point")
    try:
        return read_view(found, extent, first), problems
    except ValueError as error:
        return first, [*problems, f"{error}; the view that a pair opens with is shown"]


def with_ask(view: PatchView, ask: Ask) -> PatchView:
    """The view with another sweep on show."""
    token = view.token if "token" in ask.by else ask.token
    return replace(view, site=ask.site, by=",".join(ask.by), layer=ask.layer, token=token, cell=None)


def _cell(value: object, sizes: tuple[int, ...]) -> tuple[int, int] | None:
    if value is None:
        return None
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError("a cell of the map is a row and a column")
    row, column = (index({"cell": part}, "cell", size) for part, size in zip(value, sizes, strict=True))
    return row, column
