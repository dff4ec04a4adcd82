"""The training of one model of the zoo: a step, what it measures, and the state that survives being killed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from prisma_engine.toy.initial import initialise
from prisma_engine.toy.zoo.augment import mirrored, shifted
from prisma_engine.toy.zoo.learner import Learner, kept_patches, precision
from prisma_engine.toy.zoo.recipe import Recipe
from prisma_engine.toy.zoo.scoring import normalised, score
from prisma_engine.toy.zoo.supply import examples
from prisma_engine.toy.zoo.task import Examples, Task
from prisma_engine.training import checkpoint
from prisma_engine.training.optimizing import adamw, cosine_rate, moments, restore
from prisma_engine.training.seeds import generator
from prisma_engine.training.world import ALONE, World
from prisma_engine.vit import HookedViT

WATCHED = 2000
"""Held-out pictures on which every row of the history is measured."""


class Trainer:
    """One training: the model, its optimiser, perhaps a moving average, and the number of steps done.

    Raises:
        ValueError: if the processes cannot share out the shards evenly.
    """

    def __init__(self, recipe: Recipe, task: Task, folder: Path, world: World = ALONE, device: str = "cpu") -> None:
        if recipe.data.shards % world.count:
            raise ValueError(f"{recipe.data.shards} shards cannot be shared out between {world.count} processes")
        self.recipe, self.task, self.folder, self.world, self.step = recipe, task, folder, world, 0
        self.seconds = 0.0  # on the clock, over all starts
        self.device = torch.device(world.own(device))
        torch.manual_seed(recipe.seed)
        self.model = HookedViT(recipe.model.config(task))
        initialise(self.model)
        self.model.to(self.device)
        self.learner = Learner(self.model)
        self.precision = precision(recipe, self.device)
        named = dict(self.model.named_parameters())
        self.average = {name: p.detach().clone() for name, p in named.items()} if recipe.optimizer.ema else {}
        self.optimizer = adamw(named, recipe.optimizer)

    def learning_rate(self) -> float:
        return cosine_rate(self.step, self.recipe.optimizer)

    @property
    def shards(self) -> range:
        """This process's."""
        return range(self.world.rank, self.recipe.data.shards, self.world.count)

    def batch(self, shard: int) -> tuple[Examples, Tensor | None]:
        """A shard's pictures of this step, moved and mirrored as the recipe says, and the patches that are kept."""
        data, patches = self.recipe.data, self.recipe.patches
        block = self.step * data.shards + shard
        pictures, labels = examples(self.task.train, self.recipe.seed, block, data.batch // data.shards)
        random = generator(self.recipe.seed, "augment", block)
        if data.shift:
            pictures = shifted(pictures, data.shift, random)
        if data.mirror:
            pictures = mirrored(pictures, random)
        kept = None
        if patches.keep < 1 and self.step < patches.until * self.recipe.optimizer.steps:
            kept = kept_patches(pictures, self.recipe.model.patch_size, patches.keep, random)
        return (pictures, labels), kept

    def update(self) -> dict[str, float]:
        """One step; loss (nats) and accuracy on its own pictures before it, over all processes."""
        sums = torch.zeros(2, dtype=torch.double)
        self.optimizer.zero_grad()
        for shard in self.shards:
            sums += self._learn(shard)
        self.world.average_gradients(self.model.parameters())
        nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.optimizer.clip)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate()
        self.optimizer.step()
        self.step += 1
        self._average()
        loss, accuracy = (self.world.sum(sums.to(self.device)) / self.recipe.data.shards).tolist()
        return {"loss": loss, "accuracy": accuracy}

    def _learn(self, shard: int) -> Tensor:
        (pictures, labels), kept = self.batch(shard)
        labels, kept = labels.to(self.device), None if kept is None else kept.to(self.device)
        logits = self.learner.logits(normalised(pictures.to(self.device), self.task), kept, self.precision)
        loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.optimizer.label_smoothing)
        (loss / len(self.shards)).backward()
        right = (logits.argmax(1) == labels).double().mean()
        return torch.stack([loss.detach().double(), right]).cpu()

    @torch.no_grad()
    def _average(self) -> None:
        # A short memory at first, or the random start would linger in the average.
        keep = min(self.recipe.optimizer.ema, (1 + self.step) / (10 + self.step))
        for name, p in self.model.named_parameters():
            if name in self.average:
                self.average[name].lerp_(p, 1 - keep)

    def weights(self) -> dict[str, Tensor]:
        """What the training is for: the weights, or their moving average where the recipe keeps one."""
        return dict(self.average) or {name: p.detach() for name, p in self.model.named_parameters()}

    def finished(self) -> HookedViT:
        """A copy of the model with `weights`, to run."""
        model = HookedViT(self.model.config).eval().requires_grad_(False).to(self.device)
        model.load_state_dict(self.weights())
        model.name = self.recipe.name
        return model

    def watch(self) -> dict[str, float]:
        """Loss (nats) and accuracy on the first held-out pictures of the task, spread over all of them."""
        pictures = next(iter(self.task.held_out.values()))
        chosen = np.linspace(0, len(pictures) - 1, min(WATCHED, len(pictures))).astype(int)
        found = score(self.finished(), self.task, pictures, chosen)
        return {"held_out_loss": found.loss, "held_out_accuracy": found.accuracy}

    def save(self) -> None:
        """Everything that a resumed training needs."""
        named = dict(self.model.named_parameters())
        tensors = {f"average.{name}": p for name, p in self.average.items()}
        tensors |= {f"weight.{name}": p for name, p in named.items()} | moments(self.optimizer, named)
        state = {"step": self.step, "seconds": self.seconds, "recipe": self.recipe.to_dict()}
        checkpoint.save(self.folder, tensors, state)

    def resume(self) -> bool:
        """Continue from the folder's checkpoint; False if there is none.

        Raises:
            ValueError: if it is damaged, or of another recipe.
        """
        found = checkpoint.resumed(self.folder, self.recipe.to_dict())
        if found is None:
            return False
        tensors, state = found
        self.step, self.seconds = state["step"], state.get("seconds", 0.0)
        named = dict(self.model.named_parameters())
        for name, p in named.items():
            p.data.copy_(tensors[f"weight.{name}"])
        restore(self.optimizer, named, tensors, self.step)
        self.average = {name: tensors[f"average.{name}"].to(self.device) for name in self.average}
        return True
