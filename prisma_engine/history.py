"""The history of a model's training: how it did at each step, and the steps whose weights can be loaded.

A folder of ours holds `history.jsonl`, a row for each step that was looked at, and perhaps `steps/`, the weights of
some of them. On the Hub the same weights are revisions of the repository, tagged with the same names.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE, FOLDER = "history.jsonl", "steps"
REVISION = re.compile(r"step-(\d{6,})")


@dataclass(frozen=True)
class Row:
    """A model after `step` steps of its training.

    Attributes:
        loss, accuracy: mean over the steps since the last row, on the pictures that were learned from (nats, share).
        held_out_loss, held_out_accuracy: on pictures that never were.
    """

    step: int
    loss: float
    accuracy: float
    held_out_loss: float
    held_out_accuracy: float


@dataclass(frozen=True)
class History:
    """What a training recorded, in the order of its steps.

    Attributes:
        rows: how it did.
        steps: those whose weights can be loaded, `load(name, revision=revision_of(step))`; empty where none were kept.
    """

    rows: tuple[Row, ...] = ()
    steps: tuple[int, ...] = ()

    def at(self, step: int) -> Row:
        """The row of a step, or of the nearest one.

        Raises:
            ValueError: if there is no row at all.
        """
        if not self.rows:
            raise ValueError("this model has no history")
        return min(self.rows, key=lambda row: abs(row.step - step))


def revision_of(step: int) -> str:
    """The name of a step's weights: their file here, their tag on the Hub."""
    return f"step-{step:06d}"


def step_of(revision: str | None) -> int | None:
    """The step that a revision names; None where it names none, such as a commit or None."""
    found = REVISION.fullmatch(revision or "")
    return int(found[1]) if found else None


def read_history(folder: Path) -> History:
    """The history that a model's folder holds; an empty one where it holds none.

    Raises:
        ValueError: if the file is damaged.
    """
    files = sorted((folder / FOLDER).glob("step-*.safetensors"))
    steps = sorted(step for path in files if (step := step_of(path.stem)) is not None)
    path = folder / FILE
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    try:
        rows = tuple(_row(json.loads(line)) for line in lines)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{FILE} of {folder.name} cannot be read: {error}") from None
    return History(rows, tuple(steps))


def _row(values: dict[str, Any]) -> Row:
    names = ("loss", "accuracy", "held_out_loss", "held_out_accuracy")
    return Row(int(values["step"]), *(float(values[name]) for name in names))
