"""The tour's view as fields of a link, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from apps.attention_tour.view import (
    AVERAGES,
    KINDS,
    NORMS,
    OVERS,
    PAINTS,
    SCALES,
    THUMBS,
    Extent,
    TourView,
    check_unit,
)
from apps.common.share import read_fields, share_of_one, whole_below

VIEW_FIELDS = (
    "layer", "head", "locked", "token", "kind", "scale", "norm", "thumbs", "x", "y", "over", "paint", "opacity",
)  # fmt: skip


def view_to_fields(view: TourView, first: TourView) -> tuple[tuple[str, str], ...]:
    """The fields of a view in a link: the head always, of the rest what differs from the view that a run opens with."""
    fields = {"layer": str(view.layer), "head": str(view.unit)}
    if view.locked != first.locked:
        fields["locked"] = str(int(view.locked))
    if view.token != first.token:
        fields["token"] = "none" if view.token is None else str(view.token)
    for name in ("kind", "scale", "norm", "thumbs", "x", "y", "over", "paint"):
        if getattr(view, name) != getattr(first, name):
            fields[name] = getattr(view, name)
    if view.opacity != first.opacity:
        fields["opacity"] = f"{view.opacity:g}"
    return tuple(fields.items())


def fields_to_view(fields: tuple[tuple[str, str], ...], extent: Extent, first: TourView) -> tuple[TourView, list[str]]:
    """The view that a link asks for, and one sentence for each field that this run does not have."""
    readers: dict[str, Callable[[str], Any]] = {
        "layer": lambda text: whole_below(text, extent.n_layers),
        "head": lambda text: text if text in AVERAGES else whole_below(text, extent.n_heads),
        "locked": lambda text: bool(("0", "1").index(text)),
        "token": lambda text: None if text == "none" else whole_below(text, extent.n_tokens),
        "kind": _one_of(KINDS),
        "scale": _one_of(SCALES),
        "norm": _one_of(NORMS),
        "thumbs": _one_of(THUMBS),
        "x": _one_of(extent.metrics),
        "y": _one_of(extent.metrics),
        "over": _one_of(OVERS),
        "paint": _one_of(PAINTS if extent.has_lens else PAINTS[:-1]),
        "opacity": share_of_one,
    }
    found, problems = read_fields(fields, readers)
    if "head" in found:
        found["unit"] = found.pop("head")
    view = replace(first, **found)
    try:
        check_unit(view.unit, view.kind, extent)
    except ValueError as error:
        return replace(view, kind="pattern"), [*problems, f"{error}; its pattern is shown"]
    return view, problems


def _one_of(words: tuple[str, ...]) -> Callable[[str], str]:
    return lambda text: words[words.index(text)]
