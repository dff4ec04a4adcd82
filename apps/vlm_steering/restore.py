"""From an address to a run, a turn, a manner and a view; what cannot be restored falls back, with a sentence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from apps.common import pictures
from apps.common.desk import Session
from apps.common.pictures import Picture
from apps.common.share import Link, check_revision, read_link
from apps.vlm_steering import vlms
from apps.vlm_steering.analysis import Talk
from apps.vlm_steering.desk import VlmDesk
from apps.vlm_steering.first import first_view, is_opening, opening
from apps.vlm_steering.handlers import extent_of
from apps.vlm_steering.plan import Manner, Plan, manner_from_params, plan_from_params
from apps.vlm_steering.turn import Turn, turn_from_params
from apps.vlm_steering.view import View, fields_to_view


@dataclass(frozen=True)
class Waiting:
    """A link that asks for an upload which only the visitor has, and all that it says besides."""

    link: Link
    plan: Plan
    params: dict[str, str]


@dataclass(frozen=True)
class Opened:
    """What a page opens with."""

    session: Session
    view: View
    turn: Turn = field(default_factory=Turn)
    manner: Manner = field(default_factory=Manner)
    notes: tuple[str, ...] = ()
    waiting: Waiting | None = None


def open_page(desk: VlmDesk, params: Mapping[str, str]) -> Opened:
    """What the address asks for; without anything readable in it, the opening picture and prompt.

    Raises:
        ValueError: one sentence, where nothing at all can be shown.
    """
    link, problems = read_link(params, ())
    model = link.model or vlms.DEFAULT
    try:
        vlms.offer_for(model)
        plan, unread = plan_from_params(params, desk.plan("", model))
    except ValueError as error:
        problems.append(f"{error}; {vlms.DEFAULT} is shown instead")
        model, link = vlms.DEFAULT, replace(link, model=None)
        plan, unread = plan_from_params({k: v for k, v in params.items() if k != "sae"}, desk.plan("", model))
    waiting = Waiting(link, plan, dict(params)) if link.kind == "upload" else None
    picture, gone = _picture(link)
    notes = [*problems, *unread, *([pictures.ASK_FOR_UPLOAD] if waiting else [gone] if gone else [])]
    session, refused = _shown(desk, picture, model, plan)
    talk = desk.result(session)
    if refused or gone or waiting:
        return Opened(session, first_view(talk), notes=(*notes, *refused), waiting=waiting)
    view, turn, manner, unknown = looked_at(params, talk)
    notes += [*unknown, *check_revision(link, talk.model_id, talk.revision)]
    return Opened(session, view, turn, manner, tuple(notes))


def looked_at(params: Mapping[str, str], talk: Talk) -> tuple[View, Turn, Manner, list[str]]:
    """The view, the turn and the manner that an address asks for, and what is wrong with them."""
    view, problems = fields_to_view(params, extent_of(talk), first_view(talk))
    turn, unusable = turn_from_params(params, talk.loaded.config.d_sae)
    try:
        turn.changes(talk.typical)
    except ValueError as error:
        turn, unusable = Turn(), [*unusable, f"{error}; nothing is steered"]
    manner, unreadable = manner_from_params(params)
    return view, turn, manner, [*problems, *unusable, *unreadable]


def _picture(link: Link) -> tuple[Picture, str | None]:
    if link.kind in (None, "upload"):
        return opening(), None
    picture, problem = pictures.in_link(link)
    return (opening(), problem) if problem else (opening() if is_opening(picture) else picture, None)


def _shown(desk: VlmDesk, picture: Picture, model: str, plan: Plan) -> tuple[Session, list[str]]:
    """The run, or a simpler one with a sentence that says what was wrong."""
    try:
        return desk.show(picture, model, "", None, plan.text), []
    except ValueError as error:
        return desk.show(picture, vlms.DEFAULT), [f"{error}; what can be shown instead is shown"]
