"""How one visitor looks at a run: small, frozen, and checked, since anyone can send anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from apps.common.fields import choice, fraction, optional
from apps.common.share import read_fields, share_of_one, whole_below
from apps.common.tokens import read_tokens, tokens_from_text, tokens_to_text
from apps.sae_steering.extent import Extent

SORTS = ("activation", "effect")
POOLS = ("max", "sum")
SECTIONS = ("exemplars", "histogram", "classes", "neighbours")
VIEW_FIELDS = ("at", "sort", "pool", "latent", "section", "overlay", "marks", "lens")


@dataclass(frozen=True)
class SteerView:
    """Which tokens are chosen, how the latents active there are ordered, and which latent's page is open.

    Attributes:
        pool: how one number is made of a latent's activations at the chosen tokens.
        section: of the latent's page.
        overlay: how strongly its activation covers the picture, 0 to 1.
        marks: whether its activation is shown on exemplars.
        lens: the point of the residual stream that the small lenses read.
    """

    tokens: tuple[int, ...] = ()
    sort: str = "activation"
    pool: str = "max"
    latent: int | None = None
    section: str = "exemplars"
    overlay: float = 0.8
    marks: bool = True
    lens: str = "final"

    def as_dict(self) -> dict[str, Any]:
        """The JSON that the canvas reads."""
        return {**asdict(self), "tokens": list(self.tokens)}


def read_view(data: object, extent: Extent, before: SteerView) -> SteerView:
    """A view from an event of the browser; what it leaves out stays as it was before.

    Raises:
        ValueError: if a field has the wrong type or lies outside `extent`; unknown fields are ignored.
    """
    if not isinstance(data, Mapping):
        raise ValueError("the view must be an object")
    given: dict[str, Any] = {**before.as_dict(), **data}
    if not isinstance(given["marks"], bool):
        raise ValueError("whether activations are marked is true or false")
    return SteerView(
        tokens=read_tokens(given["tokens"] or [], extent.n_tokens),
        sort=choice(given, "sort", SORTS),
        pool=choice(given, "pool", POOLS),
        latent=optional(given, "latent", extent.n_latents),
        section=choice(given, "section", SECTIONS),
        overlay=fraction(given, "overlay"),
        marks=given["marks"],
        lens=choice(given, "lens", extent.lens_labels),
    )


def carry(view: SteerView, extent: Extent, first: SteerView) -> SteerView:
    """`view` on another picture: all of it that the run has."""
    try:
        return read_view(view.as_dict(), extent, first)
    except ValueError:
        return first


def view_to_fields(view: SteerView, first: SteerView) -> tuple[tuple[str, str], ...]:
    """The fields of a view in a link: what differs from the view that a run opens with."""
    before = _fields(first)
    return tuple((name, text) for name, text in _fields(view).items() if text != before[name])


def _fields(view: SteerView) -> dict[str, str]:
    return {
        "at": tokens_to_text(view.tokens) or "none",
        "sort": view.sort,
        "pool": view.pool,
        "latent": "none" if view.latent is None else str(view.latent),
        "section": view.section,
        "overlay": f"{view.overlay:g}",
        "marks": str(int(view.marks)),
        "lens": view.lens,
    }


def fields_to_view(params: Mapping[str, str], extent: Extent, first: SteerView) -> tuple[SteerView, list[str]]:
    """The view that an address asks for, and one sentence for each field that this run does not have."""

    def none_or(read: Callable[[str], Any], nothing: Any = None) -> Callable[[str], Any]:
        return lambda text: nothing if text == "none" else read(text)

    readers: dict[str, Callable[[str], Any]] = {
        "at": none_or(lambda text: tokens_from_text(text, extent.n_tokens), ()),
        "sort": lambda text: SORTS[SORTS.index(text)],
        "pool": lambda text: POOLS[POOLS.index(text)],
        "latent": none_or(lambda text: whole_below(text, extent.n_latents)),
        "section": lambda text: SECTIONS[SECTIONS.index(text)],
        "overlay": share_of_one,
        "marks": lambda text: bool(("0", "1").index(text)),
        "lens": lambda text: extent.lens_labels[extent.lens_labels.index(text)],
    }
    given = tuple((name, params[name][:2000]) for name in VIEW_FIELDS if name in params)
    found, problems = read_fields(given, readers)
    if "at" in found:
        found["tokens"] = found.pop("at")
    return read_view(found, extent, first), problems
