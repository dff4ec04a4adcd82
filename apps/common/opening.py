"""From a link to a run; what cannot be had falls back, with a sentence."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeVar

from apps.common import catalog, pictures
from apps.common.desk import Desk, Session
from apps.common.pictures import Picture
from apps.common.share import Link


class Waits(Protocol):
    """What a page keeps of a link that asks for an upload which only the visitor has."""

    @property
    def link(self) -> Link: ...


W = TypeVar("W", bound=Waits)


@dataclass(frozen=True)
class Found:
    """The run that a link asks for, or the nearest one."""

    session: Session
    link: Link  # without what could not be had
    notes: tuple[str, ...]
    waiting: Link | None = None  # the link asks for an upload that only the visitor has


def find_run(desk: Desk[Any], link: Link) -> Found:
    """Run what `link` asks for; without anything usable in it, the first example through the default model."""
    waiting = link if link.kind == "upload" else None
    picture, problem = pictures.in_link(link)
    notes = [problem] if problem else []
    notes += [pictures.ASK_FOR_UPLOAD] if waiting else []
    try:
        session = desk.show(picture, link.model or catalog.DEFAULT, link.classes or catalog.default_classes())
    except ValueError as error:
        notes.append(f"{error}; {catalog.DEFAULT} is shown instead")
        session = desk.show(picture, catalog.DEFAULT)
        link = replace(link, view=(), model=None)
    return Found(session, link, tuple(notes), waiting)


def fields_of_upload(waiting: Link | None, session: Session) -> tuple[Link, tuple[str, ...]]:
    """The link to read the view of a picture just uploaded from: the one that waited for this very picture, or none."""
    if waiting is None:
        return Link(), ()
    return (waiting, ()) if waiting.source == session.source else (Link(), (pictures.OTHER_UPLOAD,))


def waited_for(waiting: W | None, picture: Picture) -> tuple[W | None, tuple[str, ...]]:
    """What to go on with for a picture just uploaded: the link that waited for this very picture, or none."""
    if waiting is None:
        return None, ()
    return (waiting, ()) if waiting.link.source == picture.source else (None, (pictures.OTHER_UPLOAD,))
