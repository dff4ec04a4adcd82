"""The lens' view as fields of a link, and back."""

from __future__ import annotations

from dataclasses import replace

from apps.common.share import read_fields, share_of_one, whole_below
from apps.dogit_lens.view import COLORS, MEASURES, OVERLAYS, Extent, View, first_view

VIEW_FIELDS = ("layer", "token", "color", "opacity", "least", "search", "names", "overlay", "measure")


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
    overlays = OVERLAYS if extent.has_mask else tuple(name for name in OVERLAYS if name != "mask")
    readers = {
        "layer": extent.labels.index,
        "token": lambda text: whole_below(text, extent.n_tokens),
        "color": lambda text: COLORS[COLORS.index(text)],
        "opacity": share_of_one,
        "least": share_of_one,
        "search": lambda text: whole_below(text, extent.n_classes),
        "names": lambda text: bool(("0", "1").index(text)),
        "overlay": lambda text: overlays[overlays.index(text)],
        "measure": lambda text: MEASURES[MEASURES.index(text)],
    }
    found, problems = read_fields(fields, readers)
    return replace(first_view(extent), **found), problems
