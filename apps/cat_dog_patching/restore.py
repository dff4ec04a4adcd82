"""From an address to a pair, its patches and a view; what cannot be restored falls back, with a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from apps.cat_dog_patching.analysis import PairResult
from apps.cat_dog_patching.first import first_plan, named, opening, opening_of
from apps.cat_dog_patching.handlers import PairDesk
from apps.cat_dog_patching.places import Chip, chips_from_text
from apps.cat_dog_patching.plan import Other, Plan, plan_from_params
from apps.cat_dog_patching.view import VIEW_FIELDS, PatchView, fields_to_view, first_view
from apps.common import catalog, pictures
from apps.common.desk import Session
from apps.common.pictures import Picture
from apps.common.share import Link, check_revision, read_link

WITH = "with-"  # of the fields of a link that name the second picture
OTHER_GONE = (
    "this link compares with somebody's own picture, which is not kept; part of the first is hidden instead, until "
    "that picture is chosen as the second one"
)


@dataclass(frozen=True)
class Waiting:
    """A link that asks for an upload which only the visitor has, and all that it says besides."""

    link: Link
    plan: Plan
    patches: str
    missing: tuple[str, ...] = ()  # what to say once that upload is there, where the second picture is lost as well


@dataclass(frozen=True)
class Opened:
    """What a page opens with."""

    session: Session
    view: PatchView
    chips: tuple[Chip, ...] = ()
    notes: tuple[str, ...] = ()
    waiting: Waiting | None = None


def open_page(desk: PairDesk, params: Mapping[str, str]) -> Opened:
    """What the address asks for; without anything readable in it, the opening pair through the default model."""
    link, problems = read_link(params, VIEW_FIELDS)
    plan, unread = plan_from_params(params)
    other, missing = _other(params)
    plan = replace(plan, other=other, hidden=None if other else plan.hidden)
    notes = [*problems, *unread, *missing]
    patches = params.get("patch", "")[:2000]
    waiting = Waiting(link, plan, patches, tuple(missing)) if link.kind == "upload" else None
    picture, gone = _picture(link)
    notes += [pictures.ASK_FOR_UPLOAD] if waiting else [gone] if gone else []
    if plan == Plan():
        plan = first_plan(picture, link.model or catalog.DEFAULT)
    lost = waiting is not None or gone is not None
    session, refused = _shown(desk, picture, link, Plan() if lost else plan)
    notes += refused
    result = desk.result(session)
    first = first_view(result.extent)
    if lost or refused:
        return Opened(session, first, (), tuple(notes), waiting)
    view, unknown = fields_to_view(link.view, result.extent, first)
    chips, unusable = _chips(patches, result)
    other_weights = check_revision(link, result.model_id, result.revision)
    return Opened(session, view, chips, (*notes, *unknown, *unusable, *other_weights), waiting)


def view_of_upload(waiting: Waiting, result: PairResult) -> tuple[PatchView, tuple[Chip, ...], tuple[str, ...]]:
    """The view and the patches that a link asked for, on the picture that it waited for."""
    view, unknown = fields_to_view(waiting.link.view, result.extent, first_view(result.extent))
    chips, unusable = _chips(waiting.patches, result)
    return view, chips, (*waiting.missing, *unknown, *unusable)


def _picture(link: Link) -> tuple[Picture, str | None]:
    if link.kind in (None, "upload"):
        return opening_of(link), None
    picture, problem = pictures.in_link(link)
    return (opening(), problem) if problem else (named(picture), None)


def _shown(desk: PairDesk, picture: Picture, link: Link, plan: Plan) -> tuple[Session, list[str]]:
    """The pair, or a simpler one with a sentence that says what was wrong."""
    classes = link.classes or catalog.default_classes()
    notes: list[str] = []
    for model, variant in ((link.model or catalog.DEFAULT, plan.text), (catalog.DEFAULT, "")):
        try:
            return desk.show(picture, model, classes, None, variant), notes
        except ValueError as error:
            notes.append(f"{error}; what can be shown instead is shown")
    return desk.show(opening(), catalog.DEFAULT), notes


def _other(params: Mapping[str, str]) -> tuple[Other | None, list[str]]:
    named = {name.removeprefix(WITH): value for name, value in params.items() if name.startswith(WITH)}
    link, problems = read_link(named, ())
    if problems:
        return None, ["the link's second picture is not readable; part of the first is hidden instead"]
    if link.kind is None or link.source is None:
        return None, []
    return (None, [OTHER_GONE]) if link.kind == "upload" else (Other(link.kind, link.source), [])


def _chips(text: str, result: PairResult) -> tuple[tuple[Chip, ...], list[str]]:
    if not text:
        return (), []
    try:
        return chips_from_text(text, result.extent), []
    except ValueError as error:
        return (), [f"{error}; no patch is applied"]
