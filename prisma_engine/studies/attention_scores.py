"""Scores or patterns? Both measured: `python -m prisma_engine.studies.attention_scores emoji-vit`.

How the variance of attention scores splits into what is constant along a row (which the softmax removes), what is
constant along a column, and who reads whom; and how well the structure of every named head stands out on single
pictures: in the scores, in the scores less their row mean, in the pattern, and in its logarithm.
"""

from __future__ import annotations

import statistics
from argparse import Namespace
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from prisma_engine.analysis.attention import attention_maps, layout_of
from prisma_engine.analysis.heads.evidence import FoundHead
from prisma_engine.analysis.heads.gathering import MeanOfKnown
from prisma_engine.analysis.heads.metrics import score_shares
from prisma_engine.analysis.heads.types import types_of
from prisma_engine.analysis.layout import Layout
from prisma_engine.studies import command
from prisma_engine.studies.command import rounded, table
from prisma_engine.studies.samples import Sample
from prisma_engine.studies.separation import auroc, d_prime
from prisma_engine.vit import HookedViT

Cells = Mapping[str, tuple[Bool[Tensor, "query key"], Bool[Tensor, "query key"]]]
FORMS = ("scores", "scores less row mean", "log pattern", "pattern")
PAIRS = (
    ("pattern", "scores"),
    ("log pattern", "scores"),
    ("log pattern", "pattern"),
    ("scores less row mean", "log pattern"),
)


@dataclass(frozen=True)
class HeadSeparation:
    """How well one named head's cells stand out among its others, mean over single pictures, by form as in `FORMS`.

    Attributes:
        type: id of the head type whose cells are meant.
        auroc: by order alone, ½ to 1; see `separation.auroc`.
        d_prime: on a linear scale, 0 for nothing; see `separation.d_prime`.
    """

    type: str
    layer: int
    head: int
    auroc: tuple[float, ...]
    d_prime: tuple[float, ...]


@dataclass(frozen=True)
class ScoreStudy:
    """What a model's attention scores are made of.

    Attributes:
        model, source, n_images: what was measured on what.
        by_query: of each layer, the share of the variance of patch × patch scores that is constant along a row;
            mean over heads and pictures.
        by_key: constant along a column.
        joint: the rest. The three sum to 1.
        heads: the named heads whose type is a set of patch × patch cells.
    """

    model: str
    source: str
    n_images: int
    by_query: tuple[float, ...]
    by_key: tuple[float, ...]
    joint: tuple[float, ...]
    heads: tuple[HeadSeparation, ...]

    def mean(self, measure: str, form: int) -> float:
        """Of "auroc" or "d_prime" over the named heads; NaN where there are none."""
        values = [getattr(head, measure)[form] for head in self.heads]
        return statistics.fmean(values) if values else float("nan")


def study(model: HookedViT, samples: Iterable[Sample], source: str, named: Sequence[FoundHead] = ()) -> ScoreStudy:
    """Measure the scores of `model` on every picture.

    Args:
        source: what the pictures are, for people.
        named: heads whose structure is known.

    Raises:
        ValueError: if there is no picture.
    """
    layout, cells = layout_of(model), template_cells(layout_of(model))
    followed = [found for found in named if found.type in cells]
    shares = [MeanOfKnown() for _ in range(3)]
    separated: list[Float[Tensor, "head measure form"]] = []
    for sample in samples:
        maps = attention_maps(model, sample.x)
        scores = torch.stack([maps.scores(layer) for layer in range(maps.n_layers)])
        for total, share in zip(shares, score_shares(scores, layout), strict=True):
            total.add(share)
        separated.append(_separations(scores, layout, followed, cells))
    if not separated:
        raise ValueError("a study needs at least one picture that can be opened, got none")
    by_query, by_key, joint = (rounded(total.mean.nanmean(-1)) for total in shares)
    heads = zip(followed, torch.stack(separated).mean(0), strict=True)
    named_heads = tuple(HeadSeparation(f.type, f.layer, f.head, *rounded(measured)) for f, measured in heads)
    return ScoreStudy(model.name, source, len(separated), by_query, by_key, joint, named_heads)


def template_cells(layout: Layout) -> Cells:
    """By head type, for those that are about patches: the cells that the type means, and all that they are among.

    The queries are the type's own; a patch's attention to itself is left out.
    """
    found, patches = {}, layout.patch_slice
    for type in types_of(layout):
        if type.template is not None and type.template.patches is not None:
            meant = type.template.cells(layout)[patches, patches] & ~layout.same_patch
            found[type.id] = meant, meant.any(-1, keepdim=True) & ~layout.same_patch
    return found


def forms(scores: Float[Tensor, "query key"], layout: Layout) -> Float[Tensor, "form query key"]:
    """One head's patch × patch block in each of `FORMS`, in double precision."""
    exact, patches = scores.double(), layout.patch_slice
    block = exact[patches, patches]
    log = (exact - exact.logsumexp(-1, keepdim=True))[patches, patches]
    return torch.stack([block, block - block.mean(-1, keepdim=True), log, log.exp()])


def separation(
    maps: Float[Tensor, "form query key"], meant: Bool[Tensor, "query key"], among: Bool[Tensor, "query key"]
) -> Float[Tensor, "measure form"]:
    """AUROC (first row) and d′ of the `meant` cells among all of `among`, in each form."""
    chosen = meant[among]
    values = [one[among] for one in maps]
    measured = [[measure(one, chosen) for one in values] for measure in (auroc, d_prime)]
    return torch.tensor(measured, dtype=torch.float64)


def _separations(
    scores: Float[Tensor, "layer head query key"], layout: Layout, named: Sequence[FoundHead], cells: Cells
) -> Float[Tensor, "head measure form"]:
    one_by_one = [separation(forms(scores[f.layer, f.head], layout), *cells[f.type]) for f in named]
    return torch.stack(one_by_one) if named else torch.zeros(0, 2, len(FORMS))


def better(heads: Sequence[HeadSeparation], measure: str, one: str, other: str) -> int:
    """In how many heads `one` form separates better than the `other`, by "auroc" or "d_prime"."""
    a, b = FORMS.index(one), FORMS.index(other)
    return sum(getattr(head, measure)[a] > getattr(head, measure)[b] for head in heads)


def report(result: ScoreStudy) -> str:
    """The numbers in tables."""
    parts = result.by_query, result.by_key, result.joint
    rows = [(str(i), *(f"{v:.2f}" for v in layer)) for i, layer in enumerate(zip(*parts, strict=True))]
    rows.append(("all", *(f"{statistics.fmean(part):.2f}" for part in parts)))
    lines = [
        f"{result.model}, {result.n_images:,} {result.source}: shares of the variance of patch × patch scores",
        table(("layer", "by query", "by key", "joint"), rows),
    ]
    return "\n".join(lines + (_tables(result) if result.heads else []))


def _tables(result: ScoreStudy) -> list[str]:
    lines, n = [], len(result.heads)
    for measure, title in (("auroc", "AUROC"), ("d_prime", "d′")):
        rows = [(f"L{h.layer}H{h.head} {h.type}", *(f"{v:.3f}" for v in getattr(h, measure))) for h in result.heads]
        rows.append(("mean", *(f"{result.mean(measure, form):.3f}" for form in range(len(FORMS)))))
        won = [f"{one} above {other}: {better(result.heads, measure, one, other)}" for one, other in PAIRS]
        lines += [f"\n{title} of the cells that a named head is about", table(("head", *FORMS), rows)]
        lines += [f"of {n} heads, " + "; ".join(won)]
    return lines


def _measure(given: Namespace) -> ScoreStudy:
    samples = command.samples(given)
    evidence = command.named_heads(given)
    if (evidence.layers, evidence.heads) != (samples.model.config.n_layers, samples.model.config.n_heads):
        raise ValueError(
            f"the evidence is about {evidence.model}, whose layers and heads are not those of {given.model}"
        )
    return study(samples.model, samples, samples.title, evidence.found)


def main() -> None:
    parser = command.arguments(__doc__)
    parser.add_argument(
        "--heads", type=Path, help="evidence of prisma_engine.name_heads; an embedded model has its own"
    )
    command.carry_out(parser, _measure, report)


if __name__ == "__main__":
    main()
