"""From an address to a run, a rack and a view; what cannot be restored falls back, with a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.common import catalog, pictures
from apps.common.desk import Session
from apps.common.pictures import Picture
from apps.common.share import Link, check_revision, read_link, whole_below
from apps.sae_steering.analysis import SteerResult
from apps.sae_steering.first import first_view, named, opening
from apps.sae_steering.handlers import SteerDesk, check_other
from apps.sae_steering.plan import Plan, plan_from_params
from apps.sae_steering.rack import rack_from_params
from apps.sae_steering.view import SteerView, fields_to_view
from prisma_engine.sae.features import Rack

KEPT = ("steer", "where", "error", "watch", "compare")
"""Fields of an address that are read once the run is known, besides those of the view."""


@dataclass(frozen=True)
class Waiting:
    """A link that asks for an upload which only the visitor has, and all that it says besides."""

    link: Link
    plan: Plan | None
    params: dict[str, str]


@dataclass(frozen=True)
class Opened:
    """What a page opens with."""

    session: Session
    view: SteerView
    rack: Rack = field(default_factory=Rack)
    watched: int | None = None
    other: str | None = None
    notes: tuple[str, ...] = ()
    waiting: Waiting | None = None


def open_page(desk: SteerDesk, params: Mapping[str, str]) -> Opened:
    """What the address asks for; without anything readable in it, the opening picture through the default model."""
    link, problems = read_link(params, ())
    plan, unread = plan_from_params(params)
    notes = [*problems, *unread]
    waiting = Waiting(link, plan, dict(params)) if link.kind == "upload" else None
    picture, gone = _picture(link)
    notes += [pictures.ASK_FOR_UPLOAD] if waiting else [gone] if gone else []
    session, refused = _shown(desk, picture, link, plan)
    result = desk.result(session)
    if refused or gone or waiting:
        return Opened(session, first_view(result), notes=(*notes, *refused), waiting=waiting)
    view, rack, watched, other, unknown = looked_at(desk, params, result)
    notes += [*unknown, *check_revision(link, result.model_id, result.revision)]
    return Opened(session, view, rack, watched, other, tuple(notes))


def looked_at(
    desk: SteerDesk, params: Mapping[str, str], result: SteerResult
) -> tuple[SteerView, Rack, int | None, str | None, list[str]]:
    """The view, the rack, the watched class and the SAE to compare with that an address asks for, and what is wrong."""
    extent = result.extent
    view, problems = fields_to_view(params, extent, first_view(result))
    rack, unusable = rack_from_params(params, extent)
    try:
        rack.changes(result.typical)
    except ValueError as error:
        rack, unusable = Rack(), [*unusable, f"{error}; nothing is steered"]
    watched, other = None, params.get("compare")
    try:
        watched = whole_below(params["watch"], extent.n_classes) if "watch" in params else None
    except ValueError:
        problems.append(f"the link watches class {params['watch'][:20]!r}, which there is not here")
    try:
        other = other and check_other(desk, result, other)
    except ValueError as error:
        problems.append(f"{error}; nothing is compared")
        other = None
    return view, rack, watched, other, [*problems, *unusable]


def _picture(link: Link) -> tuple[Picture, str | None]:
    if link.kind in (None, "upload"):
        return opening(), None
    picture, problem = pictures.in_link(link)
    return (opening(), problem) if problem else (named(picture), None)


def _shown(desk: SteerDesk, picture: Picture, link: Link, plan: Plan | None) -> tuple[Session, list[str]]:
    """The run, or a simpler one with a sentence that says what was wrong."""
    notes: list[str] = []
    classes = link.classes or catalog.default_classes()
    try:
        model = link.model or (model_of(desk, plan) if plan else catalog.DEFAULT)
        return desk.show(picture, model, classes, None, plan.text if plan else ""), notes
    except ValueError as error:
        notes.append(f"{error}; what can be shown instead is shown")
    return desk.show(picture, catalog.DEFAULT), notes


def model_of(desk: SteerDesk, plan: Plan) -> str:
    """The model that an SAE was trained on."""
    return desk.saes.get(plan.sae, plan.revision).config.model
