"""Is it general? The same rack on many images, with intervals, the least effects first, and a random control."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Literal

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from prisma_engine.analysis.metrics import ClassName, class_index
from prisma_engine.images import ImageRefused, ImageSource, open_image
from prisma_engine.sae.features.controls import random_change, with_change
from prisma_engine.sae.features.outcome import Outcome, outcome
from prisma_engine.sae.features.rack import Rack
from prisma_engine.sae.features.start import Start
from prisma_engine.sae.features.steer import placed
from prisma_engine.sae.model import SAE
from prisma_engine.vit import HookedViT

BATCH = 16
MAX_FAILURES = 12
MAX_SKIPPED = 20  # images left out for each one that is wanted, before this gives up


@dataclass(frozen=True)
class Failure:
    """An image on which a rack did little, or the contrary.

    Attributes:
        reference: as its source calls it.
        picture: what the model saw.
        change: of the watched class' logit.
        before, after: the likeliest class.
    """

    reference: str
    picture: Image.Image
    change: float
    before: int
    after: int


@dataclass(frozen=True)
class Generality:
    """A rack on the images so far.

    Attributes:
        effect: what it did, image by image.
        control: what random latents did with changes of the same length, drawn anew for each image.
        n_skipped: images left out because the model's answer was not the one asked for.
        n_refused: images that could not be opened.
        extremes: the images with the lowest and the highest changes.
    """

    state: Literal["running", "done", "stopped"]
    total: int
    effect: Outcome = field(default_factory=Outcome)
    control: Outcome = field(default_factory=Outcome)
    n_skipped: int = 0
    n_refused: int = 0
    extremes: tuple[Failure, ...] = ()

    @property
    def done(self) -> int:
        """Images measured."""
        return len(self.effect)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The images whose change is furthest from the mean's direction, furthest first."""
        ranked = sorted(self.extremes, key=lambda each: each.change, reverse=self.effect.mean.value < 0)
        return tuple(ranked[:MAX_FAILURES])


def generality_steps(
    sae: SAE,
    model: HookedViT,
    rack: Rack,
    typical: Float[Tensor, " latent"],
    watched: ClassName,
    images: Iterable[tuple[str, ImageSource]],
    n: int,
    stop: Callable[[], bool] = lambda: False,
    seed: int = 0,
    answered: ClassName | None = None,
) -> Iterator[Generality]:
    """Apply a rack to one batch of images after the other, and random latents beside it.

    Changes are counted from the model's own answer, or where the error is not kept, from that with the reconstruction.

    Args:
        watched: the class whose logit is followed.
        images: (reference, picture) pairs, as `prisma_engine.sources.pictures` gives them.
        n: images to measure, at most.
        stop: asked before each batch.
        answered: leave out images that the model does not answer with this class.

    Raises:
        ValueError: for an empty rack, or what `placed` refuses.
    """
    if not rack.dials:
        raise ValueError("there is nothing to try yet: put a latent into the rack")
    found, stream = Generality("running", n), iter(images)
    index = class_index(model, watched)
    only = None if answered is None else class_index(model, answered)
    generator = torch.Generator().manual_seed(seed)
    yield found
    while found.done < n and found.n_skipped < MAX_SKIPPED * n and not stop():
        batch = list(islice(stream, min(BATCH, n - found.done)))
        if not batch:
            break
        seen = _opened(model, batch)
        found = replace(found, n_refused=found.n_refused + len(batch) - len(seen))
        if seen:
            found = _with_batch(found, sae, model, rack, typical, index, only, seen, generator)
        yield found
    yield replace(found, state="stopped" if stop() else "done")


def generality(
    sae: SAE,
    model: HookedViT,
    rack: Rack,
    typical: Float[Tensor, " latent"],
    watched: ClassName,
    images: Iterable[tuple[str, ImageSource]],
    n: int,
    progress: Callable[[int], None] = lambda done: None,
    seed: int = 0,
    answered: ClassName | None = None,
) -> Generality:
    """`generality_steps` to its end; `progress` is told how many images are done."""
    found = Generality("running", n)
    for found in generality_steps(sae, model, rack, typical, watched, images, n, seed=seed, answered=answered):
        progress(found.done)
    return found


def _opened(model: HookedViT, batch: list[tuple[str, ImageSource]]) -> list[tuple[str, Image.Image]]:
    seen = []
    for reference, picture in batch:
        try:
            seen.append((reference, model.preprocess.pixels(open_image(picture))))
        except ImageRefused:
            continue
    return seen


@torch.no_grad()
def _with_batch(
    found: Generality,
    sae: SAE,
    model: HookedViT,
    rack: Rack,
    typical: Tensor,
    watched: int,
    only: int | None,
    seen: list[tuple[str, Image.Image]],
    generator: torch.Generator,
) -> Generality:
    x = torch.stack([model.preprocess.normalize(picture) for _, picture in seen])
    if only is not None:
        used = (model(x).argmax(-1) == only).nonzero().squeeze(1).tolist()
        found = replace(found, n_skipped=found.n_skipped + len(seen) - len(used))
        seen, x = [seen[i] for i in used], x[used]
    if not seen:
        return found
    start = Start(sae, model, x)
    put = placed(start, rack, typical)
    every = list(range(len(x)))
    random = with_change(put, random_change(sae, rack, typical, put, generator))
    steered, control = start.answers(torch.cat([put.steered, random]), put.tokens, every * 2).chunk(2)
    before = start.logits if rack.keep_error else start.answers(put.against, put.tokens, every)
    effect = outcome(before, steered, watched)
    was = before.argmax(-1).tolist()
    cases = [
        Failure(reference, picture, change, b, a)
        for (reference, picture), change, b, a in zip(seen, effect.change, was, effect.answers, strict=True)
    ]
    ranked = sorted((*found.extremes, *cases), key=lambda case: case.change)
    extremes = ranked if len(ranked) <= 2 * MAX_FAILURES else [*ranked[:MAX_FAILURES], *ranked[-MAX_FAILURES:]]
    return replace(
        found,
        effect=found.effect.plus(effect),
        control=found.control.plus(outcome(before, control, watched)),
        extremes=tuple(extremes),
    )
