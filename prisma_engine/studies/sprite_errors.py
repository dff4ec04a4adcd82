"""Which shapes of dSprites a model mixes up, and at which size, beside one that only counts white pixels.

`python -m prisma_engine.studies.sprite_errors dsprites-tiny-attn-only dsprites-tiny-attn-mlp --out errors.json`
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Int

from prisma_engine.load import load
from prisma_engine.studies.command import carry_out, table
from prisma_engine.toy.dsprites import SHAPES, classes_of, draw, values
from prisma_engine.toy.dsprites_task import Grid, task
from prisma_engine.toy.zoo.scoring import AT_ONCE, normalised

COUNTING = "white pixels alone"
Named = Int[np.ndarray, " picture"]


@dataclass(frozen=True)
class Errors:
    """What one model answers.

    Attributes:
        accuracy: share of all pictures that is named right.
        by_scale: the same of each shape (row) at each scale (column).
        confusion: share of the pictures of each shape (row) that is called each shape (column).
    """

    model: str
    accuracy: float
    by_scale: tuple[tuple[float, ...], ...]
    confusion: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Study:
    """Models on the same held-out pictures, and last what counting white pixels gives."""

    n_images: int
    scales: tuple[float, ...]
    models: tuple[Errors, ...]


def sprite_errors(models: Sequence[str], n: int = 6000, seed: int = 0) -> Study:
    """Let models of dSprites name `n` held-out pictures of the random split.

    Raises:
        ValueError: if a model is none of dSprites, or there are fewer pictures.
    """
    data = task()
    held, train = data.held_out["random"], data.train
    assert isinstance(held, Grid) and isinstance(train, Grid)
    if not 1 <= n <= len(held):
        raise ValueError(f"there are {len(held):,} held-out pictures, so n is from 1 to that, got {n}")
    places = np.sort(np.random.default_rng(seed).choice(held.places, n, replace=False))
    found = []
    for name in models:
        model = load(name)
        if model.vocabulary is None or model.vocabulary.id != "dsprites":
            raise ValueError(f"{name} does not name the shapes of dSprites")
        pictures, _ = Grid(places)[np.arange(n)]
        with torch.no_grad():
            answers = [model(normalised(part, data)).argmax(1) for part in pictures.split(AT_ONCE)]
        found.append(_errors(name, places, torch.cat(answers).numpy()))
    found.append(_errors(COUNTING, places, by_counting(train.places, places)))
    return Study(n, tuple(values()["scale"].round(3).tolist()), tuple(found))


def by_counting(train: Named, places: Named) -> Named:
    """For each picture, the shape that most training pictures with as many white pixels have."""
    seen = np.random.default_rng(0).choice(train, 100_000)
    most: dict[int, Counter[int]] = {}
    for area, shape in zip(_areas(seen), classes_of(seen)[:, 1].tolist(), strict=True):
        most.setdefault(area, Counter())[shape] += 1
    return np.array([most[area].most_common(1)[0][0] if area in most else 0 for area in _areas(places)])


def _areas(places: Named) -> list[int]:
    """White pixels of each picture, which no position changes."""
    turned = np.arange(720) * 1024
    return draw(turned).reshape(720, -1).sum(1)[places // 1024].tolist()


def _errors(name: str, places: Named, answers: Named) -> Errors:
    classes = classes_of(places)
    shape, scale, right = classes[:, 1], classes[:, 2], answers == classes[:, 1]
    kinds = range(len(SHAPES))
    return Errors(
        name,
        round(float(right.mean()), 4),
        tuple(tuple(_share(right[(shape == s) & (scale == k)]) for k in range(6)) for s in kinds),
        tuple(tuple(_share(answers[shape == s] == t) for t in kinds) for s in kinds),
    )


def _share(chosen: np.ndarray) -> float:
    return round(float(chosen.mean()), 4) if len(chosen) else 0.0


def report(study: Study) -> str:
    """A table of accuracies, and one of what is called what."""
    head = ["model", "right", *(f"{shape} {scale:.1f}" for shape in SHAPES for scale in (0.5, 1.0))]
    rows = [
        [one.model, f"{one.accuracy:.3f}", *(f"{row[k]:.2f}" for row in one.by_scale for k in (0, -1))]
        for one in study.models
    ]
    pairs = [(a, b) for a in range(3) for b in range(3) if a != b]
    mixed = [["model", *(f"{SHAPES[a]} as {SHAPES[b]}" for a, b in pairs)]]
    mixed += [[one.model, *(f"{one.confusion[a][b]:.3f}" for a, b in pairs)] for one in study.models]
    return f"{study.n_images:,} held-out pictures\n{table(head, rows)}\n\n{table(mixed[0], mixed[1:])}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="+", help="models of dSprites, embedded, a path or a Hub id")
    parser.add_argument("--n", type=int, default=6000, help="how many held-out pictures; 6000 unless said")
    parser.add_argument("--out", type=Path, help="a file for the numbers")
    carry_out(parser, lambda given: sprite_errors(given.model, given.n), report)


if __name__ == "__main__":
    main()
