"""What a training says of itself: a progress line, history as JSON lines and CSV, and trackers that are installed."""

from __future__ import annotations

import csv
import json
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

TRACKERS = ("tensorboard", "wandb")


class Tracker(Protocol):
    def __call__(self, step: int, values: Mapping[str, float]) -> None: ...


def tracker(name: str, folder: Path, run: str, config: Mapping[str, Any]) -> Tracker:
    """A function that sends numbers to an experiment tracker, if it is installed.

    Raises:
        ValueError: if it is unknown or not installed.
    """
    if name not in TRACKERS:
        raise ValueError(f"there is no tracker {name!r}; there are {', '.join(TRACKERS)}")
    try:
        return _tensorboard(folder) if name == "tensorboard" else _wandb(folder, run, config)
    except ImportError:
        raise ValueError(f"{name} is not installed; install it, or train without --tracker") from None


def _tensorboard(folder: Path) -> Tracker:
    from torch.utils.tensorboard import SummaryWriter

    writer = SummaryWriter(str(folder / "tensorboard"))

    def send(step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    return send


def _wandb(folder: Path, run: str, config: Mapping[str, Any]) -> Tracker:
    wandb = import_module("wandb")  # used only where somebody has installed it
    started = wandb.init(project="prisma", name=run, dir=str(folder), config=dict(config))
    return lambda step, values: started.log(dict(values), step=step)


class Report:
    """Where each row of progress goes: the screen, `history.jsonl`, `history.csv` and perhaps a tracker.

    Args:
        steps: of the whole training.
        first: the step it starts or resumes at.
        said: the words of the progress line for a row; by default its loss.
    """

    def __init__(
        self,
        folder: Path,
        steps: int,
        first: int = 0,
        trackers: tuple[Tracker, ...] = (),
        said: Callable[[Mapping[str, float]], str] = lambda values: f"loss {values['loss']:.4g}",
    ) -> None:
        self.folder, self.steps, self.first, self.trackers, self.said = folder, steps, first, trackers, said
        self.start = time.perf_counter()
        folder.mkdir(parents=True, exist_ok=True)
        self._forget_after(first)

    def __call__(self, step: int, values: Mapping[str, float]) -> None:
        row = {"step": step} | {name: float(f"{value:.6g}") for name, value in values.items()}
        with (self.folder / "history.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        self._csv(row)
        for send in self.trackers:
            send(step, values)
        self._show(step, values)

    def _csv(self, row: Mapping[str, float]) -> None:
        path = self.folder / "history.csv"
        new = not path.exists()
        with path.open("a", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(row)
            writer.writerow(row.values())

    def _forget_after(self, step: int) -> None:
        """Drop rows of steps that a killed run did after its last checkpoint: they will be done again."""
        path = self.folder / "history.jsonl"
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
        kept = [row for row in rows if row["step"] <= step]
        if len(kept) < len(rows):
            path.write_text("".join(json.dumps(row) + "\n" for row in kept), encoding="utf-8")
            (self.folder / "history.csv").unlink(missing_ok=True)
            for row in kept:
                self._csv(row)

    def _show(self, step: int, values: Mapping[str, float]) -> None:
        share = step / self.steps
        rate = (step - self.first) / max(1e-9, time.perf_counter() - self.start)
        left = (self.steps - step) / max(1e-9, rate)
        bar = "█" * round(20 * share) + "░" * (20 - round(20 * share))
        line = f"{bar} {step}/{self.steps}  {self.said(values)}  {_clock(left)} left"
        together = sys.stdout.isatty() and step < self.steps
        print(f"\r{line}" if sys.stdout.isatty() else line, end="" if together else "\n", flush=True)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}" if minutes >= 60 else f"{minutes}:{seconds:02}"
