"""A model of the zoo, trained for a few steps on a few pictures: all the way from a recipe to a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from prisma_engine.toy.zoo.evaluate import evaluate
from prisma_engine.toy.zoo.export import export
from prisma_engine.toy.zoo.recipe import Recipe
from prisma_engine.toy.zoo.run import train
from prisma_engine.toy.zoo.task import Task


@dataclass(frozen=True)
class Noise:
    """Grey noise of two kinds, dark and light, which a model learns to tell apart."""

    seed: int
    n: int

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, numbers) -> tuple[Tensor, Tensor]:
        chosen = torch.as_tensor(numbers)
        random = torch.Generator().manual_seed(self.seed)
        pixels = torch.randint(0, 128, (self.n, 1, 8, 8), generator=random)
        labels = torch.arange(self.n) % 2
        return (pixels + 127 * labels[:, None, None, None]).to(torch.uint8)[chosen], labels[chosen]


TASK = Task(
    names=("dark", "light"), emoji=("⚫", "⚪"), image_size=(8, 8), mean=(0.5,), std=(0.25,),
    train=Noise(0, 64), held_out={"random": Noise(1, 40), "compositional": Noise(2, 40)}, licence="noise",
)  # fmt: skip


def recipe(name: str, steps: int = 6, d_mlp: int = 16, data: str = "dsprites") -> Recipe:
    return Recipe.from_dict(
        {
            "name": name, "seed": 0, "precision": "float32",
            "model": {"patch_size": 4, "n_layers": 2, "n_heads": 2, "d_model": 8, "d_mlp": d_mlp},
            "data": {"set": data, "batch": 8}, "optimizer": {"steps": steps, "lr": 0.01, "warmup": 1},
        }
    )  # fmt: skip


def trained(cards: Path, out: Path, name: str = "dsprites-mini", with_steps: bool = False, **given) -> Path:
    """The folder of a trained model below `cards`; its kept steps are below `out/<name>`."""
    plan = recipe(name, **given)
    trainer = train(plan, TASK, out / name, every=2)
    folder = export(trainer, cards, with_steps=with_steps)
    evaluate(folder, TASK, {"pictures": plan.optimizer.steps * plan.data.batch, "recipe": plan.to_dict()})
    return folder
