"""Results kept for the browser: a bounded table behind keys that nobody can guess.

A page's JSON carries only addresses; the numbers travel once, as bytes, from the routes of `routes.py`. A
visitor sees another's result only with its key. Entries leave the table when they are the least recently
used of too many, when the table weighs too much, and an hour after they were last read.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

KEY_BYTES = 16


def new_key() -> str:
    """22 URL-safe characters, 128 random bits."""
    return secrets.token_urlsafe(KEY_BYTES)


@dataclass(frozen=True)
class Result:
    """All that the browser may ask about one run of a model, file by file, and what the page knows of it."""

    files: Mapping[str, bytes]  # name → bytes, packed once
    make: Callable[[str], bytes] | None = None  # any other file, made when asked for; ValueError: there is none
    n_bytes: int = 0  # weight of the entry: its files and whatever `make` and `about` hold on to
    about: Any = None  # whatever the page needs to save or describe this result later

    def file(self, name: str) -> bytes:
        """The bytes of the file `name`.

        Raises:
            ValueError: if this result has no such file.
        """
        if name in self.files:
            return self.files[name]
        if self.make is None:
            raise ValueError(f"this result has no file {name[:80]!r}")
        return self.make(name)


@dataclass
class _Entry:
    result: Result
    read_at: float


class Shelf:
    """A bounded, thread-safe table of results by unguessable key."""

    def __init__(
        self,
        max_entries: int = 256,
        max_bytes: int = 512 * 2**20,
        keep_seconds: float = 3600.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max_entries, self._max_bytes, self._keep = max_entries, max_bytes, keep_seconds
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._n_bytes = 0
        self._lock = threading.Lock()

    def put(self, result: Result, key: str | None = None) -> str:
        """Keep `result` and return its key: a new one, if None is given.

        A key that was given out before can be used again, for the same result computed once more.
        """
        key = key or new_key()
        with self._lock:
            if (old := self._entries.pop(key, None)) is not None:
                self._n_bytes -= old.result.n_bytes
            self._entries[key] = _Entry(result, self._clock())
            self._n_bytes += result.n_bytes
            self._shrink()
        return key

    def get(self, key: str) -> Result | None:
        """The result of `key`, or None when there is none or it has expired; reading it renews it."""
        with self._lock:
            self._shrink()
            entry = self._entries.get(key)
            if entry is None:
                return None
            entry.read_at = self._clock()
            self._entries.move_to_end(key)
            return entry.result

    @property
    def n_bytes(self) -> int:
        """Weight of everything kept, in bytes."""
        return self._n_bytes

    def _shrink(self) -> None:
        oldest_allowed = self._clock() - self._keep
        while self._entries and (
            len(self._entries) > self._max_entries
            or self._n_bytes > self._max_bytes
            or next(iter(self._entries.values())).read_at < oldest_allowed
        ):
            _, entry = self._entries.popitem(last=False)
            self._n_bytes -= entry.result.n_bytes


SHELF = Shelf()
