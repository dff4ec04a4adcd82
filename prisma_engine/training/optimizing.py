"""What the optimisers of every training share: groups of parameters, the rate's course, moments that survive a kill."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import torch
from torch import Tensor, nn

MOMENTS = ("exp_avg", "exp_avg_sq")


class AdamWSettings(Protocol):
    """A recipe's AdamW whose learning rate rises over `warmup` steps and falls to 0 along half a cosine."""

    @property
    def steps(self) -> int: ...
    @property
    def warmup(self) -> int: ...
    @property
    def lr(self) -> float: ...
    @property
    def weight_decay(self) -> float: ...
    @property
    def betas(self) -> tuple[float, float]: ...


def adamw(parameters: Mapping[str, nn.Parameter], settings: AdamWSettings) -> torch.optim.AdamW:
    """AdamW on these parameters; weight decay is on matrices only."""
    matrices = [p for p in parameters.values() if p.ndim >= 2]
    vectors = [p for p in parameters.values() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": settings.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=settings.lr, betas=settings.betas, fused=True)


def cosine_rate(step: int, settings: AdamWSettings) -> float:
    """The learning rate of a step, counted from 0."""
    rise = min(1.0, (step + 1) / max(1, settings.warmup))
    done = max(0.0, (step - settings.warmup) / max(1, settings.steps - settings.warmup))
    return settings.lr * rise * (1 + math.cos(math.pi * min(1.0, done))) / 2


def moments(optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Adam's two moments of each parameter, by the names under which a checkpoint keeps them."""
    return {f"{key}.{name}": optimizer.state[p][key] for name, p in parameters.items() for key in MOMENTS}


def restore(
    optimizer: torch.optim.Optimizer, parameters: Mapping[str, nn.Parameter], kept: Mapping[str, Tensor], step: int
) -> None:
    """Give the optimiser back what `moments` kept after `step` steps."""
    for name, p in parameters.items():
        found = {key: kept[f"{key}.{name}"].to(p.device) for key in MOMENTS}
        optimizer.state[p] = {"step": torch.tensor(float(step), device=p.device), **found}
