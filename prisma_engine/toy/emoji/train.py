"""The training of emoji-vit: `python -m prisma_engine.toy.train emoji-vit`.

Writes `out/<recipe>/`: a checkpoint that a second start resumes from, bit for bit where the arithmetic is
float32 on the same machine, and `history.jsonl`. At the end the averaged weights are exported to
`model_cards/<recipe>/` and scored.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.func import functional_call

from prisma_engine.toy.emoji.loss import loss
from prisma_engine.toy.emoji.recipe import Recipe, load_recipe
from prisma_engine.toy.emoji.windows import Reader
from prisma_engine.toy.emoji.workers import ALONE, Worker, spread
from prisma_engine.toy.emoji_scenes import sample_scenes, to_input
from prisma_engine.toy.initial import initialise
from prisma_engine.training.optimizing import moments, restore
from prisma_engine.vit import HookedViT

CHECKPOINT = "checkpoint.safetensors"


class Trainer:
    """One training: model, its moving average, optimiser, and the number of steps done."""

    def __init__(self, recipe: Recipe, folder: Path, worker: Worker = ALONE) -> None:
        self.recipe, self.folder, self.worker, self.step = recipe, folder, worker, 0
        torch.manual_seed(recipe.seed)
        self.model = HookedViT(recipe.model.config())
        initialise(self.model)
        self.reader = Reader(self.model)
        self.preprocess = recipe.model.preprocess()
        self.average = {name: p.detach().clone() for name, p in self.model.named_parameters()}
        matrices = [p for p in self.model.parameters() if p.ndim >= 2]
        vectors = [p for p in self.model.parameters() if p.ndim < 2]
        groups = [{"params": matrices, "weight_decay": recipe.optimizer.weight_decay}, {"params": vectors}]
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.optimizer.lr, betas=(0.9, 0.98), weight_decay=0.0)

    def learning_rate(self) -> float:
        o = self.recipe.optimizer
        rise = min(1.0, (self.step + 1) / o.warmup)
        fall = min(1.0, (o.steps - self.step) / o.decay)
        return o.lr * min(rise, fall)

    def window(self) -> int | None:
        """Side of this step's windows: the same for every worker, and after a resume."""
        sides, step = self.recipe.loss.windows, self.step
        if not sides:
            return None
        generator = torch.Generator().manual_seed(self.recipe.seed * 2**32 + step)
        return sides[int(torch.randint(len(sides), (), generator=generator))]

    def logits(self, images: Float[Tensor, "image channel height width"]) -> tuple[Tensor, Tensor | None]:
        """What `Reader` gives, the forward and backward pass in the recipe's precision."""
        side = self.window()
        if self.recipe.precision == "float32":
            return self.reader(images, side)
        halved = {name: p.bfloat16() for name, p in self.reader.named_parameters()}
        whole, windowed = functional_call(self.reader, halved, (images.bfloat16(), side))
        return whole.float(), None if windowed is None else windowed.float()

    def update(self) -> dict[str, float]:
        """One step on fresh scenes; the parts of the loss, of this worker's shards."""
        parts = self._gradient()
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.step += 1
        self._average()
        return parts

    def _gradient(self) -> dict[str, float]:
        """Mean gradient over all shards of the step; with several workers, each draws its own shards."""
        data = self.recipe.data
        parts: dict[str, float] = {}
        self.optimizer.zero_grad()
        mine = range(self.worker.rank, data.shards, self.worker.count)
        for shard in mine:
            scenes = sample_scenes("train", self.step * data.shards + shard, data.batch // data.shards, data.mixture)
            logits = self.logits(to_input(scenes.images, self.preprocess))
            total, found = loss(*logits, scenes.labels, self.recipe.loss)
            (total / data.shards).backward()
            parts = {name: parts.get(name, 0.0) + value / len(mine) for name, value in found.items()}
        self.worker.sum_gradients(self.model)
        return parts

    @torch.no_grad()
    def _average(self) -> None:
        # A short memory at first, or the random start would linger in the average.
        keep = min(self.recipe.optimizer.ema, (1 + self.step) / (10 + self.step))
        for name, p in self.model.named_parameters():
            self.average[name].lerp_(p, 1 - keep)

    def save(self) -> None:
        """Everything a resumed training needs, in one safetensors file that replaces the last in one move."""
        state = {f"weight.{name}": p.detach() for name, p in self.model.named_parameters()}
        state |= {f"average.{name}": p for name, p in self.average.items()}
        state |= moments(self.optimizer, dict(self.model.named_parameters()))
        self.folder.mkdir(parents=True, exist_ok=True)
        part = self.folder / f"{CHECKPOINT}.part"
        save_file({k: v.contiguous() for k, v in state.items()}, part, metadata={"step": str(self.step)})
        os.replace(part, self.folder / CHECKPOINT)

    def resume(self) -> bool:
        """Continue from the folder's checkpoint; False if there is none."""
        path = self.folder / CHECKPOINT
        if not path.exists():
            return False
        from safetensors import safe_open

        state = load_file(path)
        with safe_open(path, "pt") as file:
            self.step = int(file.metadata()["step"])
        for name, p in self.model.named_parameters():
            p.data.copy_(state[f"weight.{name}"])
            self.average[name] = state[f"average.{name}"]
        restore(self.optimizer, dict(self.model.named_parameters()), state, self.step)
        return True

    def averaged(self) -> HookedViT:
        """The model with the averaged weights, in eval mode."""
        model = HookedViT(self.recipe.model.config()).eval().requires_grad_(False)
        model.load_state_dict(self.average)
        model.name = self.recipe.name
        return model


def run(trainer: Trainer, steps: int | None = None, every: int = 100, save_every: int = 500) -> None:
    """Train up to `steps` (the recipe's, if None), with a line of progress and of history every so often."""
    stop = trainer.recipe.optimizer.steps if steps is None else steps
    trainer.folder.mkdir(parents=True, exist_ok=True)
    sums: dict[str, float] = {}
    start, first = time.perf_counter(), trainer.step
    while trainer.step < stop:
        for name, value in trainer.update().items():
            sums[name] = sums.get(name, 0.0) + value / every
        if trainer.worker.rank:
            continue
        if trainer.step % every == 0:
            rate = (trainer.step - first) * trainer.recipe.data.batch / (time.perf_counter() - start)
            _report(trainer, {"images_per_second": rate} | sums)
            sums = {}
        if trainer.step % save_every == 0 or trainer.step == stop:
            trainer.save()


def _report(trainer: Trainer, values: dict[str, float]) -> None:
    row = {"step": trainer.step, "lr": trainer.learning_rate()} | values
    with (trainer.folder / "history.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps({name: round(value, 6) for name, value in row.items()}) + "\n")
    print("  ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)


def record(recipe: Recipe) -> dict[str, Any]:
    """What a model's eval.json says about its training."""
    steps = recipe.optimizer.steps
    return {"steps": steps, "images": steps * recipe.data.batch, "recipe": asdict(recipe)}


def train(worker: Worker, recipe: Recipe, folder: Path, cards: Path | None) -> None:
    """One worker's whole life: resume, train; the first one then exports and scores."""
    trainer = Trainer(recipe, folder, worker)
    if trainer.resume():
        print(f"resuming at step {trainer.step}", flush=True)
    run(trainer)
    if worker.rank == 0:
        from prisma_engine.toy.emoji.evaluate import score
        from prisma_engine.toy.emoji.export import export

        score(export(trainer.averaged(), recipe, cards), training=record(recipe))


def start(name: str, out: Path | None = None, cards: Path | None = None, workers: int = 2) -> None:
    """Train a recipe of this room, or go on training it.

    Args:
        out: folder for checkpoints; default: out/<recipe>.
        cards: folder to export to; default: where embedded models are.
        workers: processes, one core each; the result is the same.
    """
    recipe = load_recipe(name)
    spread(train, min(workers, recipe.data.shards), recipe, out or Path("out") / recipe.name, cards)
