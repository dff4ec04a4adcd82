"""From an address to a session and a view; what cannot be restored falls back, with a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from apps.common import catalog
from apps.common.share import Link, fields_to_view, read_link
from apps.common.view import View, first_view
from apps.dogit_lens import pictures
from apps.dogit_lens.analysis import Picture
from apps.dogit_lens.handlers import Desk, Session, check_revision

ASK_FOR_UPLOAD = (
    "This link was made with somebody's own picture, which is not kept: choose the same picture to see that view."
)
OTHER_UPLOAD = "This is not the picture that the link was made with, so the view starts afresh."


@dataclass(frozen=True)
class Opened:
    """What a page opens with."""

    session: Session
    view: View
    notes: tuple[str, ...] = ()
    waiting: Link | None = None  # the link asks for an upload that only the visitor has


def open_page(desk: Desk, params: Mapping[str, str]) -> Opened:
    """What the address asks for; without anything readable in it, the first example through the default model."""
    link, notes = read_link(params)
    waiting = link if link.kind == "upload" else None
    picture, problem = _picture(link)
    notes += [problem] if problem else []
    notes += [ASK_FOR_UPLOAD] if waiting else []
    try:
        session = desk.show(picture, link.model or catalog.DEFAULT, link.classes or default_classes())
    except ValueError as error:
        notes.append(f"{error}; {catalog.DEFAULT} is shown instead")
        session = desk.show(picture, catalog.DEFAULT)
        link = replace(link, view=(), model=None)
    result = desk.result(session)
    view, missing = (first_view(result.extent), []) if waiting else fields_to_view(link.view, result.extent)
    return Opened(session, view, (*notes, *missing, *check_revision(link, result)), waiting)


def view_of_upload(waiting: Link | None, session: Session, desk: Desk) -> tuple[View, tuple[str, ...]]:
    """The view for a picture just uploaded: the link's, where the link was waiting for this very picture."""
    extent = desk.result(session).extent
    if waiting is None:
        return first_view(extent), ()
    if waiting.source != session.source:
        return first_view(extent), (OTHER_UPLOAD,)
    view, missing = fields_to_view(waiting.view, extent)
    return view, tuple(missing)


def default_classes() -> str:
    """The class list that a zero-shot model starts with."""
    return ", ".join(catalog.ZERO_SHOT_CLASSES)


def _picture(link: Link) -> tuple[Picture, str | None]:
    first = pictures.example(pictures.example_names()[0])
    try:
        if link.kind == "example" and link.source:
            return pictures.example(link.source), None
        if link.kind == "scene" and link.source:
            return pictures.scene_in_link(link.source), None
    except ValueError as error:
        return first, f"{error}; the first example is shown instead"
    return first, None
