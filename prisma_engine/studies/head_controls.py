"""How many heads have a name by accident? `python -m prisma_engine.studies.head_controls emoji-vit --n 100`.

The rule of `prisma_engine.name_heads` applied to networks that have learned nothing (every weight tensor's entries
shuffled; weights as training starts), and to the trained one with its patches' position vectors dealt anew: what is
left then is not about places.
"""

from __future__ import annotations

import copy
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import torch

from prisma_engine.analysis.heads.evidence import Evidence
from prisma_engine.analysis.heads.gathering import N_SHUFFLES, gather
from prisma_engine.images import ImageSource
from prisma_engine.load import load
from prisma_engine.sources import pictures
from prisma_engine.studies import command
from prisma_engine.studies.command import table
from prisma_engine.studies.samples import Samples
from prisma_engine.toy.initial import initialise
from prisma_engine.vit import HookedViT


@dataclass(frozen=True)
class Control:
    """What was found in networks of one kind.

    Attributes:
        kind: one of `KINDS`.
        n_heads: how many heads, over all seeds.
        named: how many names they got, by type; types without any are left out.
        largest: the greatest strength of any head, by type.
    """

    kind: str
    n_heads: int
    named: Mapping[str, int]
    largest: Mapping[str, float]


@dataclass(frozen=True)
class ControlStudy:
    """Every kind of control on the same pictures.

    Attributes:
        model, source, n_images, n_seeds: what was measured on what.
    """

    model: str
    source: str
    n_images: int
    n_seeds: int
    controls: tuple[Control, ...]


def shuffled_weights(model: HookedViT, seed: int) -> HookedViT:
    """A copy in which the entries of every parameter tensor have changed places within it."""
    generator, other = torch.Generator().manual_seed(seed), copy.deepcopy(model)
    with torch.no_grad():
        for p in other.parameters():
            p.copy_(p.flatten()[torch.randperm(p.numel(), generator=generator)].view_as(p))
    return other


def initialised(model: HookedViT, seed: int) -> HookedViT:
    """A copy as training would start it; its positions start as sines of row and column."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        other = HookedViT(model.config)
        initialise(other)
    other.name, other.preprocess, other.vocabulary = model.name, model.preprocess, model.vocabulary
    return other.eval().requires_grad_(False)


def shuffled_positions(model: HookedViT, seed: int) -> HookedViT:
    """A copy in which the patches' position vectors have been dealt to other patches."""
    generator, other = torch.Generator().manual_seed(seed), copy.deepcopy(model)
    positions = other.embed.pos_embed.data[:, model.patch_slice]
    positions.copy_(positions[:, torch.randperm(positions.shape[1], generator=generator)].clone())
    return other


KINDS: dict[str, Callable[[HookedViT, int], HookedViT]] = {
    "weights shuffled": shuffled_weights,
    "as training starts": initialised,
    "positions shuffled": shuffled_positions,
}


def study(
    model: HookedViT,
    images: Callable[[], Iterable[tuple[str, ImageSource]]],
    source: str,
    n_seeds: int = 3,
    n_shuffles: int = N_SHUFFLES,
) -> ControlStudy:
    """Name the heads of every control.

    Args:
        images: gives the same pictures each time it is called.
        source: what they are, for people.
        n_seeds: networks of each kind.
        n_shuffles: rearrangements behind the p-values.

    Raises:
        ValueError: if there are fewer than two pictures, or the model takes videos.
    """
    if model.config.is_video:
        raise ValueError(f"{model.name} takes videos, and these controls are of models of still pictures")
    controls, n_images = [], 0
    for kind, make in KINDS.items():
        found = [gather(make(model, seed), images(), n_shuffles=n_shuffles) for seed in range(n_seeds)]
        controls.append(control(kind, found))
        n_images = found[0].n_images
    return ControlStudy(model.name, source, n_images, n_seeds, tuple(controls))


def control(kind: str, found: list[Evidence]) -> Control:
    """Evidence on several networks as one line."""
    named = Counter(head.type for evidence in found for head in evidence.found)
    largest = {type.id: max(_largest(e, type.id) for e in found) for type in found[0].types}
    return Control(kind, sum(e.layers * e.heads for e in found), dict(named), largest)


def _largest(evidence: Evidence, id: str) -> float:
    (type,) = [type for type in evidence.types if type.id == id]
    return round(max(value for row in type.strength for value in row if value is not None), 4)


def report(result: ControlStudy) -> str:
    """The numbers in tables."""
    types = list(result.controls[0].largest)
    named = [
        (c.kind, str(c.n_heads), ", ".join(f"{n} {type}" for type, n in c.named.items()) or "none")
        for c in result.controls
    ]
    largest = [(c.kind, *(f"{c.largest[type]:.3f}" for type in types)) for c in result.controls]
    return "\n".join([
        f"{result.model}, {result.n_images} {result.source}, {result.n_seeds} networks of each kind",
        table(("network", "heads", "names"), named),
        "\nlargest strength of any head",
        table(("network", *types), largest),
    ])  # fmt: skip


def _measure(given: Namespace) -> ControlStudy:
    model = load(given.model)
    title = Samples(model, given.images).title
    stream = lambda: pictures(given.images, given.n, given.column, given.split)  # noqa: E731
    return study(model, stream, title, given.seeds, given.shuffles)


def main() -> None:
    parser = command.arguments(__doc__, n=100)
    parser.add_argument("--seeds", type=int, default=3, help="networks of each kind")
    parser.add_argument("--shuffles", type=int, default=N_SHUFFLES, help="rearrangements behind the p-values")
    command.carry_out(parser, _measure, report)


if __name__ == "__main__":
    main()
