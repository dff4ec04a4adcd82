"""Several processes that train one model: each computes a part of the gradient, all take the same step.

On a busy machine two processes of one thread lose far less time to waiting than two threads of one process,
which meet at the end of every small operation.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import distributed, multiprocessing, nn


@dataclass(frozen=True)
class Worker:
    """One of `count` processes; `rank` is 0 in the one that reports and saves."""

    rank: int
    count: int

    def sum_gradients(self, model: nn.Module) -> None:
        """Replace every gradient by its sum over the workers."""
        if self.count == 1:
            return
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        flat = torch.cat([g.flatten() for g in gradients])
        distributed.all_reduce(flat)
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))


ALONE = Worker(0, 1)


def spread(job: Callable[..., None], count: int, *arguments: Any) -> None:
    """Call `job(worker, *arguments)` in `count` processes and wait for all; in this one if `count` is 1."""
    if count == 1:
        job(ALONE, *arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        multiprocessing.spawn(_enter, (count, f"file://{folder}/meeting", job, arguments), nprocs=count)


def _enter(rank: int, count: int, meeting: str, job: Callable[..., None], arguments: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=count)
    try:
        job(Worker(rank, count), *arguments)
    finally:
        distributed.destroy_process_group()
