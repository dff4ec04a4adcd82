"""A whole training: resume, step, keep the history, and at the end write the model's folder and score it."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from prisma_engine.toy.zoo.recipe import Recipe
from prisma_engine.toy.zoo.snapshots import is_kept, keep
from prisma_engine.toy.zoo.task import Task
from prisma_engine.toy.zoo.trainer import Trainer
from prisma_engine.training.report import Report, tracker
from prisma_engine.training.world import ALONE, World


def train(
    recipe: Recipe,
    task: Task,
    folder: Path,
    world: World = ALONE,
    device: str = "cpu",
    stop: int | None = None,
    every: int = 250,
    save_every: int = 500,
    trackers: tuple[str, ...] = (),
) -> Trainer:
    """Train, or go on training, up to the recipe's last step (or `stop`), keeping weights and history in `folder`.

    Args:
        every: steps between rows of the history, beside those at kept weights.
        save_every: steps between checkpoints.
    """
    trainer = Trainer(recipe, task, folder, world, device)
    resumed = trainer.resume()
    report = None
    if world.rank == 0:
        shared = f" in {world.count} processes" if world.count > 1 else ""
        print(f"{recipe.name}: {'resuming' if resumed else 'starting'} at step {trainer.step}{shared}", flush=True)
        sends = tuple(tracker(name, folder, recipe.name, recipe.to_dict()) for name in trackers)
        report = Report(folder, recipe.optimizer.steps, trainer.step, sends, _said)
    last = recipe.optimizer.steps if stop is None else min(stop, recipe.optimizer.steps)
    rows: list[dict[str, float]] = []
    before, start = trainer.seconds, time.monotonic()
    if report and trainer.step == 0:
        keep(folder, 0, trainer.weights())
        watched = trainer.watch()
        # Nothing has been learned from yet: what the first row says of training is what is said of held-out pictures.
        report(
            0, _row(trainer, [{"loss": watched["held_out_loss"], "accuracy": watched["held_out_accuracy"]}], watched)
        )
    while trainer.step < last:
        rows.append(trainer.update())
        step = trainer.step
        kept = is_kept(step, recipe.optimizer.steps)
        if kept or step % every == 0 or step == last:
            if report:
                report(step, _row(trainer, rows, trainer.watch()))
            rows = []
        if world.rank == 0:
            if kept:
                keep(folder, step, trainer.weights())
            trainer.seconds = before + time.monotonic() - start
            if step % save_every == 0 or step == last:
                trainer.save()
    return trainer


def record(trainer: Trainer) -> dict[str, Any]:
    """What a model's eval.json says of its training: pictures seen, where and how long, and the recipe."""
    device, world = trainer.device.type, trainer.world.count
    where = torch.cuda.get_device_name() if device == "cuda" else f"{platform.machine()} CPU, {_threads()}"
    return {
        "pictures": trainer.step * trainer.recipe.data.batch,
        "hardware": f"{where}, {str(trainer.precision).removeprefix('torch.')}"
        + (f", {world} processes" * (world > 1)),
        "minutes": round(trainer.seconds / 60, 1),
        "recipe": trainer.recipe.to_dict(),
    }


def _threads() -> str:
    n = torch.get_num_threads()
    return "one thread" if n == 1 else f"{n} threads"


def _row(trainer: Trainer, rows: list[dict[str, float]], watched: Mapping[str, float]) -> dict[str, float]:
    """Means over the steps since the last row, and what was measured on held-out pictures."""
    means = {name: sum(row[name] for row in rows) / len(rows) for name in ("loss", "accuracy")}
    return {"lr": trainer.learning_rate()} | means | dict(watched)


def _said(values: Mapping[str, float]) -> str:
    learned = f"loss {values['loss']:.4f}  right {values['accuracy']:.1%}"
    return f"{learned}  held out {values['held_out_loss']:.4f} {values['held_out_accuracy']:.2%}"
