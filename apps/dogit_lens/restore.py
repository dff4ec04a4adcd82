"""From an address to a session and a view; what cannot be restored falls back, with a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apps.common.desk import Session
from apps.common.opening import fields_of_upload, find_run
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
    link, problems = read_link(params, VIEW_FIELDS)
    found = find_run(desk, link)
    result = desk.result(found.session)
    first = first_view(result.extent), []
    view, missing = first if found.waiting else fields_to_view(found.link.view, result.extent)
    other = check_revision(found.link, result.model_id, result.revision)
    return Opened(found.session, view, (*problems, *found.notes, *missing, *other), found.waiting)


def view_of_upload(waiting: Link | None, session: Session, desk: LensDesk) -> tuple[View, tuple[str, ...]]:
    """The view for a picture just uploaded: the link's, where the link was waiting for this very picture."""
    link, notes = fields_of_upload(waiting, session)
    view, missing = fields_to_view(link.view, desk.result(session).extent)
    return view, (*notes, *missing)
