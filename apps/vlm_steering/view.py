"""How one visitor looks at a run: small, frozen, and checked, since anyone can send anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from apps.common.fields import choice, fraction, index, optional
from apps.common.share import read_fields, share_of_one, whole_below
from apps.common.tokens import read_tokens, tokens_from_text, tokens_to_text

SECTIONS = ("texts", "pictures", "words", "neighbours")
VIEW_FIELDS = ("at", "latent", "section", "overlay", "word", "layer")


@dataclass(frozen=True)
class Extent:
    """Sizes of one run: tokens of prompt and longest answer, latents, words of the longest answer, layers."""

    n_tokens: int
    n_latents: int
    n_words: int
    n_layers: int


@dataclass(frozen=True)
class View:
    """Which tokens are chosen, which latent's page is open, and whose attention is shown.

    Attributes:
        tokens: as shown, patches first.
        section: of the latent's page.
        overlay: how strongly its activation covers the picture, 0 to 1.
        word: of the original answer, counted from 0, whose attention is shown; None for none.
        layer: of that attention.
    """

    tokens: tuple[int, ...] = ()
    latent: int | None = None
    section: str = "texts"
    overlay: float = 0.8
    word: int | None = None
    layer: int = 0

    def as_dict(self) -> dict[str, Any]:
        """The JSON that the canvas reads."""
        return {**asdict(self), "tokens": list(self.tokens)}


def read_view(data: object, extent: Extent, before: View) -> View:
    """A view from an event of the browser; what it leaves out stays as it was before.

    Raises:
        ValueError: if a field has the wrong type or lies outside `extent`; unknown fields are ignored.
    """
    if not isinstance(data, Mapping):
        raise ValueError("the view must be an object")
    given: dict[str, Any] = {**before.as_dict(), **data}
    return View(
        tokens=read_tokens(given["tokens"] or [], extent.n_tokens),
        latent=optional(given, "latent", extent.n_latents),
        section=choice(given, "section", SECTIONS),
        overlay=fraction(given, "overlay"),
        word=optional(given, "word", extent.n_words),
        layer=index(given, "layer", extent.n_layers),
    )


def carry(view: View, extent: Extent, first: View) -> View:
    """`view` on another run: all of it that the run has."""
    try:
        return read_view(view.as_dict(), extent, first)
    except ValueError:
        return first


def view_to_fields(view: View, first: View) -> tuple[tuple[str, str], ...]:
    """The fields of a view in a link: what differs from the view that a run opens with."""
    before = _fields(first)
    return tuple((name, text) for name, text in _fields(view).items() if text != before[name])


def _fields(view: View) -> dict[str, str]:
    return {
        "at": tokens_to_text(view.tokens) or "none",
        "latent": "none" if view.latent is None else str(view.latent),
        "section": view.section,
        "overlay": f"{view.overlay:g}",
        "word": "none" if view.word is None else str(view.word),
        "layer": str(view.layer),
    }


def fields_to_view(params: Mapping[str, str], extent: Extent, first: View) -> tuple[View, list[str]]:
    """The view that an address asks for, and one sentence for each field that this run does not have."""
    readers = {
        "at": lambda text: () if text == "none" else tokens_from_text(text, extent.n_tokens),
        "latent": lambda text: None if text == "none" else whole_below(text, extent.n_latents),
        "section": lambda text: SECTIONS[SECTIONS.index(text)],
        "overlay": share_of_one,
        "word": lambda text: None if text == "none" else whole_below(text, extent.n_words),
        "layer": lambda text: whole_below(text, extent.n_layers),
    }
    given = tuple((name, params[name][:2000]) for name in VIEW_FIELDS if name in params)
    found, problems = read_fields(given, readers)
    if "at" in found:
        found["tokens"] = found.pop("at")
    return read_view(found, extent, first), problems
