"""Long work in the background of an event: followed while it runs, and stopped when asked or when nobody is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

PAUSE = 0.3  # seconds between two looks at how far it has come
T = TypeVar("T")


class Stop:
    """A flag that many may raise and that work looks at; it stays raised."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def __call__(self) -> bool:
        """Whether the work is to end."""
        return self._event.is_set()

    def now(self) -> None:
        """Ask the work to end with what it has."""
        self._event.set()


@dataclass(eq=False)
class Workbench:
    """What one visitor has on show, and its long work: at most one job of each kind. A page adds what was found.

    Attributes:
        KINDS: of jobs.
        key: of what is on show.
        heard: when the newest event of each kind was sent, by the visitor's clock; they may arrive in another order.
        cancelled: when each job was last cancelled, by the same clock: it may not have begun yet.
    """

    KINDS: ClassVar[tuple[str, ...]] = ()
    key: str = ""
    jobs: dict[str, Stop] = field(default_factory=dict, kw_only=True)
    heard: dict[str, int] = field(default_factory=dict, kw_only=True)
    cancelled: dict[str, int] = field(default_factory=dict, kw_only=True)

    def overtaken(self, what: str, at: object) -> bool:
        """Whether an event comes after a later one of its kind; where not, it is the newest from now on."""
        if not isinstance(at, int) or isinstance(at, bool):
            return False
        if at < self.heard.get(what, 0):
            return True
        self.heard[what] = at
        return False

    def start(self, job: str) -> Stop:
        """Begin a job; the one of the same kind that may be running ends."""
        self.end(job)
        self.jobs[job] = Stop()
        return self.jobs[job]

    def is_current(self, job: str, stop: Stop, key: str) -> bool:
        """Whether what a job has found still belongs on the screen."""
        return self.key == key and self.jobs.get(job) is stop

    def end(self, *jobs: str) -> None:
        """Ask jobs to end with what they have; without a name, all of them."""
        for job in jobs or self.KINDS:
            if job in self.jobs:
                self.jobs[job].now()

    def cancel(self, at: object, *jobs: str) -> None:
        """End jobs with what they have, and those asked for before `at` that wait to begin."""
        self.end(*jobs)
        if isinstance(at, int):
            self.cancelled |= dict.fromkeys(jobs or self.KINDS, at)

    def is_cancelled(self, job: str, at: object) -> bool:
        """Whether a job was cancelled before it began."""
        return isinstance(at, int) and at <= self.cancelled.get(job, 0)


def followed(work: Callable[[], T], stop: Stop, pause: float = PAUSE) -> Generator[None, None, T]:
    """Run `work` in a thread, yield every now and then until it has ended, and return its result.

    Whoever leaves off in between raises `stop`, and waits until the work has heeded it.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(work)
        try:
            while not finished(future, pause):
                yield
        finally:
            if not future.done():
                stop.now()
    return future.result()


def finished(future: Future[Any], pause: float = PAUSE) -> bool:
    """Whether it is, after a short wait."""
    until = time.monotonic() + pause
    while not future.done() and time.monotonic() < until:
        time.sleep(0.02)
    return future.done()
