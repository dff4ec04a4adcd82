"""What are the four corners to a model? `python -m prisma_engine.studies.corner_tokens emoji-vit`.

How long the residual stream is at the corners and elsewhere, layer by layer; how alike a corner's stream is on
different pictures; how much attention the corners get, as a weight and weighted with the length of their values, and
when their pixels are exchanged with those of four patches further in; and what happens to the answer when the corners,
or those four, are hidden as keys, or when their stream is frozen to its mean over the pictures.
"""

from __future__ import annotations

import math
from argparse import Namespace
from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.analysis.attention import AttentionMaps, attention_maps, layout_of
from prisma_engine.analysis.layout import Layout
from prisma_engine.cache import hook_name
from prisma_engine.edits import replace
from prisma_engine.studies import command
from prisma_engine.studies.answers import Outcome, Plan, exchanged, outcomes
from prisma_engine.studies.command import rounded, table
from prisma_engine.studies.samples import Sample
from prisma_engine.vit import HookedViT

ByLayer = tuple[float, ...]
ByHead = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class CornerStudy:
    """The corners beside all other patches; numbers are means over pictures.

    Attributes:
        model, source, n_images: what was measured on what.
        grid: rows and columns of patches.
        inner: (row, column) from 0 of the four patches further in, that the corners are compared with.
        norm_map: of each layer, the length of the residual stream as it leaves, patch by patch in raster order.
        corner_norm, other_norm: the same for corners and for all other patches.
        corner_likeness: mean cosine of the streams at one corner on two different pictures, mean over the four.
        inner_likeness: the same at the inner four.
        mass: of each layer and head, the share of other patches' attention that the corners get.
        weighted_mass: the same of value-weighted attention, each row made to sum to 1.
        cls_mass: the share of CLS's attention; None without CLS.
        value_ratio: length of the corners' v·W_O over that of other patches.
        exchanged_mass: as `mass`, with the corners' pixels and the inner four's in each other's place.
        from_layer: first layer of the interventions.
        answers: under these. "hidden" keys get no attention from `from_layer` on; "frozen" patches have the stream
            that enters that layer replaced with its mean over the pictures.
    """

    model: str
    source: str
    n_images: int
    grid: tuple[int, int]
    inner: tuple[tuple[int, int], ...]
    norm_map: ByHead
    corner_norm: ByLayer
    other_norm: ByLayer
    corner_likeness: ByLayer
    inner_likeness: ByLayer
    mass: ByHead
    weighted_mass: ByHead
    cls_mass: ByHead
    value_ratio: ByHead
    exchanged_mass: ByHead
    from_layer: int
    answers: tuple[Outcome, ...]


def study(model: HookedViT, samples: Iterable[Sample], source: str, from_layer: int | None = None) -> CornerStudy:
    """Measure the corners of every picture, then intervene; `samples` are gone through twice.

    Args:
        source: what the pictures are, for people.
        from_layer: first layer of the interventions; by default the one after the corners' stream grows most, beside
            the others'.

    Raises:
        ValueError: if there is no such layer, no classifier, no picture, or the grid has no inner patches.
    """
    corners, inner = corner_patches(layout_of(model)), inner_patches(layout_of(model))
    sums = Sums(model, corners, inner)
    for sample in samples:
        sums.add(sample)
    if not sums.n:
        raise ValueError("a study needs at least one picture that can be opened, got none")
    norm = sums.norms
    others = [i for i in range(norm.shape[1]) if i not in corners]
    corner_norm, other_norm = norm[:, corners].mean(1), norm[:, others].mean(1)
    first = steepest(corner_norm / other_norm) + 1 if from_layer is None else from_layer
    if not 0 < first < model.config.n_layers:
        raise ValueError(f"the interventions start in a layer from 1 to {model.config.n_layers - 1}, got {first}")
    _, answers = outcomes(model, samples, plans(model, sums, first))
    place = layout_of(model).places[inner, 1:].tolist()
    return CornerStudy(
        model=model.name,
        source=source,
        n_images=sums.n,
        grid=model.grid,
        inner=tuple((row, column) for row, column in place),
        norm_map=rounded(norm, 2),
        corner_norm=rounded(corner_norm, 2),
        other_norm=rounded(other_norm, 2),
        corner_likeness=rounded(sums.likeness(corners)),
        inner_likeness=rounded(sums.likeness(inner)),
        **{name: rounded(total / sums.n) for name, total in sums.by_head.items()},
        from_layer=first,
        answers=answers,
    )


def corner_patches(layout: Layout) -> list[int]:
    """The patches in the corners, in raster order."""
    return layout.in_corner.nonzero().flatten().tolist()


def inner_patches(layout: Layout) -> list[int]:
    """Four patches a third of the way in from the corners, in raster order.

    Raises:
        ValueError: if the grid is too small for that.
    """
    rows, columns = layout.grid
    if min(rows, columns) < 4:
        raise ValueError(f"a grid of {rows}×{columns} patches has no four patches inside to compare its corners with")
    at = [(r, c) for r in (rows // 3, rows - 1 - rows // 3) for c in (columns // 3, columns - 1 - columns // 3)]
    return [row * columns + column for row, column in at]


def steepest(ratio: Float[Tensor, " layer"]) -> int:
    """The layer whose output has grown by the largest factor since the layer before; the last layer does not count."""
    return 1 + int((ratio[1:-1] / ratio[:-2]).argmax()) if len(ratio) > 2 else 0


def plans(model: HookedViT, sums: Sums, first: int) -> dict[str, Plan]:
    """The interventions by name."""
    enters = hook_name("resid_post", first - 1)
    made: dict[str, Plan] = {"as it is": {}}
    for name, patches in (("corners", sums.corners), ("inner four", sums.inner)):
        tokens = [model.n_prefix + patch for patch in patches]
        hide = replace(-math.inf, key=tokens)
        made[f"{name} hidden"] = {hook_name("attn_scores", i): hide for i in range(first, model.config.n_layers)}
        made[f"{name} frozen"] = {enters: replace((sums.stream[first - 1, patches] / sums.n).float(), token=tokens)}
    return made


@dataclass
class Sums:
    """Running sums over pictures of what a `CornerStudy` says.

    Attributes:
        stream: the residual stream at patches, as it leaves each layer [layer patch d_model].
        by_head: sums [layer head], by the name of the study's field.
    """

    model: HookedViT
    corners: list[int]
    inner: list[int]
    n: int = 0
    length: Tensor | float = 0.0
    direction: Tensor | float = 0.0
    stream: Tensor = field(default_factory=lambda: torch.zeros(()))
    by_head: dict[str, Tensor] = field(default_factory=dict)

    @torch.no_grad()
    def add(self, sample: Sample) -> None:
        """Count one picture."""
        names = [hook_name("resid_post", i) for i in range(self.model.config.n_layers)]
        _, cache = self.model.run_with_cache(sample.x, names=names)
        stream = torch.stack([cache[name][0, self.model.patch_slice] for name in names]).double()
        norm = stream.norm(dim=-1, keepdim=True)
        self.n += 1
        self.length, self.stream = self.length + norm[..., 0], self.stream + stream
        self.direction = self.direction + stream / norm
        plain = masses(attention_maps(self.model, sample.x), self.corners)
        swapped = attention_maps(self.model, exchanged(sample.x, self.model, self.corners, self.inner))
        plain["exchanged_mass"] = masses(swapped, self.corners)["mass"]
        for name, value in plain.items():
            self.by_head[name] = self.by_head.get(name, torch.zeros_like(value)) + value

    @property
    def norms(self) -> Float[Tensor, "layer patch"]:
        return torch.as_tensor(self.length) / self.n

    def likeness(self, patches: list[int]) -> Float[Tensor, " layer"]:
        """Mean cosine between two different pictures of the stream at one place, mean over places; NaN for one."""
        squared = torch.as_tensor(self.direction)[:, patches].square().sum(-1)
        pairs = self.n * (self.n - 1)
        return ((squared - self.n) / pairs).mean(1) if pairs else torch.full(squared.shape[:1], math.nan)


def masses(maps: AttentionMaps, patches: list[int]) -> dict[str, Float[Tensor, "layer head"]]:
    """Attention on some patches: that of the others, plain and value-weighted, and CLS's; and their values' length."""
    layout, chosen = maps.layout, torch.zeros(maps.n_tokens, dtype=torch.bool)
    chosen[[maps.n_prefix + patch for patch in patches]] = True
    others = ~chosen
    others[: maps.n_prefix] = False
    found: dict[str, list[Tensor]] = {"mass": [], "weighted_mass": [], "cls_mass": [], "value_ratio": []}
    for layer in range(maps.n_layers):
        pattern, weighted, length = maps.pattern(layer), maps.value_weighted(layer), maps.value_norm[layer]
        found["mass"].append(pattern[:, others][..., chosen].sum(-1).mean(-1))
        found["weighted_mass"].append((weighted[..., chosen].sum(-1) / weighted.sum(-1))[:, others].mean(-1))
        of_cls = pattern[:, layout.cls, chosen].sum(-1) if layout.cls is not None else length.new_full((), math.nan)
        found["cls_mass"].append(of_cls.expand(maps.n_heads))
        found["value_ratio"].append(length[:, chosen].mean(-1) / length[:, others].mean(-1))
    return {name: torch.stack(values) for name, values in found.items()}


def report(result: CornerStudy) -> str:
    """The numbers in tables; by head as one number a head."""
    norms = zip(result.corner_norm, result.other_norm, result.corner_likeness, result.inner_likeness, strict=True)
    by_head = (result.mass, result.weighted_mass, result.cls_mass, result.value_ratio, result.exchanged_mass)
    of_layers = ([" ".join(map(_say, layer)) for layer in one] for one in by_head)
    rows = [
        (str(i), f"{a:.1f}", f"{b:.1f}", *map(_say, like), *cells)
        for i, ((a, b, *like), cells) in enumerate(zip(norms, zip(*of_layers, strict=True), strict=True))
    ]
    lengths = ("layer", "corner norm", "other norm", "corner likeness", "inner likeness")
    answers = [(o.plan, _say(o.accuracy, 3), _say(o.same, 3)) for o in result.answers]
    attention = ("mass by head", "value-weighted", "of CLS", "value length", "pixels exchanged")
    return "\n".join([
        f"{result.model}, {result.n_images:,} {result.source}: the four corners; the inner four: {result.inner}",
        table((*lengths, *attention), rows),
        "\n" + table((f"from layer {result.from_layer} on", "accuracy", "same answer"), answers),
    ])  # fmt: skip


def _say(number: float | None, digits: int = 2) -> str:
    return "–" if number is None else f"{number:.{digits}f}"


def _measure(given: Namespace) -> CornerStudy:
    samples = command.samples(given)
    return study(samples.model, samples, samples.title, given.from_layer)


def main() -> None:
    parser = command.arguments(__doc__, labels=True)
    parser.add_argument("--from-layer", type=int, help="of the interventions; by default where the corners have grown")
    command.carry_out(parser, _measure, report)


if __name__ == "__main__":
    main()
