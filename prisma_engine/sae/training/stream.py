"""Activations for training: images → the hooked model, stopped at one layer → a shuffled buffer → batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.running import HookedModule
from prisma_engine.sae.reading import stop_layer, token_slice
from prisma_engine.sae.training.recipe import Data
from prisma_engine.sae.training.supply import Supply, supply
from prisma_engine.sources import SourceRefused
from prisma_engine.training.seeds import generator

Batch = tuple[Float[Tensor, "token d_in"], Float[Tensor, "token d_out"]]
"""What is read, and what it should become: the same tensor, but for a transcoder."""


class Stream(Protocol):
    def __getitem__(self, step: int) -> Batch: ...


class Buffered:
    """Batches of activations of one shard, each determined by the number of its step.

    A buffer is filled, gone through `passes` times in different random orders, and filled again. Nothing else is held.
    """

    def __init__(self, data: Data, per_block: int, seed: int, shard: int = 0) -> None:
        """
        Args:
            per_block: tokens that `_run` gives of a block, at most.
        """
        self.data, self.per_block, self.seed, self.shard = data, per_block, seed, shard
        self.hooks = tuple(dict.fromkeys((data.hook, data.hook_out or data.hook)))
        self.blocks = max(1, data.buffer // data.shards // per_block)
        self.size = self.blocks * per_block
        self.batch = data.batch // data.shards
        if self.size < self.batch:
            raise ValueError(f"a buffer of {data.buffer} tokens does not hold a batch of {data.batch}; make it larger")
        self.steps_a_pass = self.size // self.batch
        self._filled, self._buffer = -1, {}

    def __getitem__(self, step: int) -> Batch:
        """This shard's part of a step's batch."""
        fill, step = divmod(step, self.steps_a_pass * self.data.passes)
        if fill != self._filled:
            self._fill(fill)
        again, place = divmod(step, self.steps_a_pass)
        chosen = self._order(fill, again)[place * self.batch : (place + 1) * self.batch]
        x = self._buffer[self.hooks[0]][chosen]
        return x, (self._buffer[self.hooks[1]][chosen] if len(self.hooks) > 1 else x)

    def _order(self, fill: int, again: int) -> Tensor:
        return torch.randperm(self.size, generator=generator(self.seed, "pass", self.shard, fill, again))

    def _fill(self, fill: int) -> None:
        """Run this fill's images; where some cannot be opened, the first ones' tokens are there twice."""
        at = 0
        for i in range(self.blocks):
            acts = self._run((fill * self.blocks + i) * self.data.shards + self.shard)
            for hook, rows in acts.items():
                if hook not in self._buffer:
                    self._buffer[hook] = rows.new_empty(self.size, rows.shape[1])
                self._buffer[hook][at : at + len(rows)] = rows
            at += len(next(iter(acts.values()))) if acts else 0
        if not at:
            raise SourceRefused(f"none of {self.blocks * self.data.at_once} images in a row can be opened")
        for rows in self._buffer.values():
            for start in range(at, self.size, at):
                rows[start : start + at] = rows[: min(at, self.size - start)]
        self._filled = fill

    def _run(self, block: int) -> dict[str, Tensor]:
        """{hook point: activations [token d]} of a block."""
        raise NotImplementedError


class Activations(Buffered):
    """What a model makes of images, at the tokens that are trained on."""

    def __init__(self, model: HookedModule, data: Data, images: Supply, seed: int, shard: int = 0) -> None:
        self.model, self.images, self.tokens = model, images, token_slice(model, data.tokens)
        super().__init__(data, data.at_once * len(range(model.config.n_tokens)[self.tokens]), seed, shard)

    @torch.no_grad()
    def _run(self, block: int) -> dict[str, Tensor]:
        images = self.images.block(block)
        if not len(images):
            return {}
        images = images.to(next(self.model.parameters()).device)
        _, cache = self.model.run_with_cache(images, names=self.hooks, stop_at_layer=stop_layer(self.hooks))
        return {hook: cache[hook][:, self.tokens].flatten(0, 1) for hook in self.hooks}


def activations(model: HookedModule, data: Data, seed: int, shards: Iterable[int]) -> list[Activations]:
    """The streams of these shards, each with its own images."""

    def images() -> Supply:
        return supply(data.images, model.preprocess, data.at_once, seed, data.augment, data.hold_out)

    return [Activations(model, data, images(), seed, shard) for shard in shards]
