"""From an address to a run, its comparison and a view; what cannot be restored falls back, with a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apps.attention_tour import compare
from apps.attention_tour.compare import Against
from apps.attention_tour.first import first_view
from apps.attention_tour.handlers import TourDesk
from apps.attention_tour.link import VIEW_FIELDS, fields_to_view
from apps.attention_tour.view import TourView
from apps.common.desk import Session
from apps.common.opening import fields_of_upload, find_run
from apps.common.share import Link, check_revision, read_link


@dataclass(frozen=True)
class Opened:
    """What a page opens with."""

    session: Session
    against: Against | None
    view: TourView
    notes: tuple[str, ...] = ()
    waiting: Link | None = None  # the link asks for an upload that only the visitor has


def open_page(desk: TourDesk, params: Mapping[str, str]) -> Opened:
    """What the address asks for; without anything readable in it, the first example through the default model."""
    link, problems = read_link(params, VIEW_FIELDS)
    found = find_run(desk, link)
    against, missing = compare.from_params(desk, params, found.session)
    result = desk.result(found.session)
    first = first_view(result)
    view, unknown = (first, []) if found.waiting else fields_to_view(found.link.view, result.extent, first)
    other = check_revision(found.link, result.model_id, result.revision)
    notes = (*problems, *found.notes, *missing, *unknown, *other)
    return Opened(found.session, against, view, notes, found.waiting)


def view_of_upload(waiting: Link | None, session: Session, desk: TourDesk) -> tuple[TourView, tuple[str, ...]]:
    """The view for a picture just uploaded: the link's, where the link was waiting for this very picture."""
    link, notes = fields_of_upload(waiting, session)
    result = desk.result(session)
    view, missing = fields_to_view(link.view, result.extent, first_view(result))
    return view, (*notes, *missing)
