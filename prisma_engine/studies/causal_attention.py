"""What if attention were causal? `python -m prisma_engine.studies.causal_attention emoji-vit`.

The answers of a model whose attention may only read backwards in raster order: from a layer on, in one layer alone,
with prefix tokens exempt (they see all and all see them) or not; and how much of the answer takes the detour through
the prefix tokens, by hiding them from the patches.
"""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from prisma_engine.analysis.attention import causal_edits
from prisma_engine.cache import hook_name
from prisma_engine.hooks import HookPoint
from prisma_engine.studies import command
from prisma_engine.studies.answers import Outcome, Plan, outcomes
from prisma_engine.studies.command import table
from prisma_engine.studies.samples import Sample
from prisma_engine.vit import HookedViT


@dataclass(frozen=True)
class CausalStudy:
    """Accuracy, and how often the answer stays the same, under causal attention.

    Attributes:
        model, source, n_images: what was measured on what.
        exempt: causal from layer 0, 1, … on, prefix tokens exempt; the last, from no layer on, is the model as it is.
        masked: the same with prefix tokens masked too: the first token then reads nothing but itself.
        alone: causal in layer 0, 1, … alone, prefix tokens exempt.
        detour: patches do not read prefix tokens, in any layer: plain and causal; empty without prefix tokens.
    """

    model: str
    source: str
    n_images: int
    exempt: tuple[Outcome, ...]
    masked: tuple[Outcome, ...]
    alone: tuple[Outcome, ...]
    detour: tuple[Outcome, ...]


def study(model: HookedViT, samples: Iterable[Sample], source: str) -> CausalStudy:
    """Ask `model` about every picture under every plan.

    Raises:
        ValueError: if there is no picture, or no classifier.
    """
    made = plans(model)
    n, found = outcomes(model, samples, {name: plan for part in made.values() for name, plan in part.items()})
    parts = {part: tuple(outcome for outcome in found if outcome.plan in names) for part, names in made.items()}
    return CausalStudy(model.name, source, n, **parts)


def plans(model: HookedViT) -> dict[str, dict[str, Plan]]:
    """Edits by field of `CausalStudy` and name of the plan."""
    firsts = range(model.config.n_layers + 1)
    scores = [hook_name("attn_scores", i) for i in firsts[:-1]]
    exempt = causal_edits(model, 0)
    hidden = dict.fromkeys(scores, hide_prefix) if model.n_prefix else {}
    both: Plan = {name: (exempt[name], hide_prefix) for name in hidden}
    return {
        "exempt": {f"from {i}, prefix exempt": causal_edits(model, i) for i in firsts},
        "masked": {f"from {i}, prefix masked": causal_edits(model, i, prefix_sees_all=False) for i in firsts},
        "alone": {f"in {i} alone": {name: exempt[name]} for i, name in enumerate(scores)},
        "detour": {"patches read no prefix": hidden, "and are causal": both} if hidden else {},
    }


def hide_prefix(scores: Tensor, point: HookPoint) -> Tensor:
    """An edit of attention scores: patches read no prefix token."""
    out, n = scores.clone(), point.n_prefix
    out[..., n:, :n] = -math.inf
    return out


def report(result: CausalStudy) -> str:
    """The numbers in tables."""
    first = [*(str(i) for i in range(len(result.exempt) - 1)), "none"]
    rows = [(f, *_cells(a), *_cells(b)) for f, a, b in zip(first, result.exempt, result.masked, strict=True)]
    head = ("causal from layer", "prefix exempt", "same answer", "masked too", "same answer")
    alone = [(str(i), *_cells(outcome)) for i, outcome in enumerate(result.alone)]
    detour = [(outcome.plan, *_cells(outcome)) for outcome in result.detour]
    lines = [
        f"{result.model}, {result.n_images:,} {result.source}: accuracy and share of answers that stay the same",
        table(head, rows[::-1]),
        "\n" + table(("causal in one layer", "accuracy", "same answer"), alone),
    ]
    if detour:
        lines.append("\n" + table(("without the detour", "accuracy", "same answer"), detour))
    return "\n".join(lines)


def _cells(outcome: Outcome) -> tuple[str, str]:
    return ("–" if outcome.accuracy is None else f"{outcome.accuracy:.3f}"), f"{outcome.same:.3f}"


def _measure(given: Namespace) -> CausalStudy:
    samples = command.samples(given)
    return study(samples.model, samples, samples.title)


def main() -> None:
    command.carry_out(command.arguments(__doc__, labels=True), _measure, report)


if __name__ == "__main__":
    main()
