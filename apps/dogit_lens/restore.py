"""From an address to a session and a view; what cannot be restored falls back, with a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from apps.common import catalog, pictures
from apps.common.desk import Session
from apps.common.share import Link, check_revision, read_link
from apps.dogit_lens.handlers import LensDesk
from apps.dogit_lens.link import VIEW_FIELDS, fields_to_view
from apps.dogit_lens.view import View, first_view


@dataclass(frozen=True)
class Opened:
    """What a page opens with."""

    session: Session
    view: View
    notes: tuple[str, ...] = ()
    waiting: Link | None = None  # the link asks for an upload that only the visitor has


def open_page(desk: LensDesk, params: Mapping[str, str]) -> Opened:
    """What the address asks for; without anything readable in it, the first example through the default model."""
    link, notes = read_link(params, VIEW_FIELDS)
    waiting = link if link.kind == "upload" else None
    picture, problem = pictures.in_link(link)
    notes += [problem] if problem else []
    notes += [pictures.ASK_FOR_UPLOAD] if waiting else []
    try:
        session = desk.show(picture, link.model or catalog.DEFAULT, link.classes or catalog.default_classes())
    except ValueError as error:
        notes.append(f"{error}; {catalog.DEFAULT} is shown instead")
        session = desk.show(picture, catalog.DEFAULT)
        link = replace(link, view=(), model=None)
    result = desk.result(session)
    view, missing = (first_view(result.extent), []) if waiting else fields_to_view(link.view, result.extent)
    return Opened(session, view, (*notes, *missing, *check_revision(link, result.model_id, result.revision)), waiting)


def view_of_upload(waiting: Link | None, session: Session, desk: LensDesk) -> tuple[View, tuple[str, ...]]:
    """The view for a picture just uploaded: the link's, where the link was waiting for this very picture."""
    extent = desk.result(session).extent
    if waiting is None:
        return first_view(extent), ()
    if waiting.source != session.source:
        return first_view(extent), (pictures.OTHER_UPLOAD,)
    view, missing = fields_to_view(waiting.view, extent)
    return view, tuple(missing)
