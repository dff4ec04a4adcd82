"""One stage of the training: steps of an optimiser on the parameters that learn, and a state that survives a kill."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from prisma_engine.toy.llava.recipe import Optimizer
from prisma_engine.training import checkpoint
from prisma_engine.training.optimizing import adamw, cosine_rate, moments, restore
from prisma_engine.training.report import Report
from prisma_engine.training.world import ALONE, World


class Stage(nn.Module):
    """What a stage computes; its parameters that require a gradient are those that learn."""

    def forward(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The parts of the loss of a batch, in nats, whose sum is to fall; one without a gradient is only reported."""
        raise NotImplementedError


class Trainer:
    """A stage, its optimiser, and the number of steps done.

    Args:
        draw: a shard of a step by its number, with how many examples; always the same for the same number.
        recipe: everything that the training depends on, for the checkpoint.

    Raises:
        ValueError: if the processes cannot share out the shards evenly.
    """

    def __init__(
        self,
        stage: Stage,
        draw: Callable[[int, int], Mapping[str, Tensor]],
        optimizer: Optimizer,
        folder: Path,
        recipe: Mapping[str, Any],
        precision: str = "float32",
        world: World = ALONE,
    ) -> None:
        if optimizer.shards % world.count:
            raise ValueError(f"{optimizer.shards} shards cannot be shared out between {world.count} processes")
        self.stage, self.draw, self.recipe, self.folder = stage, draw, optimizer, folder
        self.whole, self.precision, self.world, self.step, self.seconds = dict(recipe), precision, world, 0, 0.0
        self.learning = {name: p for name, p in stage.named_parameters() if p.requires_grad}
        self.optimizer = adamw(self.learning, optimizer)

    def learning_rate(self) -> float:
        return cosine_rate(self.step, self.recipe)

    def update(self) -> dict[str, float]:
        """One step; the parts of the loss before it, of this process's shards."""
        o = self.recipe
        self.optimizer.zero_grad()
        mine = range(self.world.rank, o.shards, self.world.count)
        found: dict[str, float] = {}
        for shard in mine:
            parts = self.parts(self.draw(self.step * o.shards + shard, o.batch // o.shards))
            total = torch.stack([part for part in parts.values() if part.requires_grad]).sum()
            (total / len(mine)).backward()
            found = {name: found.get(name, 0.0) + float(part.detach()) / len(mine) for name, part in parts.items()}
        self.world.average_gradients(self.learning.values())
        nn.utils.clip_grad_norm_(self.learning.values(), o.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.step()
        self.step += 1
        return found

    def parts(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the stage gives, its arithmetic in the recipe's precision."""
        if self.precision == "float32":
            return self.stage(batch)
        # Casting the weights once costs fewer copies than autocast.
        halved = {name: p.bfloat16() for name, p in self.stage.named_parameters()}
        return functional_call(self.stage, halved, (batch,))

    def save(self) -> None:
        """Everything that a resumed training needs."""
        tensors = {f"weight.{name}": p for name, p in self.learning.items()} | moments(self.optimizer, self.learning)
        checkpoint.save(self.folder, tensors, {"step": self.step, "seconds": self.seconds, "recipe": self.whole})

    def resume(self) -> bool:
        """Continue from the folder's checkpoint; False if there is none.

        Raises:
            ValueError: if it is damaged, or of another recipe.
        """
        found = checkpoint.resumed(self.folder, self.whole)
        if found is None:
            return False
        tensors, state = found
        self.step, self.seconds = state["step"], state["seconds"]
        for name, p in self.learning.items():
            p.data.copy_(tensors[f"weight.{name}"])
        restore(self.optimizer, self.learning, tensors, self.step)
        return True


def run(
    trainer: Trainer,
    stop: int | None = None,
    every: int = 50,
    save_every: int = 250,
    watch: Callable[[], Mapping[str, float]] = dict,
    saved: Callable[[], object] = lambda: None,
) -> None:
    """Train, or go on training, to the last step (or `stop`).

    Args:
        every: steps between rows of the history.
        save_every: steps between checkpoints.
        watch: what else a row tells, measured when it is written.
        saved: called after each checkpoint.
    """
    resumed = trainer.resume()
    steps = trainer.recipe.steps
    last = steps if stop is None else min(stop, steps)
    report = None
    if trainer.world.rank == 0:
        print(f"{trainer.folder.name}: {'resuming' if resumed else 'starting'} at step {trainer.step}", flush=True)
        report = Report(trainer.folder, steps, trainer.step, said=_said)
    before, start = trainer.seconds, time.monotonic()
    rows: list[dict[str, float]] = []
    while trainer.step < last:
        rows.append(trainer.update())
        step = trainer.step
        if report and (step % every == 0 or step == last):
            means = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
            report(step, {"lr": trainer.learning_rate(), **means, **watch()})
            rows = []
        trainer.seconds = before + time.monotonic() - start
        if report and (step % save_every == 0 or step == last):
            trainer.save()
            saved()


def _said(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4f}" for name, value in values.items() if name != "lr")
