"""Loss and accuracy over a training as one small picture, `curves.png`, beside the card that shows it."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from prisma_engine.history import FILE, History, read_history

PICTURE = "curves.png"
INK, LEARNED, HELD_OUT = "#333333", "#9aa5b1", "#0b6e99"
DRAWN_FROM = "History"
"""Key in the picture's metadata under which it remembers the history that it was drawn from."""


def draw(folder: Path) -> None:
    """Write `curves.png` of a folder's history."""
    figure = _figure(read_history(folder))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None, DRAWN_FROM: _hash(folder)})
    (folder / PICTURE).write_bytes(buffer.getvalue())


def is_current(folder: Path) -> bool:
    """Whether `curves.png` was drawn from the history that is there.

    The picture's pixels depend on fonts and versions, so it is asked which history it shows, not compared.
    """
    if not (folder / PICTURE).exists():
        return False
    with Image.open(folder / PICTURE) as picture:
        return picture.info.get(DRAWN_FROM) == _hash(folder)


def _hash(folder: Path) -> str:
    return hashlib.sha256((folder / FILE).read_bytes()).hexdigest()


def _figure(history: History) -> Figure:
    figure = Figure(figsize=(7.2, 2.5), dpi=110, facecolor="white", layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    steps = [row.step for row in history.rows]
    loss.plot(steps, [row.loss for row in history.rows], color=LEARNED, linewidth=1.2, label="learned from")
    loss.plot(steps, [row.held_out_loss for row in history.rows], color=HELD_OUT, linewidth=1.4, label="held out")
    accuracy.plot(steps, [100 * row.accuracy for row in history.rows], color=LEARNED, linewidth=1.2)
    accuracy.plot(steps, [100 * row.held_out_accuracy for row in history.rows], color=HELD_OUT, linewidth=1.4)
    for axes, title in ((loss, "cross entropy (nats)"), (accuracy, "right (%)")):
        axes.set_title(title, fontsize=9, color=INK, loc="left")
        axes.set_xlabel("step", fontsize=8, color=INK)
        axes.tick_params(labelsize=7, colors=INK)
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.2)
    loss.set_ylim(bottom=0)
    loss.legend(frameon=False, fontsize=7)
    return figure
