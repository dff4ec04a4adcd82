"""Do the same heads flip other pictures? `python -m prisma_engine.studies.general_patching emoji-vit L4H0,L4H2`.

Sets of heads, chosen elsewhere, are patched at CLS in many new pairs: how many flip, how far the answer moves, and what
as many other heads do, of any layer, of the late layers, and of the same layers. Without `--cats` and `--dogs`, two
folders of photos, the pairs are emoji scenes that were never drawn before.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prisma_engine.load import load
from prisma_engine.studies import command
from prisma_engine.studies.command import table
from prisma_engine.studies.flip_rates import DRAWN, MOST, Heads, Outcome, Rate, Trial, outcome
from prisma_engine.studies.mean_patterns import head_of
from prisma_engine.studies.patching_trials import photo_trials, scene_trials
from prisma_engine.vit import HookedViT


@dataclass(frozen=True)
class GeneralStudy:
    """Chosen heads on every trial."""

    model: str
    seed: int
    outcomes: tuple[Outcome, ...]


def study(
    model: HookedViT, trials: Iterable[Trial], chosen: Sequence[Heads], seed: int, most: int = MOST
) -> GeneralStudy:
    """Try the chosen sets on every trial.

    Raises:
        ValueError: if the model has no such head, or a trial has nothing to flip.
    """
    for layer, head in (head_of(name) for heads in chosen for name in heads):
        if layer >= model.config.n_layers or head >= model.config.n_heads:
            there = f"{model.config.n_layers} layers of {model.config.n_heads} heads"
            raise ValueError(f"{model.name} has {there}, so no L{layer}H{head}")
    found = []
    for trial in trials:
        print(f"\r{trial.name}" + " " * 20, end="", file=sys.stderr, flush=True)
        found.append(outcome(model, trial, chosen, seed, most))
    return GeneralStudy(model.name, seed, tuple(found))


def report(result: GeneralStudy) -> str:
    """The numbers in tables."""
    return f"{result.model}\n\n" + "\n\n".join(map(_said, result.outcomes))


def _said(one: Outcome) -> str:
    rows = []
    for rate in one.chosen:
        rows.append((" ".join(rate.heads), "1", *_shares(rate, one.n), f"{rate.moved:.3f}"))
        for control in (control for control in one.controls if control.of == rate.heads):
            name = f"  {'all' if control.whole else 'random'}, {control.pool}"
            numbers = (f"{control.mean:.3f}", f"best {control.best:.3f}", f"{control.moved:.3f}")
            rows.append((name, str(control.n_sets), *numbers))
    title = f"{one.name}: {one.n} of {one.n_tried} pairs; metric {one.before:.2f}, of the source {one.source:.2f}"
    return f"{title}\n" + table(("heads", "sets", "flip", "", "moved"), rows)


def _shares(rate: Rate, n: int) -> tuple[str, str]:
    low, high = rate.flips_interval
    return f"{rate.flips / n:.3f}", f"{low:.3f} to {high:.3f}"


def _measure(given: Namespace) -> GeneralStudy:
    if (given.cats is None) != (given.dogs is None):
        raise ValueError("photos come from two folders: give both --cats and --dogs, or neither")
    model, chosen = load(given.model), [tuple(text.split(",")) for text in given.heads]
    trials = scene_trials(model, given.n, given.seed)
    if given.cats is not None:
        trials = photo_trials(model, given.cats, given.dogs, given.n, given.seed, given.known or ())
    return study(model, trials, chosen, given.seed, given.most)


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("model", help="an embedded model, a path or a Hub id")
    parser.add_argument("heads", nargs="+", help="sets of heads that are patched together, such as L4H0,L4H2")
    parser.add_argument("--cats", type=Path, help="a folder of photos of cats; emoji scenes unless said")
    parser.add_argument("--dogs", type=Path, help="a folder of photos of dogs")
    parser.add_argument("--known", type=Path, nargs=2, help="a photo and its corrupt version, tried beside the others")
    help = f"controls of at most so many sets are tried whole, of larger ones {DRAWN} sets; {MOST} unless said"
    parser.add_argument("--most", type=int, default=MOST, help=help)
    parser.add_argument("--n", type=int, default=100, help="how many pairs are drawn; 100 unless said")
    parser.add_argument("--seed", type=int, default=7, help="of what is drawn")
    parser.add_argument("--out", type=Path, help="a file for the numbers")
    command.carry_out(parser, _measure, report)


if __name__ == "__main__":
    main()
