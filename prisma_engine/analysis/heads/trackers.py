"""What is kept of each image for each type of head, and what it amounts to in the end.

A tracker sees the pattern of every layer of every image once, and keeps a number or a few for each head.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.analysis.heads.details import describe, describe_period
from prisma_engine.analysis.heads.metrics import sink_mass
from prisma_engine.analysis.heads.periods import Period, best_period, period_mass, step_masses
from prisma_engine.analysis.heads.shuffles import SPREAD, TURNED, family_wise_p, null_masses
from prisma_engine.analysis.heads.types import MODULUS, P_VALUE, SINK, STRENGTH, HeadType, strength
from prisma_engine.analysis.layout import Layout

PERIOD_IMAGES = 8
"""Images that choose the periods of Modulus heads."""
SINK_IMAGES = 2
"""Images on which the baseline of Sink heads is drawn."""

HeadValues = Float[Tensor, "layer head"]
MeanPattern = Float[Tensor, "layer head query key"]


@dataclass(frozen=True)
class Result:
    """One type, in every head.

    Attributes:
        images: the score on each image.
        score: over all images.
        chance: the same after shuffling.
        p: family-wise.
    """

    type: HeadType
    images: Float[Tensor, "image layer head"]
    score: HeadValues
    chance: HeadValues
    p: HeadValues

    @property
    def strength(self) -> HeadValues:
        return strength(self.score, self.chance)

    @property
    def halves(self) -> tuple[HeadValues, HeadValues]:
        """Strengths over every other image, and over the rest."""
        return strength(self.images[0::2].mean(0), self.chance), strength(self.images[1::2].mean(0), self.chance)

    @property
    def found(self) -> Tensor:
        """Which heads the rule names: [layer head], bool."""
        strengths = torch.stack([self.strength, *self.halves])
        return (strengths >= STRENGTH).all(0) & (self.p < P_VALUE)


class Tracker(Protocol):
    """Keeps what one or several types need."""

    def add(self, layer: int, pattern: Float[Tensor, "head query key"]) -> None:
        """See one layer of the next image."""
        ...

    def results(self, mean: MeanPattern, n_shuffles: int, generator: torch.Generator) -> list[Result]:
        """What it amounts to; `mean` is the mean pattern over the images."""
        ...

    def detail(self, type: HeadType, mean: MeanPattern, layer: int, head: int) -> str | None:
        """What that head does in words."""
        ...


class TemplateTracker:
    """All types whose score is the mass of a fixed template."""

    def __init__(self, types: Sequence[HeadType], layout: Layout, n_layers: int) -> None:
        self.types, self.layout = [t for t in types if t.template is not None], layout
        weights = [t.template.weights(layout).flatten() for t in self.types if t.template is not None]
        self.weights = torch.stack(weights, -1)
        self.masses: list[list[Float[Tensor, "head template"]]] = [[] for _ in range(n_layers)]

    def add(self, layer: int, pattern: Float[Tensor, "head query key"]) -> None:
        self.masses[layer].append(pattern.flatten(-2) @ self.weights)

    def results(self, mean: MeanPattern, n_shuffles: int, generator: torch.Generator) -> list[Result]:
        images = _by_image(self.masses)
        return [self._result(t, images[..., i], mean, n_shuffles, generator) for i, t in enumerate(self.types)]

    def _result(
        self, type: HeadType, images: Tensor, mean: MeanPattern, n_shuffles: int, generator: torch.Generator
    ) -> Result:
        assert type.template is not None
        chance = type.template.mass(type.shuffle.expected(mean, self.layout), self.layout)
        weights = type.template.weights(self.layout)[None]
        null = null_masses(mean, weights, type.shuffle, self.layout, n_shuffles, generator)[:, 0]
        score = images.mean(0)
        return Result(type, images, score, chance, family_wise_p(score, null))

    def detail(self, type: HeadType, mean: MeanPattern, layer: int, head: int) -> str | None:
        return describe(mean[layer, head], type, self.layout)


class SinkTracker:
    """Sink heads: which patch is read may change with the image, so the mean pattern does not show them."""

    def __init__(self, layout: Layout, n_layers: int, n_shuffles: int, generator: torch.Generator) -> None:
        self.layout = layout
        self.shuffled = [SPREAD.draw(layout, generator).int() for _ in range(n_shuffles)]
        self.sinks: list[list[Float[Tensor, " head"]]] = [[] for _ in range(n_layers)]
        self.null: list[list[Float[Tensor, "draw head"]]] = [[] for _ in range(n_layers)]

    def add(self, layer: int, pattern: Float[Tensor, "head query key"]) -> None:
        if len(self.sinks[layer]) < SINK_IMAGES:
            flat = pattern.flatten(-2)
            dealt = (flat[:, cells.flatten()].view_as(pattern) for cells in self.shuffled)
            self.null[layer].append(torch.stack([sink_mass(one, self.layout) for one in dealt]))
        self.sinks[layer].append(sink_mass(pattern, self.layout))

    def results(self, mean: MeanPattern, n_shuffles: int, generator: torch.Generator) -> list[Result]:
        images, null = _by_image(self.sinks), _by_image(self.null).mean(0).transpose(0, 1)
        return [Result(SINK, images, images.mean(0), null.mean(0), family_wise_p(images.mean(0), null))]

    def detail(self, type: HeadType, mean: MeanPattern, layer: int, head: int) -> str | None:
        return None


class PeriodTracker:
    """Modulus heads: the first images choose the period and residue of each head, which all images then score."""

    def __init__(self, layout: Layout, n_layers: int) -> None:
        self.layout = layout
        self.first: list[list[Float[Tensor, "head step"]]] = [[] for _ in range(n_layers)]
        self.chance: list[list[Float[Tensor, "head step"]]] = [[] for _ in range(n_layers)]
        self.periods: dict[int, Period] = {}
        self.masses: list[list[Float[Tensor, " head"]]] = [[] for _ in range(n_layers)]

    def add(self, layer: int, pattern: Float[Tensor, "head query key"]) -> None:
        steps = step_masses(pattern, self.layout)
        if layer in self.periods:
            self.masses[layer].append(period_mass(steps, self.periods[layer]))
            return
        self.first[layer].append(steps)
        self.chance[layer].append(step_masses(TURNED.expected(pattern, self.layout), self.layout))
        if len(self.first[layer]) == PERIOD_IMAGES:
            self._choose(layer)

    def _choose(self, layer: int) -> None:
        first = torch.stack(self.first[layer])
        self.periods[layer] = best_period(first.mean(0), torch.stack(self.chance[layer]).mean(0))[1]
        self.masses[layer] = list(period_mass(first, self.periods[layer]))

    def results(self, mean: MeanPattern, n_shuffles: int, generator: torch.Generator) -> list[Result]:
        for layer in range(len(mean)):
            if layer not in self.periods:
                self._choose(layer)
        by_chance = step_masses(TURNED.expected(mean, self.layout), self.layout)
        chance = torch.stack([period_mass(steps, self.periods[i]) for i, steps in enumerate(by_chance)])
        null = [  # each with its own strongest period
            best_period(step_masses(mean, self.layout, TURNED.draw(self.layout, generator)), by_chance)[0]
            for _ in range(n_shuffles)
        ]
        images = _by_image(self.masses)
        p = family_wise_p(images.mean(0) - chance, torch.stack(null))
        return [Result(MODULUS, images, images.mean(0), chance, p)]

    def detail(self, type: HeadType, mean: MeanPattern, layer: int, head: int) -> str | None:
        m, r = (values[head] for values in self.periods[layer])
        return describe_period(mean[layer, head], int(m), int(r), self.layout)


def trackers(
    types: Sequence[HeadType], layout: Layout, n_layers: int, n_shuffles: int, generator: torch.Generator
) -> list[Tracker]:
    """Trackers that cover all of `types`."""
    found: list[Tracker] = [TemplateTracker(types, layout, n_layers)]
    if MODULUS in types:
        found.append(PeriodTracker(layout, n_layers))
    if SINK in types:
        found.append(SinkTracker(layout, n_layers, n_shuffles, generator))
    return found


def _by_image(rows: list[list[Tensor]]) -> Float[Tensor, "image layer *head"]:
    return torch.stack([torch.stack(layer) for layer in rows], 1)
