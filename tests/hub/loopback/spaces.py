"""Spaces: their settings, how far their build has come, and its logs; their files are a repository's like any other."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hub.loopback.messages import Refused, Reply, Request

if TYPE_CHECKING:
    from hub.loopback.hub import Hub

PREFIX = "spaces/"
"""Begins the name of a Space among the repositories; other names are models'."""
SEED = b"---\ntitle: New\nsdk: gradio\nlicense: mit\n---\n"
GOES_WELL = ("BUILDING", "APP_STARTING", "RUNNING")


@dataclass
class Space:
    """Settings of one Space, and what its runtime is to answer, one stage a request; the last one stays.

    Attributes:
        sha: the commit that the stages are of.
        before: stages still to be told of the commit before that one.
    """

    hardware: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    stages: list[str] = field(default_factory=lambda: ["NO_APP_FILE"])
    sha: str = ""
    before: list[tuple[str, str]] = field(default_factory=list)


def made(hub: Hub, name: str, body: dict[str, Any]) -> None:
    """Settings of a new Space."""
    space = Space(hardware=body.get("hardware") or "cpu-basic")
    for kind in ("variables", "secrets"):
        getattr(space, kind).update({each["key"]: each["value"] for each in body.get(kind, [])})
    hub.store.spaces[name] = space


def committed(hub: Hub, name: str, head: str) -> None:
    """A commit starts a build; the Hub still tells of the one before for a moment."""
    space = hub.store.spaces[name]
    space.before = [(space.stages[-1], space.sha)] * 2
    space.stages, space.sha = list(hub.store.fate), head


def answer(hub: Hub, request: Request, name: str, rest: list[str]) -> Reply | None:
    """What the Hub says of a Space's settings; None where the question is about its files."""
    space = hub.store.spaces.get(name)
    if space is None:
        return None
    match rest:
        case ["runtime"]:
            return Reply.of(_runtime(space))
        case ["hardware"]:
            space.hardware = request.json()["flavor"]
            return Reply.of(_runtime(space))
        case ["variables"]:
            return _settings(request, space.variables, lambda value: {"value": value})
        case ["secrets"]:
            return _settings(request, space.secrets, lambda _: {})
        case ["logs", kind]:
            lines = [{"data": f"{kind}: {line}\n", "timestamp": "2026-01-01T00:00:00Z"} for line in hub.store.logs]
            body = "".join(f"data: {json.dumps(line)}\n\n" for line in lines)
            return Reply(200, {"Content-Type": "text/event-stream"}, body.encode())
    return None


def _runtime(space: Space) -> dict[str, Any]:
    if space.before:
        stage, sha = space.before.pop(0)
    else:
        stage, sha = space.stages[0], space.sha
        space.stages = space.stages[1:] or space.stages
    return {"stage": stage, "sha": sha, "hardware": {"current": space.hardware, "requested": space.hardware}}


def _settings(request: Request, known: dict[str, str], shown: Any) -> Reply:
    if request.method == "POST":
        known[request.json()["key"]] = request.json()["value"]
    elif request.method == "DELETE" and known.pop(request.json()["key"], None) is None:
        raise Refused(404, "no such key")
    return Reply.of({key: {"key": key, "updatedAt": None} | shown(value) for key, value in known.items()})
