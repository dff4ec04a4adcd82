"""What every latent is like over many images: how often it is active, how strongly, and on which images to look."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prisma_engine.images import ImageRefused, ImageSource, open_image
from prisma_engine.sae.features.exemplars import DECILES, OCTAVE, Profile
from prisma_engine.sae.features.start import check_hooks, positions
from prisma_engine.sae.model import SAE
from prisma_engine.sae.reading import stop_layer
from prisma_engine.vit import HookedViT

TOKENS_AT_ONCE = 2048
LOWEST, HIGHEST = -20 * OCTAVE, 16 * OCTAVE
"""Bins that are counted: activations under 2⁻²⁰ or over 2¹⁶ count in the outermost."""


class Sums:
    """Sums over images of what their latents do; `count` some, then ask for the `profile`."""

    def __init__(self, n: int) -> None:
        self.references: list[str] = []
        self.n_tokens = 0
        self.counts = torch.zeros(n, HIGHEST - LOWEST, dtype=torch.long)
        self.sums, self.largest = torch.zeros(n, dtype=torch.double), torch.zeros(n)
        self._latents: list[Tensor] = []
        self._images: list[Tensor] = []
        self._maxima: list[Tensor] = []

    def count(self, acts: Float[Tensor, "image token latent"], references: Iterable[str]) -> None:
        """Count some images, by the activations of their tokens."""
        image, token, latent = (acts > 0).nonzero(as_tuple=True)
        values = acts[image, token, latent].float()
        bins = (values.log2() * OCTAVE).floor().long().clamp(LOWEST, HIGHEST - 1) - LOWEST
        width = self.counts.shape[1]
        self.counts += (latent * width + bins).bincount(minlength=self.counts.numel()).view_as(self.counts)
        self.sums.index_add_(0, latent, values.double())
        maxima = acts.amax(1).float()
        self.largest = torch.maximum(self.largest, maxima.amax(0))
        image, latent = (maxima > 0).nonzero(as_tuple=True)
        self._latents.append(latent.int())
        self._images.append((image + len(self.references)).int())
        self._maxima.append(maxima[image, latent])
        self.references += references
        self.n_tokens += acts.shape[0] * acts.shape[1]

    def profile(self, source: str) -> Profile:
        """What was found.

        Args:
            source: the images in words, such as "2,000 emoji scenes".

        Raises:
            ValueError: if no image was added.
        """
        if not self.references:
            raise ValueError("there is no image to look at")
        example, maximum, images = self._exemplars()
        offsets, first, counts = _cropped(self.counts)
        active = self.counts.sum(1)
        return Profile(
            source=source,
            references=tuple(self.references),
            n_tokens=self.n_tokens,
            images=images.int(),
            typical=(self.sums / active.clamp(min=1)).float(),
            largest=self.largest,
            offsets=offsets,
            first=first,
            counts=counts,
            example=example,
            maximum=maximum,
        )

    def _exemplars(self) -> tuple[Int[Tensor, "latent 10"], Float[Tensor, "latent 10"], Int[Tensor, " latent"]]:
        """An image for each decile of each latent's maxima: the middle one; of the highest decile the last."""
        latents, maxima = torch.cat(self._latents).long(), torch.cat(self._maxima)
        order = maxima.argsort(stable=True)
        order = order[latents[order].argsort(stable=True)]
        images = latents.bincount(minlength=len(self.sums))
        start = images.cumsum(0) - images
        edge = images[:, None] * torch.arange(DECILES + 1) // DECILES
        low, high = edge[:, :-1], edge[:, 1:]
        chosen = (low + high - 1) // 2
        chosen[:, -1] = images - 1
        empty = low == high
        place = order[(start[:, None] + chosen).masked_fill(empty, 0)] if len(order) else torch.zeros_like(chosen)
        numbers = torch.cat(self._images) if len(order) else torch.zeros(1, dtype=torch.int)
        values = maxima if len(order) else torch.zeros(1)
        return numbers[place].masked_fill(empty, -1), values[place].masked_fill(empty, 0.0), images


class Profiler(Sums):
    """Sums over images that a model runs; `add` some, then ask for the `profile`."""

    def __init__(self, sae: SAE, model: HookedViT) -> None:
        """
        Raises:
            ValueError: if the SAE does not fit the model.
        """
        check_hooks(sae, model)
        super().__init__(sae.config.d_sae)
        self.sae, self.model, self.own = sae, model, positions(sae, model, "all")

    @torch.no_grad()
    def add(self, x: Float[Tensor, "image channel height width"], references: Iterable[str]) -> None:
        """Count some images."""
        name = self.sae.config.hook_name
        _, cache = self.model.run_with_cache(x, name, stop_at_layer=stop_layer([name]))
        self.count(self.sae.encode(cache[name][:, self.own]), references)


def profile_steps(
    sae: SAE,
    model: HookedViT,
    images: Iterable[tuple[str, ImageSource]],
    source: str,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[int | Profile]:
    """Look at one batch of images after the other: how many are done, and in the end the profile of those.

    Images that cannot be opened are left out.

    Args:
        images: (reference, picture) pairs, as `prisma_engine.sources.pictures` gives them.
        source: what they are, in words.
        stop: asked before each batch.

    Raises:
        ValueError: if there was no image, or the SAE does not fit the model.
    """
    profiler = Profiler(sae, model)
    stream = batches(model, images)
    while not stop() and (batch := next(stream, None)) is not None:
        profiler.add(*batch)
        yield len(profiler.references)
    yield profiler.profile(source)


def batches(
    model: HookedViT, images: Iterable[tuple[str, ImageSource]]
) -> Iterator[tuple[Float[Tensor, "image channel height width"], list[str]]]:
    """Inputs of the model and their references, some at a time; images that cannot be opened are left out."""
    stream, size = iter(images), max(1, TOKENS_AT_ONCE // model.config.n_tokens)
    while batch := list(islice(stream, size)):
        seen = [(reference, x) for reference, picture in batch if (x := _opened(model, picture)) is not None]
        if seen:
            yield torch.cat([x for _, x in seen]), [reference for reference, _ in seen]


def profile(
    sae: SAE,
    model: HookedViT,
    images: Iterable[tuple[str, ImageSource]],
    source: str,
    progress: Callable[[int], None] = lambda done: None,
) -> Profile:
    """`profile_steps` to its end; `progress` is told how many images are done."""
    for step in profile_steps(sae, model, images, source):
        if isinstance(step, Profile):
            return step
        progress(step)
    raise AssertionError("the last step is the profile")


def _opened(model: HookedViT, picture: ImageSource) -> Tensor | None:
    try:
        return model.preprocess(open_image(picture))
    except ImageRefused:
        return None


def _cropped(counts: Int[Tensor, "latent bin"]) -> tuple[Tensor, Tensor, Tensor]:
    """Every latent's bins from its first to its last that is not empty, one after the other."""
    filled = counts > 0
    width = counts.shape[1]
    first = filled.int().argmax(1)
    last = width - filled.flip(1).int().argmax(1)
    last = torch.where(filled.any(1), last, first)
    place = torch.arange(width)
    kept = (place >= first[:, None]) & (place < last[:, None])
    offsets = torch.cat([first.new_zeros(1), (last - first).cumsum(0)])
    return offsets.int(), (first + LOWEST).short(), counts[kept].int()
