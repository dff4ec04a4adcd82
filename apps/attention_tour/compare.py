"""The second run beside the first: one thing differs, all else is the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl

from apps.attention_tour.analysis import TourResult
from apps.attention_tour.whatif import WhatIf, read_variant
from apps.common import pictures
from apps.common.desk import Desk, Session
from apps.common.pictures import Picture
from apps.common.share import Link, check_revision, link_query, read_link

What = Literal["picture", "model", "causal"]
PREFIX, CAUSAL = "vs-", "vs-causal"  # of the fields of a link that name the second run
_MADE = {"causal": "with causal attention", "model": "with another model", "picture": "with another picture"}
OWN_PICTURE = "this link compares with somebody's own picture, which is not kept; choose one under Compare with"


@dataclass(frozen=True)
class Against:
    """What the first run is compared with."""

    what: What
    session: Session

    @property
    def what_if(self) -> WhatIf | None:
        """How the second run was changed, if that is what differs."""
        return read_variant(self.session.variant)


def with_picture(desk: Desk[TourResult], session: Session, picture: Picture, upload: str | None = None) -> Against:
    """The same model on another picture.

    Raises:
        ValueError: one sentence, if it is the same picture.
    """
    if (picture.kind, picture.source) == (session.kind, session.source):
        raise ValueError("that is the picture on show; choose another one to compare it with")
    return Against("picture", desk.show(picture, session.model_id, session.classes, upload))


def with_model(desk: Desk[TourResult], session: Session, model_id: str, classes: str) -> Against:
    """Another model on the same picture.

    Raises:
        ValueError: one sentence, if it is the same model, or does not load.
    """
    if model_id == session.model_id:
        raise ValueError(f"{model_id} is the model on show; choose another one to compare it with")
    return Against("model", desk.show(desk.picture(session), model_id, classes, session.upload))


def with_causal(desk: Desk[TourResult], session: Session, what_if: WhatIf) -> Against:
    """The same model on the same picture, with attention made causal.

    Raises:
        ValueError: one sentence, if the model has no such layer.
    """
    picture = desk.picture(session)
    return Against("causal", desk.show(picture, session.model_id, session.classes, session.upload, what_if.text))


def follow(desk: Desk[TourResult], against: Against, before: Session | None, session: Session, classes: str) -> Against:
    """The comparison after the first run has changed from `before` to `session`.

    Raises:
        ValueError: one sentence, where there is nothing left to compare.
    """
    old = against.session
    if before is not None and before.key == session.key:
        return against
    if against.what == "model":
        return with_model(desk, session, old.model_id, classes)
    if against.what_if is not None:
        return with_causal(desk, session, against.what_if)
    if (old.model_id, old.classes) == (session.model_id, session.classes):
        same = (old.kind, old.source) == (session.kind, session.source)
        return with_picture(desk, session, desk.picture(old), old.upload) if same else against
    return with_picture(desk, session, desk.picture(old), old.upload)


def to_fields(against: Against | None, result: TourResult | None) -> tuple[tuple[str, str], ...]:
    """The fields of a link that name the second run, whose result is `result`."""
    if against is None or result is None:
        return ()
    if against.what == "causal" and result.what_if:
        return ((CAUSAL, result.what_if.text.removeprefix("causal:")),)
    session = against.session
    if against.what == "picture":
        link = Link(kind=session.kind, source=session.source)
    else:
        classes = ", ".join(result.classes) if result.classes else None
        link = Link(model=session.model_id, revision=result.revision, classes=classes)
    return tuple((PREFIX + name, value) for name, value in parse_qsl(link_query(link)))


def from_params(
    desk: Desk[TourResult], params: Mapping[str, str], session: Session
) -> tuple[Against | None, list[str]]:
    """The comparison that an address asks for, and sentences where it cannot be had."""
    named = {name.removeprefix(PREFIX): value for name, value in params.items() if name.startswith(PREFIX)}
    link, problems = read_link(named, ())
    asked = [name for name in ("causal", "model") if name in named] + ["picture"] * (link.kind is not None)
    if problems:
        return None, [_beside(text) for text in problems]
    try:
        against = _asked(desk, link, named.get("causal"), session)
    except ValueError as error:
        return None, [f"the comparison is left out: {error}"]
    one = (
        "the link asks for more than one comparison; only the first of them is made: " + _MADE[asked[0]]
        if asked
        else ""
    )
    notes = [one] if len(asked) > 1 else []
    if against is None or against.what != "model":
        return against, notes
    return against, notes + check_revision(link, against.session.model_id, desk.result(against.session).revision)


def _asked(desk: Desk[TourResult], link: Link, causal: str | None, session: Session) -> Against | None:
    if causal is not None and (what_if := read_variant(f"causal:{causal[:40]}")):
        return with_causal(desk, session, what_if)
    if link.model is not None:
        return with_model(desk, session, link.model, link.classes or session.classes)
    if link.kind == "upload":
        raise ValueError(OWN_PICTURE)
    if link.kind is None:
        return None
    return with_picture(desk, session, pictures.required(link))


def _beside(text: str) -> str:
    """A remark about an unreadable field, without the promise of an example in its place."""
    return text.replace("; the first example is shown instead", "; the comparison is left out")


def other_example(session: Session) -> Picture:
    """A shipped example other than the one on show."""
    names = pictures.example_names(session.model_id)
    shown = session.source if session.kind == "example" else names[0]
    return pictures.example(next(name for name in names if name != shown))
