"""The processes that train one model together: what each needs to know of the others.

`accelerate launch` and `torchrun` start the processes and say so in the environment, which is all that is read here;
neither is needed to train in one process.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn


@dataclass(frozen=True)
class World:
    """One of `count` processes; rank 0 reports and saves.

    Attributes:
        local: its number on its own machine, for its GPU.
    """

    rank: int = 0
    count: int = 1
    local: int = 0

    def own(self, device: str) -> str:
        """This process's device of a kind: "cuda" is its own GPU."""
        return f"cuda:{self.local}" if device == "cuda" else device

    def gather(self, vector: Tensor) -> Tensor:
        """The vectors of all processes, one after the other; they must be equally long."""
        if self.count == 1:
            return vector
        every = [torch.empty_like(vector) for _ in range(self.count)]
        distributed.all_gather(every, vector.contiguous())
        return torch.cat(every)

    def sum(self, tensor: Tensor) -> Tensor:
        """The sum over all processes, in place."""
        if self.count > 1:
            distributed.all_reduce(tensor)
        return tensor

    def wait(self) -> None:
        """Until every process is here: none reads a file before the one that writes it has."""
        if self.count > 1:
            distributed.barrier()

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its mean over the processes, each of which had equally many tokens."""
        if self.count > 1:
            for p in parameters:
                if p.grad is not None:
                    distributed.all_reduce(p.grad)
                    p.grad.div_(self.count)

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Give every process what rank 0 has, in place."""
        if self.count > 1:
            for tensor in tensors:
                distributed.broadcast(tensor.detach(), 0)


ALONE = World()


@contextmanager
def launched(device: str = "cpu") -> Iterator[World]:
    """The world that a launcher put this process in; alone if there was none.

    Raises:
        ValueError: if the environment says that there are several processes, but not where they meet.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield ALONE
        return
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if name not in os.environ]
    if missing:
        raise ValueError(f"WORLD_SIZE is {count}, but {', '.join(missing)} not set; start with accelerate or torchrun")
    distributed.init_process_group(
        "nccl" if device == "cuda" else "gloo", rank=int(os.environ["RANK"]), world_size=count
    )
    local = int(os.environ.get("LOCAL_RANK", "0"))
    try:
        yield World(distributed.get_rank(), count, local)
        distributed.barrier(device_ids=[local] if device == "cuda" else None)  # none leaves while another needs it
    finally:
        distributed.destroy_process_group()
