"""A view as a link, and back.

A link names the model (and its revision), the picture (an example, a composed scene, a scene by its seed, or the
hash of an upload, which is not kept), and how it is looked at. Anyone can type anything into an address: what is not
understood falls back, with one sentence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import urlencode

from apps.common import checkpoints
from prisma_engine.history import step_of

SourceKind = Literal["example", "scene", "seed", "upload"]
HASH = re.compile(r"[0-9a-f]{16}")
NAME = re.compile(r"[a-z0-9_-]{1,64}")
SCENE = re.compile(r"[0-9._-]{1,200}")
SEED = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True)
class Link:
    """What an address says, checked for form only; None where it says nothing usable."""

    model: str | None = None
    revision: str | None = None
    classes: str | None = None  # comma-separated, for zero-shot models
    kind: SourceKind | None = None
    source: str | None = None  # example name, scene text, seed of a scene, or hash of the upload
    view: tuple[tuple[str, str], ...] = ()  # the raw view fields, checked once the result is known


def read_link(params: Mapping[str, str], view_fields: Iterable[str]) -> tuple[Link, list[str]]:
    """The link in a page's query parameters, and one sentence for each part that was not understood.

    `view_fields` are the names under which this page keeps its view.
    """
    problems: list[str] = []
    model, revision = _text(params, "model", 400, problems), _text(params, "revision", 64, problems)
    if model and (step := step_of(revision)) is not None:
        model, revision = checkpoints.at_step(model, step), None
    link = Link(
        model=model,
        revision=revision,
        classes=_text(params, "classes", 4000, problems),
        view=tuple((name, params[name][:40]) for name in view_fields if name in params),
    )
    patterns: dict[SourceKind, re.Pattern[str]] = {"example": NAME, "scene": SCENE, "seed": SEED, "upload": HASH}
    for kind, pattern in patterns.items():
        if kind not in params:
            continue
        if pattern.fullmatch(params[kind]):
            return replace(link, kind=kind, source=params[kind]), problems
        problems.append(f"the link's {kind} is not readable; the first example is shown instead")
    return link, problems


def _text(params: Mapping[str, str], name: str, limit: int, problems: list[str]) -> str | None:
    value = params.get(name)
    if value is None:
        return None
    if not value or len(value) > limit or not value.isprintable():
        problems.append(f"the link's {name} is not readable; the default is used")
        return None
    return value


def link_query(link: Link) -> str:
    """The query string, without the question mark, that `read_link` reads back; a model's step is part of its name."""
    names_step = checkpoints.parted(link.model or "")[1] is not None
    fields = {"model": link.model, "revision": None if names_step else link.revision, "classes": link.classes}
    if link.kind:
        fields[link.kind] = link.source
    return urlencode([(name, value) for name, value in fields.items() if value] + list(link.view), safe="@")


def check_revision(link: Link, model_id: str, revision: str | None) -> list[str]:
    """One sentence where the link was made with other weights than the ones in memory."""
    if link.revision and link.model == model_id and revision and link.revision != revision:
        return [f"the link was made with revision {link.revision[:12]} of this model; this is {revision[:12]}"]
    return []


def read_fields(
    fields: Iterable[tuple[str, str]], readers: Mapping[str, Callable[[str], Any]]
) -> tuple[dict[str, Any], list[str]]:
    """The fields of a view that this result has, and one sentence for each that it has not.

    A reader turns a field's text into its value and raises ValueError where there is no such value.
    """
    given, found, problems = dict(fields), {}, []
    for name, read in readers.items():
        if name not in given:
            continue
        try:
            found[name] = read(given[name])
        except ValueError:
            problems.append(
                f"the link asks for {name} {given[name][:40]!r}, which there is not here; the default is used"
            )
    return found, problems


def whole_below(text: str, n: int) -> int:
    """A whole number from 0 to n - 1, from a link."""
    if not re.fullmatch(r"[0-9]{1,6}", text) or int(text) >= n:
        raise ValueError(text)
    return int(text)


def share_of_one(text: str) -> float:
    """A number from 0 to 1, from a link."""
    if not re.fullmatch(r"[01](\.[0-9]{1,3})?", text) or float(text) > 1:
        raise ValueError(text)
    return float(text)
