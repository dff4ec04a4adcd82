"""The rows of a streamed data set by number, in an endless row of shuffled epochs: the same however one gets there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


class Shuffled:
    """Rows in the order of a seeded shuffle buffer, another one every epoch.

    To go on costs nothing; any other number is reached by reading its epoch from the start and leaving out what lies
    before it, undecoded.

    Args:
        rows: a streamed data set of the `datasets` library.
        buffer: rows held in memory, of which each next one is drawn.
        n: rows of an epoch, where the data set says so; otherwise they are counted in the first.
        name: of the data set, for errors.
    """

    def __init__(self, rows: Any, seed: int, buffer: int, n: int | None = None, name: str = "this data set") -> None:
        self.rows, self.n, self.name = rows.shuffle(seed=seed, buffer_size=buffer), n, name
        self._open(0)

    def take(self, first: int, count: int) -> list[dict[str, Any]]:
        """The rows `first` … `first + count - 1`.

        Raises:
            ValueError: one sentence, if they cannot be read, or an epoch is not as long as the data set said.
        """
        self._go_to(first)
        return [self._next() for _ in range(count)]

    def _go_to(self, number: int) -> None:
        if number < self._number:
            self._open(0 if self.n is None else number // self.n)
        while self._number < number:
            if self.n is not None and number // self.n > self._epoch:
                self._open(number // self.n)
            else:
                self._next()

    @property
    def _number(self) -> int:
        """Of the next row."""
        return self._epoch * (self.n or 0) + self._read

    def _open(self, epoch: int) -> None:
        self.rows.set_epoch(epoch)
        self._epoch, self._read = epoch, 0
        self._stream: Iterator[dict[str, Any]] = iter(self.rows)

    def _next(self) -> dict[str, Any]:
        row = self._row()
        if row is None:
            if self._read == 0:
                raise ValueError(f"{self.name} has no rows to train on")
            self.n = self.n or self._read
            if self._read != self.n:
                raise ValueError(f"{self.name} says that it has {self.n:,} rows, but ended after {self._read:,}")
            self._open(self._epoch + 1)
            return self._next()
        if self._read == self.n:
            raise ValueError(f"{self.name} says that it has {self.n:,} rows, but there are more")
        self._read += 1
        return row

    def _row(self) -> dict[str, Any] | None:
        try:
            return next(self._stream, None)
        except Exception as error:  # a download that breaks off: `datasets` lets a dozen unrelated types through
            said = " ".join(str(error).split())[:200]
            raise ValueError(f"row {self._number:,} of {self.name} cannot be read: {said}") from error
