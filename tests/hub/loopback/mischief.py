"""What a Hub does wrong on request: drops connections, limits, breaks, dawdles, lies, and lets others commit."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from hub.loopback.messages import Request

Kind = Literal["drop before", "drop after", "status", "slow", "truncate", "corrupt", "wrong etag", "before", "after"]


@dataclass
class Trick:
    """One thing that goes wrong.

    Attributes:
        kind: "drop before" and "drop after" close the connection without an answer, before or after the request took
            effect; "status" answers `status` with `headers` instead; "slow" sends the body in small pieces with
            pauses; "truncate" stops after half of the body; "corrupt" flips a byte of it; "wrong etag" says
            another hash; "before" and "after" call `act` around the request.
        method, path: which requests, by regular expressions that must be found in them.
        skip, times: how many such requests pass unharmed first, and how many are then hit.
    """

    kind: Kind
    method: str = ""
    path: str = ""
    skip: int = 0
    times: int = 1
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    act: Callable[[], None] | None = None
    hits: int = 0

    def meets(self, request: Request) -> bool:
        """Whether this request is hit; counts it."""
        if not re.search(self.method, request.method) or not re.search(self.path, request.target):
            return False
        if self.skip:
            self.skip -= 1
            return False
        if self.hits >= self.times:
            return False
        self.hits += 1
        return True


@dataclass
class Nasty:
    """The tricks that are set."""

    tricks: list[Trick] = field(default_factory=list)

    def set(self, kind: Kind, **given: object) -> Trick:
        trick = Trick(kind, **given)  # type: ignore[arg-type]
        self.tricks.append(trick)
        return trick

    def against(self, request: Request) -> list[Trick]:
        return [trick for trick in self.tricks if trick.meets(request)]

    def clear(self) -> None:
        self.tricks.clear()
