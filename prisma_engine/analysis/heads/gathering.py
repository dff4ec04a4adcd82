"""Gather evidence on heads over many images: `Gathering` accumulates, `finish` says what was found.

Images are streamed: what is kept are running sums, and one number for each image, type and head.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.analysis.attention import AttentionMaps, attention_maps, layout_of
from prisma_engine.analysis.heads.evidence import ByHead, Evidence, Example, FoundHead, TypeEvidence
from prisma_engine.analysis.heads.metrics import head_metrics
from prisma_engine.analysis.heads.trackers import Result, Tracker, trackers
from prisma_engine.analysis.heads.types import RULE, types_of
from prisma_engine.analysis.layout import Layout
from prisma_engine.images import ImageRefused, ImageSource
from prisma_engine.vit import HookedViT

N_SHUFFLES = 199


class Gathering:
    """Accumulates evidence on the heads of one model, image by image.

    Args:
        layout: of the model's tokens.
        n_layers, n_heads: of the model.
        n_shuffles: rearrangements drawn for the p-values, which are never less than 1 / (n_shuffles + 1).
        seed: of the rearrangements.
    """

    def __init__(
        self, layout: Layout, n_layers: int, n_heads: int, n_shuffles: int = N_SHUFFLES, seed: int = 0
    ) -> None:
        self.layout, self.n_shuffles, self.seed = layout, n_shuffles, seed
        self.types = types_of(layout)
        generator = torch.Generator().manual_seed(seed)
        self.trackers = trackers(self.types, layout, n_layers, n_shuffles, generator)
        self.references: list[str] = []
        self.total: Float[Tensor, "layer head query key"] = torch.zeros(
            n_layers, n_heads, layout.n_tokens, layout.n_tokens
        )
        self.metrics: dict[str, MeanOfKnown] = {}

    def __len__(self) -> int:
        return len(self.references)

    @property
    def mean_pattern(self) -> Float[Tensor, "layer head query key"]:
        """Over the images so far."""
        return self.total / len(self)

    def add(self, reference: str, maps: AttentionMaps) -> None:
        """Count one image, which `reference` names.

        Raises:
            ValueError: if the maps are of another model's layout.
        """
        if maps.layout != self.layout or (maps.n_layers, maps.n_heads) != self.total.shape[:2]:
            raise ValueError("evidence is gathered on one model at a time; these maps are of one of another shape")
        measured = [self._add_layer(maps, layer) for layer in range(maps.n_layers)]
        for id in measured[0]:
            self.metrics.setdefault(id, MeanOfKnown()).add(torch.stack([layer[id] for layer in measured]))
        self.references.append(reference)

    def _add_layer(self, maps: AttentionMaps, layer: int) -> dict[str, Tensor]:
        pattern = maps.pattern(layer).cpu()
        self.total[layer] += pattern
        for tracker in self.trackers:
            tracker.add(layer, pattern)
        return head_metrics(pattern, self.layout, maps.scores(layer).cpu())

    def finish(self, model: str, source: str, n_refused: int = 0) -> Evidence:
        """What the images so far say; `model` and `source` are as in `gather`.

        Raises:
            ValueError: if there were fewer than two images.
        """
        if len(self) < 2:
            refused = f", and {n_refused} that cannot be opened" if n_refused else ""
            raise ValueError(f"evidence needs at least 2 images, got {len(self)}{refused}")
        mean = self.mean_pattern
        generator = torch.Generator().manual_seed(self.seed + 1)
        results = [
            (tracker, result)
            for tracker in self.trackers
            for result in tracker.results(mean, self.n_shuffles, generator)
        ]
        results.sort(key=lambda pair: self.types.index(pair[1].type))
        found = [head for _, result in results for head in self._found(result)]
        return Evidence(
            model=model,
            source=f"{len(self):,} {source}",
            n_images=len(self),
            n_refused=n_refused,
            layers=mean.shape[0],
            heads=mean.shape[1],
            rule=RULE,
            n_shuffles=self.n_shuffles,
            types=tuple(_evidence(tracker, result, mean) for tracker, result in results),
            found=tuple(sorted(found, key=lambda head: -head.strength)),
            metrics={id: _by_head(metric.mean) for id, metric in self.metrics.items()},
        )

    def _found(self, result: Result) -> list[FoundHead]:
        first, second = result.halves
        return [
            FoundHead(
                type=result.type.id,
                layer=layer,
                head=head,
                strength=result.strength[layer, head].item(),
                halves=(first[layer, head].item(), second[layer, head].item()),
                examples=self._examples(result.images[:, layer, head]),
            )
            for layer, head in result.found.nonzero().tolist()
        ]

    def _examples(self, scores: Float[Tensor, " image"]) -> dict[str, Example]:
        """The strongest, the median and the weakest image."""
        order = scores.argsort(descending=True, stable=True).tolist()
        chosen = {"strongest": order[0], "median": order[len(order) // 2], "weakest": order[-1]}
        return {name: Example(self.references[i], scores[i].item()) for name, i in chosen.items()}


class MeanOfKnown:
    """Mean over images of a number for each head, those that are not defined (NaN) left out."""

    def __init__(self) -> None:
        self.sum: Tensor | float = 0.0
        self.count: Tensor | float = 0.0

    def add(self, values: Float[Tensor, "layer head"]) -> None:
        known = values.isfinite()
        self.sum = self.sum + values.double().where(known, 0)
        self.count = self.count + known.double()

    @property
    def mean(self) -> Float[Tensor, "layer head"]:
        return torch.as_tensor(self.sum) / torch.as_tensor(self.count)


def gather(
    model: HookedViT,
    images: Iterable[tuple[str, ImageSource]],
    source: str = "images",
    progress: Callable[[int], None] = lambda done: None,
    stop: Callable[[], bool] = lambda: False,
    n_shuffles: int = N_SHUFFLES,
    seed: int = 0,
) -> Evidence:
    """Run `model` on every image and say which of its heads are of which type.

    Args:
        images: (reference, picture) pairs; the reference names the picture among the examples. A picture that
            cannot be opened is counted and left out. For a video model each is a list of frames.
        source: what the images are, for people, such as "emoji scenes"; their number is put in front.
        progress: called after each image with the number done.
        stop: asked before each image; once it says yes, the images so far are what there is.

    Raises:
        ValueError: if fewer than two images could be opened, or the model does not say how it wants them.
    """
    if model.preprocess is None:
        raise ValueError(f"{model.name} does not say how it wants its images; set its `preprocess`")
    config = model.config
    gathering, n_refused = Gathering(layout_of(model), config.n_layers, config.n_heads, n_shuffles, seed), 0
    for reference, image in images:
        if stop():
            break
        try:
            x = model.preprocess(image)
        except ImageRefused:
            n_refused += 1
            continue
        gathering.add(reference, attention_maps(model, x[None] if config.is_video else x))
        progress(len(gathering))
    return gathering.finish(model.name, source, n_refused)


def _evidence(tracker: Tracker, result: Result, mean: Float[Tensor, "layer head query key"]) -> TypeEvidence:
    type, (n_layers, n_heads) = result.type, result.score.shape
    detail = tuple(
        tuple(tracker.detail(type, mean, layer, head) if result.found[layer, head] else None for head in range(n_heads))
        for layer in range(n_layers)
    )
    return TypeEvidence(
        id=type.id,
        title=type.title,
        meaning=type.meaning,
        formula=type.formula,
        score=_by_head(result.score),
        chance=_by_head(result.chance),
        strength=_by_head(result.strength),
        p=_by_head(result.p),
        detail=detail,
        agreement=_correlation(*result.halves),
    )


def _by_head(values: Float[Tensor, "layer head"]) -> ByHead:
    return tuple(tuple(None if value != value else value for value in layer) for layer in values.tolist())


def _correlation(a: Tensor, b: Tensor) -> float | None:
    """Pearson's, over heads; None where either does not vary."""
    r = torch.corrcoef(torch.stack([a.flatten(), b.flatten()]))[0, 1] if a.numel() > 1 else a.new_tensor(float("nan"))
    return None if r.isnan() else r.item()
