"""Which columns a turn has, and answers that are kept: a seed repeats them."""

from __future__ import annotations

import threading
from collections import OrderedDict

from apps.vlm_steering.plan import Manner
from apps.vlm_steering.talking import Said
from apps.vlm_steering.turn import Turn
from apps.vlm_steering.turning import COLUMNS

MAX_ANSWERS = 256
Told = tuple[str, str, Turn | None, Manner]
"""Of which run, which column, under which turn, in which manner."""


def columns_of(turn: Turn) -> tuple[str, ...]:
    """The columns that a turn has."""
    return COLUMNS if turn.control != "none" and turn.dials else COLUMNS[:3]


def told_of(key: str, column: str, turn: Turn, manner: Manner) -> Told:
    """What a column depends on, and no more: the original on no turn, the reconstruction on where and when it acts."""
    if column == "original":
        return key, column, None, manner
    if column == "reconstruction":
        return key, column, Turn(where=turn.where, when=turn.when), manner
    if column == "steered":
        return key, column, Turn(turn.dials, turn.where, turn.when, turn.keep_error), manner
    return key, column, turn, manner


def tolds_of(key: str, turn: Turn, manner: Manner) -> dict[str, Told]:
    """What each column of a run depends on."""
    return {name: told_of(key, name, turn, manner) for name in columns_of(turn)}


class Answers:
    """A bounded table of columns that ended by themselves."""

    def __init__(self, most: int = MAX_ANSWERS) -> None:
        self._most, self._lock = most, threading.Lock()
        self._kept: OrderedDict[Told, Said] = OrderedDict()

    def get(self, told: Told) -> Said | None:
        """What was said; None if it is not kept."""
        with self._lock:
            if told in self._kept:
                self._kept.move_to_end(told)
            return self._kept.get(told)

    def put(self, told: Told, said: Said) -> None:
        """Keep a column, unless it is still spoken or was stopped."""
        if said.state not in ("done", "cut"):
            return
        with self._lock:
            self._kept[told] = said
            self._kept.move_to_end(told)
            while len(self._kept) > self._most:
                self._kept.popitem(last=False)
