"""Chosen heads' patterns, averaged over pictures: `python -m prisma_engine.studies.mean_patterns emoji-vit L0H1 L1H1`.

With `--out` they are written to an .npz file, from which a gallery can be drawn without the pictures.
"""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float

from prisma_engine.analysis.attention import attention_maps
from prisma_engine.studies import command
from prisma_engine.studies.samples import Sample
from prisma_engine.vit import HookedViT

HEAD = re.compile(r"L(\d+)H(\d+)")
DIGITS = 4


@dataclass(frozen=True)
class MeanPatterns:
    """Patterns averaged over pictures, rounded to `DIGITS` digits behind the point.

    Attributes:
        model, source, n_images: what was measured on what.
        heads: layer and head of each.
        patterns: in the same order, in half precision.
    """

    model: str
    source: str
    n_images: int
    heads: tuple[tuple[int, int], ...]
    patterns: Float[np.ndarray, "one query key"]

    def save(self, path: Path) -> None:
        """Write it as a compressed .npz file; `load` is the inverse."""
        text = np.array([self.model, self.source])
        with path.open("wb") as file:
            np.savez_compressed(file, text=text, n_images=self.n_images, heads=self.heads, patterns=self.patterns)

    @classmethod
    def load(cls, path: Path) -> MeanPatterns:
        """Read what `save` wrote; numbers and text alone, never a pickle."""
        with np.load(path, allow_pickle=False) as file:
            heads = tuple((int(layer), int(head)) for layer, head in file["heads"])
            model, source = map(str, file["text"])
            return cls(model, source, int(file["n_images"]), heads, file["patterns"].astype(np.float32))


@torch.no_grad()
def study(model: HookedViT, samples: Iterable[Sample], source: str, heads: Sequence[tuple[int, int]]) -> MeanPatterns:
    """Average the patterns of `heads`, pairs of layer and head.

    Raises:
        ValueError: if there is no such head, none is asked for, or no picture.
    """
    _check(model, heads)
    total, n = torch.zeros(len(heads), model.config.n_tokens, model.config.n_tokens, dtype=torch.float64), 0
    for sample in samples:
        n += 1
        maps = attention_maps(model, sample.x)
        total += torch.stack([maps.pattern(layer)[head] for layer, head in heads])
    if not n:
        raise ValueError("a mean needs at least one picture that can be opened, got none")
    mean = (total / n).numpy().round(DIGITS).astype(np.float16)
    return MeanPatterns(model.name, source, n, tuple(heads), mean)


def _check(model: HookedViT, heads: Sequence[tuple[int, int]]) -> None:
    n_layers, n_heads = model.config.n_layers, model.config.n_heads
    if not heads:
        raise ValueError("a mean pattern is of at least one head, got none")
    for layer, head in heads:
        if not (0 <= layer < n_layers and 0 <= head < n_heads):
            there = f"layers 0 to {n_layers - 1} and heads 0 to {n_heads - 1}"
            raise ValueError(f"{model.name} has {there}, so no L{layer}H{head}")


def head_of(text: str) -> tuple[int, int]:
    """Layer and head of "L1H0".

    Raises:
        ValueError: if it is no such text.
    """
    if not (found := HEAD.fullmatch(text)):
        raise ValueError(f"a head is written such as L1H0, got {text!r}")
    return int(found[1]), int(found[2])


def report(result: MeanPatterns) -> str:
    """What was averaged."""
    names = ", ".join(f"L{layer}H{head}" for layer, head in result.heads)
    return f"{result.model}, {result.n_images:,} {result.source}: the mean patterns of {names}"


def _measure(given: Namespace) -> MeanPatterns:
    samples = command.samples(given)
    return study(samples.model, samples, samples.title, [head_of(text) for text in given.heads])


def main() -> None:
    parser = command.arguments(__doc__)
    parser.add_argument("heads", nargs="+", help="such as L1H0")
    command.carry_out(parser, _measure, report, MeanPatterns.save)


if __name__ == "__main__":
    main()
