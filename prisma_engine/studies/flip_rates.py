"""How often chosen heads flip an answer over many pairs of pictures, beside heads that were not chosen."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from prisma_engine.analysis.intervals import wilson
from prisma_engine.analysis.patching.activation import Images, apply_patches
from prisma_engine.analysis.patching.sites import Site
from prisma_engine.studies.mean_patterns import head_of
from prisma_engine.vit import HookedViT

Heads = tuple[str, ...]
MOST, DRAWN = 200, 12
"""A control of at most so many sets is tried whole; of a larger one, so many are drawn."""
LATE = 3
"""The last 1 / LATE of the layers, rounded up, are called late."""


@dataclass(frozen=True)
class Trial:
    """Pairs on which the same question is asked: does the target, with heads of the source, answer as the source?

    Attributes:
        name: what the pairs are, for people.
        metric: logits → one number, the higher the more it is the source's answer.
        flipped: logits → whether the answer is the source's.
    """

    name: str
    target: Images
    source: Images
    metric: Callable[[Tensor], Tensor]
    flipped: Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Rate:
    """What one set of heads did.

    Attributes:
        flips: how many pairs flipped, and the share's 95 % interval (Wilson).
        moved: mean share of the way from the target's metric to the source's, 0 to 1 and beyond, with its 95 %
            interval (normal); None for a single pair.
    """

    heads: Heads
    flips: int
    flips_interval: tuple[float, float]
    moved: float
    moved_interval: tuple[float, float] | None


@dataclass(frozen=True)
class Control:
    """Sets of as many heads as one chosen set has, that one left out.

    Attributes:
        of: the chosen set.
        pool: "any layer", "late layers" or "same layers" (as many heads in each).
        n_sets: how many there were; `whole`: whether these are all there are.
        mean, best: share of pairs that flip, mean over sets and of the best; best_heads: which.
        moved: mean share of the way.
    """

    of: Heads
    pool: str
    n_sets: int
    whole: bool
    mean: float
    best: float
    best_heads: Heads
    moved: float


@dataclass(frozen=True)
class Outcome:
    """One trial.

    Attributes:
        n: pairs in which the target did not give the source's answer and the source did; of n_tried.
        before, source: mean metric of targets and sources.
    """

    name: str
    n_tried: int
    n: int
    before: float
    source: float
    chosen: tuple[Rate, ...]
    controls: tuple[Control, ...]


@torch.no_grad()
def outcome(model: HookedViT, trial: Trial, chosen: Sequence[Heads], seed: int = 0, most: int = MOST) -> Outcome:
    """Patch every pair with every chosen set and every set of its controls.

    Args:
        most: a control of at most so many sets is tried whole.

    Raises:
        ValueError: if in no pair there is anything to flip.
    """
    target, source = (torch.cat([model(x) for x in side.split(25)]) for side in (trial.target, trial.source))
    usable = ~trial.flipped(target) & trial.flipped(source)
    if not usable.any():
        raise ValueError(f"{trial.name}: no pair has a target and a source that answer differently, so none can flip")
    before, wanted = trial.metric(target[usable]), trial.metric(source[usable])
    controls = [(of, *control) for of in chosen for control in pools(model, of, seed, most)]
    sets = list(dict.fromkeys([*chosen, *(heads for control in controls for heads in control[-1])]))
    flipped, moved = _patched(model, trial, usable, sets, before, wanted)
    at = {heads: i for i, heads in enumerate(sets)}
    return Outcome(
        trial.name,
        len(usable),
        int(usable.sum()),
        round(float(before.mean()), 3),
        round(float(wanted.mean()), 3),
        tuple(rate(heads, flipped[at[heads]], moved[at[heads]]) for heads in chosen),
        tuple(
            control(of, pool, whole, others, *(x[[at[heads] for heads in others]] for x in (flipped, moved)))
            for of, pool, whole, others in controls
        ),
    )


def _patched(
    model: HookedViT, trial: Trial, usable: Tensor, sets: Sequence[Heads], before: Tensor, wanted: Tensor
) -> tuple[Bool[Tensor, "set pair"], Float[Tensor, "set pair"]]:
    """Whether each pair flips with each set, and how far it moves."""
    sites = [[Site(f"blocks.{i}.attn.hook_z", token="cls", head=h) for i, h in map(head_of, heads)] for heads in sets]
    logits = apply_patches(model, trial.target[usable], trial.source[usable], sites)
    moved = torch.stack([(trial.metric(of_set) - before) / (wanted - before) for of_set in logits])
    return torch.stack([trial.flipped(of_set) for of_set in logits]), moved


def rate(heads: Heads, flipped: Bool[Tensor, " pair"], moved: Float[Tensor, " pair"]) -> Rate:
    """One set on all pairs."""
    n, k, mean = len(flipped), int(flipped.sum()), float(moved.mean())
    spread = 1.96 * float(moved.std()) / math.sqrt(n) if n > 1 else math.nan
    interval = None if n == 1 else (round(mean - spread, 4), round(mean + spread, 4))
    low, high = wilson(k, n)
    return Rate(heads, k, (round(low, 4), round(high, 4)), round(mean, 4), interval)


def control(
    of: Heads, pool: str, whole: bool, sets: Sequence[Heads], flipped: Bool[Tensor, "set pair"], moved: Tensor
) -> Control:
    """Many sets on all pairs."""
    shares = flipped.float().mean(1)
    best = int(shares.argmax())
    mean, moves = float(shares.mean()), float(moved.mean())
    return Control(
        of, pool, len(sets), whole, round(mean, 4), round(float(shares[best]), 4), sets[best], round(moves, 4)
    )


def pools(model: HookedViT, of: Heads, seed: int = 0, most: int = MOST) -> Iterator[tuple[str, bool, list[Heads]]]:
    """The controls of a set: pool, whether it is tried whole, and its sets; empty pools are left out."""
    n_layers, heads = model.config.n_layers, range(model.config.n_heads)
    late = range(n_layers - -(-n_layers // LATE), n_layers)
    generator = np.random.default_rng(seed)
    for name, layers in (("any layer", range(n_layers)), ("late layers", late)):
        pool = [f"L{layer}H{head}" for layer in layers for head in heads]
        yield name, *_sets(pool, of, generator, most)
    same = [others for others in _same_layers(model, of) if others != tuple(sorted(of, key=head_of))]
    if same:
        yield "same layers", True, same


def _sets(pool: Sequence[str], of: Heads, generator: np.random.Generator, most: int) -> tuple[bool, list[Heads]]:
    """All sets of a pool as large as `of`, or some of them."""
    own = tuple(sorted(of, key=head_of))
    if math.comb(len(pool), len(of)) <= most:
        return True, [heads for heads in combinations(pool, len(of)) if heads != own]
    found: dict[Heads, None] = {}
    while len(found) < DRAWN:
        chosen = np.sort(generator.choice(len(pool), len(of), replace=False))
        heads = tuple(pool[int(i)] for i in chosen)
        if heads != own:
            found[heads] = None
    return False, list(found)


def _same_layers(model: HookedViT, of: Heads) -> Iterator[Heads]:
    layers = sorted(head_of(head)[0] for head in of)
    counts = {layer: layers.count(layer) for layer in layers}
    of_layer = [list(combinations([f"L{i}H{h}" for h in range(model.config.n_heads)], n)) for i, n in counts.items()]
    for parts in product(*of_layer):
        yield tuple(head for part in parts for head in part)
