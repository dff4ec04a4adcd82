"""A view as a link, and back.

A link names the model (and its revision), the picture (an example, a composed scene, or the hash of an upload,
which is not kept), and how it is looked at. Anyone can type anything into an address: what is not understood
falls back, with one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlencode

from apps.common.view import COLORS, MEASURES, OVERLAYS, Extent, View, first_view

SourceKind = Literal["example", "scene", "upload"]
HASH = re.compile(r"[0-9a-f]{16}")
NAME = re.compile(r"[a-z0-9_-]{1,64}")
SCENE = re.compile(r"[0-9._-]{1,200}")


@dataclass(frozen=True)
class Link:
    """What an address says, checked for form only; None where it says nothing usable."""

    model: str | None = None
    revision: str | None = None
    classes: str | None = None  # comma-separated, for zero-shot models
    kind: SourceKind | None = None
    source: str | None = None  # example name, scene text, or hash of the upload
    view: tuple[tuple[str, str], ...] = ()  # the raw view fields, checked once the result is known


VIEW_FIELDS = ("layer", "token", "color", "opacity", "least", "search", "names", "overlay", "measure")


def read_link(params: Mapping[str, str]) -> tuple[Link, list[str]]:
    """The link in a page's query parameters, and one sentence for each part that was not understood."""
    problems: list[str] = []
    link = Link(
        model=_text(params, "model", 400, problems),
        revision=_text(params, "revision", 64, problems),
        classes=_text(params, "classes", 4000, problems),
        view=tuple((name, params[name][:40]) for name in VIEW_FIELDS if name in params),
    )
    patterns: dict[SourceKind, re.Pattern[str]] = {"example": NAME, "scene": SCENE, "upload": HASH}
    for kind, pattern in patterns.items():
        if kind not in params:
            continue
        if pattern.fullmatch(params[kind]):
            return replace(link, kind=kind, source=params[kind]), problems
        problems.append(f"the link's {kind} is not readable; the first example is shown instead")
    return link, problems


def _text(params: Mapping[str, str], name: str, limit: int, problems: list[str]) -> str | None:
    value = params.get(name)
    if value is None:
        return None
    if not value or len(value) > limit or not value.isprintable():
        problems.append(f"the link's {name} is not readable; the default is used")
        return None
    return value


def link_query(link: Link) -> str:
    """The query string, without the question mark, that `read_link` reads back."""
    fields = {"model": link.model, "revision": link.revision, "classes": link.classes}
    if link.kind:
        fields[link.kind] = link.source
    return urlencode([(name, value) for name, value in fields.items() if value] + list(link.view))


def view_to_fields(view: View, extent: Extent) -> tuple[tuple[str, str], ...]:
    """The fields of a view in a link: layers by name, and only what differs from the first view."""
    first = first_view(extent)
    fields = [("layer", extent.labels[view.layer])]
    if view.token is not None:
        fields.append(("token", str(view.token)))
    if view.color != first.color:
        fields.append(("color", view.color))
    if view.opacity != first.opacity:
        fields.append(("opacity", f"{view.opacity:g}"))
    if view.least != first.least:
        fields.append(("least", f"{view.least:g}"))
    if view.search is not None:
        fields.append(("search", str(view.search)))
    if view.names:
        fields.append(("names", "1"))
    if view.overlay != first.overlay:
        fields.append(("overlay", view.overlay))
    if view.measure != first.measure:
        fields.append(("measure", view.measure))
    return tuple(fields)


def fields_to_view(fields: tuple[tuple[str, str], ...], extent: Extent) -> tuple[View, list[str]]:
    """The view that a link asks for, and one sentence for each field that this result does not have."""
    view, problems, given = first_view(extent), [], dict(fields)
    overlays = OVERLAYS if extent.has_mask else tuple(name for name in OVERLAYS if name != "mask")
    readers = {
        "layer": lambda text: extent.labels.index(text),
        "token": lambda text: _within(text, extent.n_tokens),
        "color": lambda text: COLORS[COLORS.index(text)],
        "opacity": lambda text: _fraction(text),
        "least": lambda text: _fraction(text),
        "search": lambda text: _within(text, extent.n_classes),
        "names": lambda text: bool(("0", "1").index(text)),
        "overlay": lambda text: overlays[overlays.index(text)],
        "measure": lambda text: MEASURES[MEASURES.index(text)],
    }
    for name, read in readers.items():
        if name not in given:
            continue
        try:
            view = replace(view, **{name: read(given[name])})
        except ValueError:
            problems.append(f"this result has no {name} as the link asks for; the default is used")
    return view, problems


def _within(text: str, n: int) -> int:
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) >= n:
        raise ValueError(text)
    return int(text)


def _fraction(text: str) -> float:
    if not re.fullmatch(r"[01](\.[0-9]{1,3})?", text) or float(text) > 1:
        raise ValueError(text)
    return float(text)
