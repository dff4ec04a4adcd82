"""Which heads decide between two answers? `python -m prisma_engine.studies.pair_patching emoji-vit`.

One pair of pictures at a time: the answers; every head patched at CLS, in both directions, beside what attribution
patching estimates; the fewest heads that flip the answer; direct logit attribution with the error of its sum; and which
patches the heads of the flip read. Without `--clean` the pairs are emoji scenes; with it, a photo and its corrupt
versions, prepared as the checkpoint expects and as in the tutorial (squashed, not normalised).
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.analysis.attribution import direct_logit_attribution, source_attribution
from prisma_engine.analysis.metrics import Metric, logit, logit_diff
from prisma_engine.analysis.patching.activation import Direction, patch_sweep
from prisma_engine.analysis.patching.gradients import attribution_patching
from prisma_engine.analysis.patching.minimal import minimal_flip
from prisma_engine.load import load
from prisma_engine.studies import command
from prisma_engine.studies.command import rounded, table
from prisma_engine.studies.mean_patterns import head_of
from prisma_engine.studies.patching_pairs import Pair, photo_pairs, scene_pairs
from prisma_engine.vit import HookedViT

Z, BY = "blocks.*.attn.hook_z", ("layer", "head")
DIRECTIONS: tuple[Direction, ...] = ("noise", "denoise")
PLACES = ("cls", "all")
N_SHOWN = 5
N_READ = 3
"""Of a flip's heads, so many are asked what they read, the strongest alone first."""


@dataclass(frozen=True)
class Run:
    """What a model answers: the metric, and the likeliest classes with logit and probability."""

    metric: float
    top: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True)
class HeadTable:
    """The metric with each head patched at CLS.

    Attributes:
        metric: by layer and head.
        estimate_r: Pearson correlation with the estimate of attribution patching.
        n_passes: what the exact numbers cost, in forward passes.
    """

    direction: str
    metric: tuple[tuple[float, ...], ...]
    estimate_r: float
    n_passes: float


@dataclass(frozen=True)
class Flip:
    """The smallest set of heads that was found; see `prisma_engine.MinimalFlip`.

    Attributes:
        wanted: "prediction", the source's likeliest class; or "sign", that of the metric.
        token: "cls", or "all" tokens of a head at once.
        patched: what the model answers with them.
    """

    direction: str
    wanted: str
    token: str
    flips: bool
    heads: tuple[str, ...]
    alone: tuple[float, ...]
    margin: float
    is_smallest: bool
    method: str
    n_flipping: int | None
    n_numbers: int
    n_tried: int
    n_passes: float
    patched: Run


@dataclass(frozen=True)
class Direct:
    """Direct logit attribution of one class on the clean picture.

    Attributes:
        error: what the sum leaves unexplained.
        sublayers: by name; heads: by layer and head.
    """

    answer: str
    total: float
    error: float
    sublayers: Mapping[str, float]
    heads: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Reading:
    """What a head writes towards a class by each token that it reads, in logits.

    Attributes:
        picture: "clean" or "corrupt".
        prefix: from prefix tokens together.
        patches: from each patch.
    """

    head: str
    answer: str
    picture: str
    prefix: float
    patches: tuple[float, ...]


@dataclass(frozen=True)
class PairFindings:
    """Everything about one pair; the metric is logit(first answer) − logit(second)."""

    name: str
    preparation: str
    answers: tuple[str, str]
    hidden: tuple[int, ...]
    clean: Run
    corrupt: Run
    tables: tuple[HeadTable, ...]
    flips: tuple[Flip, ...]
    direct: tuple[Direct, ...]
    readings: tuple[Reading, ...]


@dataclass(frozen=True)
class PairStudy:
    """Findings on every pair."""

    model: str
    grid: tuple[int, int]
    pairs: tuple[PairFindings, ...]


def study(model: HookedViT, pairs: Iterable[Pair]) -> PairStudy:
    """Patch every pair."""
    return PairStudy(model.name, model.grid, tuple(findings(model, pair) for pair in pairs))


@torch.no_grad()
def findings(model: HookedViT, pair: Pair) -> PairFindings:
    """Everything about one pair."""
    flips = tuple(flips_of(model, pair))
    heads = dict.fromkeys(head for flip in flips if flip.token == "cls" and flip.flips for head in strongest(flip))
    return PairFindings(
        pair.name,
        pair.preparation,
        pair.answers,
        pair.hidden,
        run(model, pair, model(pair.clean)[0]),
        run(model, pair, model(pair.corrupt)[0]),
        tuple(head_table(model, pair, direction) for direction in DIRECTIONS),
        flips,
        tuple(direct(model, pair.clean, answer) for answer in pair.answers),
        tuple(readings(model, pair, heads)),
    )


def run(model: HookedViT, pair: Pair, logits: Float[Tensor, " class"]) -> Run:
    """What a model answers."""
    top, p = logits.topk(min(N_SHOWN, len(logits))), logits.softmax(-1)
    names = model.vocabulary.names if model.vocabulary else tuple(map(str, range(len(logits))))
    found = ((names[i], round(v, 3), round(float(p[i]), 4)) for v, i in zip(*map(Tensor.tolist, top), strict=True))
    return Run(round(float(_metric(pair).bind(model)(logits[None])), 4), tuple(found))


def head_table(model: HookedViT, pair: Pair, direction: Direction) -> HeadTable:
    """The metric with each head patched at CLS."""
    clean, corrupt, metric = pair.clean, pair.corrupt, _metric(pair)
    exact = patch_sweep(model, clean, corrupt, Z, BY, metric=metric, token="cls", direction=direction)
    estimate = attribution_patching(model, clean, corrupt, Z, BY, metric=metric, token="cls", direction=direction)
    r = estimate.correlation(exact)
    return HeadTable(direction, rounded(exact.metric, 3), round(r, 4), round(exact.n_passes, 1))


def flips_of(model: HookedViT, pair: Pair) -> Iterator[Flip]:
    """The smallest sets, wherever there is something to flip."""
    logits = torch.cat([model(pair.clean), model(pair.corrupt)])
    values = _metric(pair).bind(model)(logits)
    differ = {"prediction": logits[0].argmax() != logits[1].argmax(), "sign": bool(values[0] * values[1] < 0)}
    for direction in DIRECTIONS:
        for wanted in (wanted for wanted, there in differ.items() if there):
            for token in PLACES:
                yield flip(model, pair, direction, wanted, token)


def flip(model: HookedViT, pair: Pair, direction: Direction, wanted: str, token: str) -> Flip:
    """The smallest set of heads that makes the target answer as the source."""
    metric = _metric(pair) if wanted == "sign" else None
    found = minimal_flip(model, pair.clean, pair.corrupt, Z, BY, metric=metric, token=token, direction=direction)
    return Flip(
        direction,
        wanted,
        token,
        found.flips,
        found.labels,
        rounded(found.alone, 3),
        round(found.margin, 3),
        found.is_smallest,
        found.method,
        found.n_flipping,
        found.n_numbers,
        found.n_tried,
        round(found.n_passes, 1),
        run(model, pair, found.logits),
    )


def strongest(flip: Flip) -> list[str]:
    """A flip's heads that do most alone."""
    order = sorted(range(len(flip.heads)), key=lambda i: -flip.alone[i])
    return [flip.heads[i] for i in order[:N_READ]]


def direct(model: HookedViT, x: Tensor, answer: str) -> Direct:
    """Direct logit attribution of one class."""
    found = direct_logit_attribution(model, x, logit(answer))
    values, names = found.by_sublayer()
    return Direct(
        answer,
        round(float(found.metric), 4),
        float(f"{float(found.residual_error):.2g}"),
        {name: round(float(value), 3) for name, value in zip(names, values[:, 0], strict=True)},
        rounded(found.by_head()[..., 0], 3),
    )


def readings(model: HookedViT, pair: Pair, heads: Iterable[str]) -> Iterator[Reading]:
    """What heads write towards both answers on both pictures, by the patch that it comes from."""
    n = model.n_prefix
    for label in heads:
        layer, head = head_of(label)
        for picture, x in (("clean", pair.clean), ("corrupt", pair.corrupt)):
            for answer in pair.answers:
                of = source_attribution(model, x, logit(answer), layer)[0, head]
                yield Reading(label, answer, picture, round(float(of[:n].sum()), 3), rounded(of[n:], 3))


def report(result: PairStudy) -> str:
    """The numbers in tables."""
    return "\n\n".join(_said(result.model, pair) for pair in result.pairs)


def _said(model: str, pair: PairFindings) -> str:
    a, b = pair.answers
    lines = [f"{model}, {pair.name}, prepared as: {pair.preparation}; {a} − {b}"]
    for name, answer in (("clean", pair.clean), ("corrupt", pair.corrupt)):
        lines.append(f"{name} {answer.metric:+.3f}: {_top(answer)}")
    for one in pair.tables:
        lines.append(f"\n{one.direction}, {one.n_passes:.1f} passes, estimate r = {one.estimate_r:.3f}")
        rows = [(f"L{i}", *(f"{value:.3f}" for value in row)) for i, row in enumerate(one.metric)]
        lines.append(table(("", *(f"H{head}" for head in range(len(rows[0]) - 1))), rows))
    rows = [
        (f"{one.direction} {one.wanted} {one.token}", _set(one), str(one.n_numbers), f"{one.margin:.3f}", one.method)
        for one in pair.flips
    ]
    lines.append("\n" + table(("fewest heads that flip", "heads", "numbers", "margin", "search"), rows))
    for one in pair.direct:
        largest = sorted(one.sublayers.items(), key=lambda item: -abs(item[1]))[:N_SHOWN]
        lines.append(f"\n{one.answer} {one.total:.3f} (sum's error {one.error:.1g}): {_signed(largest)}")
    for one in pair.readings:
        hidden = sum(one.patches[patch] for patch in pair.hidden)
        total = sum(one.patches) + one.prefix
        lines.append(f"{one.head} → {one.answer}, {one.picture}: {total:+.3f}, of it {hidden:+.3f} from what is hidden")
    return "\n".join(lines)


def _set(flip: Flip) -> str:
    return " ".join(flip.heads) if flip.flips else "none"


def _top(answer: Run) -> str:
    return ", ".join(f"{name} {p:.1%}" for name, _, p in answer.top)


def _signed(parts: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {value:+.3f}" for name, value in parts)


def _metric(pair: Pair) -> Metric:
    return logit_diff(*pair.answers)


def _measure(given: Namespace) -> PairStudy:
    if (given.clean is None) != (given.corrupt is None):
        raise ValueError("a photo comes with its corrupt versions: give both --clean and --corrupt, or neither")
    model = load(given.model)
    pairs = scene_pairs(model)
    if given.clean is not None:
        pairs = photo_pairs(model, given.clean, given.corrupt, (given.answers[0], given.answers[1]))
    return study(model, pairs)


def main() -> None:
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("model", help="an embedded model, a path or a Hub id")
    parser.add_argument("--clean", type=Path, help="a photo; emoji scenes unless said")
    parser.add_argument("--corrupt", type=Path, nargs="+", help="the same photo with something hidden")
    parser.add_argument("--answers", nargs=2, default=["Border collie", "tabby"], help="two classes of a photo")
    parser.add_argument("--out", type=Path, help="a file for the numbers")
    command.carry_out(parser, _measure, report)


if __name__ == "__main__":
    main()
