"""Long work in the background of an event: followed while it runs, and stopped when asked or when nobody is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

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
