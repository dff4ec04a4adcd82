"""How well a model names the pictures of a task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from prisma_engine.toy.zoo.task import Pictures, Task
from prisma_engine.vit import HookedViT

AT_ONCE = 250


@dataclass(frozen=True)
class Score:
    """How many of `n` pictures were named right, and the mean cross entropy in nats."""

    n: int
    right: int
    loss: float

    @property
    def accuracy(self) -> float:
        return self.right / self.n


def normalised(
    pictures: UInt8[Tensor, "picture channel height width"], task: Task
) -> Float[Tensor, "picture channel height width"]:
    """Bytes as the model takes them, exactly as its preprocessing makes them."""
    mean, std = (pictures.new_tensor(v, dtype=torch.float32)[:, None, None] for v in (task.mean, task.std))
    return pictures.float().div_(255).sub_(mean).div_(std)


@torch.no_grad()
def score(
    model: HookedViT, task: Task, pictures: Pictures, numbers: Int[np.ndarray, " picture"] | None = None
) -> Score:
    """Name pictures (those of `numbers`, or all) and count; argmax of the logits, in float32."""
    numbers = np.arange(len(pictures)) if numbers is None else numbers
    device = next(model.parameters()).device
    right, loss = 0, 0.0
    for start in range(0, len(numbers), AT_ONCE):
        given, labels = pictures[numbers[start : start + AT_ONCE]]
        labels = labels.to(device)
        logits = model(normalised(given.to(device), task))
        right += int((logits.argmax(1) == labels).sum())
        loss += float(F.cross_entropy(logits, labels, reduction="sum"))
    return Score(len(numbers), right, loss / len(numbers))
