"""Pairs on which chosen heads are tried again: new emoji scenes, and photos of cats and of dogs.

Targets and sources are told apart by their answers only later, in `flip_rates.outcome`.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from prisma_engine.images import ImageRefused, open_image
from prisma_engine.preprocess import PREPARATIONS, Preprocess, prepared
from prisma_engine.sources import from_folder
from prisma_engine.studies.flip_rates import Trial
from prisma_engine.studies.patching_pairs import CAT, DOG, Pixels, with_hidden
from prisma_engine.toy.compose import Placement, render_scene
from prisma_engine.toy.layers import FRAME
from prisma_engine.vit import HookedViT

CATS, DOGS = range(281, 286), range(151, 269)
"""ImageNet's classes of domestic cats and of dogs."""
SIZES, TURN = (38, 54), 20
"""Of an emoji in a new scene: side in model pixels, and the most degrees that it is turned."""


@dataclass(frozen=True)
class AnimalScene:
    """A cat face and a dog face that do not cover each other; back to front."""

    placements: tuple[Placement, Placement]
    background: int

    def alone(self, kind: str) -> Pixels:
        """The scene with one of them alone."""
        return render_scene([one for one in self.placements if one.kind == kind], self.background).image

    def without(self, kind: str) -> tuple[Pixels, Pixels]:
        """Both, and both with a black box around one of them."""
        return with_hidden(self.placements, self.background, kind)


def animal_scenes(n: int, seed: int) -> list[AnimalScene]:
    """New scenes: places, sizes, angles, order and background are drawn."""
    generator = random.Random(seed)
    return [_animal_scene(generator) for _ in range(n)]


def _animal_scene(generator: random.Random) -> AnimalScene:
    while True:
        cat, dog = (_placement(generator, kind) for kind in (CAT, DOG))
        if max(abs(cat.x - dog.x), abs(cat.y - dog.y)) >= 0.95 * (cat.size + dog.size) / 2:
            break
    order = (cat, dog) if generator.random() < 0.5 else (dog, cat)
    return AnimalScene(order, generator.randrange(10**6, 10**9))


def _placement(generator: random.Random, kind: str) -> Placement:
    size = generator.uniform(*SIZES)
    x, y = (generator.uniform(0.45 * size, FRAME - 0.45 * size) for _ in range(2))
    return Placement(kind, x, y, size, generator.uniform(-TURN, TURN), generator.random() < 0.5)


def scene_trials(model: HookedViT, n: int, seed: int) -> Iterator[Trial]:
    """One animal exchanged for the other; and one of two hidden, patched in both directions.

    Scenes with both are split by the animal that the model names: the other one is not what has to be hidden.
    """
    scenes = animal_scenes(n, seed)
    cats, dogs = (_input(model, [scene.alone(kind) for scene in scenes]) for kind in (CAT, DOG))
    yield _between(model, "dog alone, heads of the cat alone", dogs, cats, CAT, DOG)
    yield _between(model, "cat alone, heads of the dog alone", cats, dogs, DOG, CAT)
    for hidden, other in ((DOG, CAT), (CAT, DOG)):
        pairs = [scene.without(hidden) for scene in scenes]
        both, one = (_input(model, [pair[side] for pair in pairs]) for side in (0, 1))
        yield _between(model, f"both, heads with the {hidden} hidden", both, one, other, hidden)
        yield _between(model, f"{hidden} hidden, heads of both", one, both, hidden, other)


def photo_trials(
    model: HookedViT, cats: Path, dogs: Path, n: int, seed: int, known: Sequence[Path] = ()
) -> Iterator[Trial]:
    """Photos of cats and dogs in pairs; and each pair side by side in one picture, whose dog is then hidden.

    All in both preparations. A picture's answer is cat or dog, by the summed probability of ImageNet's classes.

    Args:
        known: a photo and its corrupt version, a trial of their own beside the others.

    Raises:
        ValueError: if a folder holds no photo, or the model's classes are not ImageNet's.
    """
    if model.vocabulary is None or model.vocabulary.id != "imagenet1k" or model.preprocess is None:
        raise ValueError(f"{model.name} does not name ImageNet's cats and dogs, so it cannot be asked for them")
    drawn = [drawn_photos(folder, n, seed) for folder in (cats, dogs)]
    for preparation in PREPARATIONS:
        preprocess = prepared(model.preprocess, preparation)
        of_cats, of_dogs = (torch.cat([preprocess(photo) for photo in photos]) for photos in drawn)
        if known:
            name = f"{preparation}: {known[0].stem}, heads of {known[1].stem}"
            yield _between_groups(name, preprocess(known[0]), preprocess(known[1]), cat=True)
        yield _between_groups(f"{preparation}: dog photo, heads of a cat photo", of_dogs, of_cats, cat=True)
        yield _between_groups(f"{preparation}: cat photo, heads of a dog photo", of_cats, of_dogs, cat=False)
        pairs = list(side_by_side(preprocess, drawn[0], drawn[1]))
        both, one = (torch.stack([pair[side] for pair in pairs]) for side in (0, 1))
        name = f"{preparation}: side by side, heads with the dog hidden"
        yield _between_groups(name, both, one, cat=True)


def drawn_photos(folder: Path, n: int, seed: int) -> list[Image.Image]:
    """Photos of a folder, drawn at random; those that cannot be opened are left out."""
    files = [picture for _, picture in from_folder(folder)]
    random.Random(seed).shuffle(files)
    photos = []
    for file in files[:n]:
        try:
            photos.append(open_image(file))
        except ImageRefused:
            continue
    return photos


def side_by_side(
    preprocess: Preprocess, cats: Sequence[Image.Image], dogs: Sequence[Image.Image]
) -> Iterator[tuple[Tensor, Tensor]]:
    """A cat and a dog in one picture, half each, and the same with the dog's half black: two inputs."""
    half = (preprocess.width // 2, preprocess.height)
    for number, (cat, dog) in enumerate(zip(cats, dogs, strict=False)):
        parts = [np.asarray(ImageOps.fit(photo, half, Image.Resampling.BICUBIC)) for photo in (cat, dog)]
        # Every other dog is on the left.
        both, one = (
            np.concatenate(sides[:: -1 if number % 2 else 1], axis=1) for sides in (parts, [parts[0], 0 * parts[1]])
        )
        yield preprocess.normalize(Image.fromarray(both)), preprocess.normalize(Image.fromarray(one))


def cat_odds(logits: Tensor) -> Tensor:
    """Log odds of cats against dogs: the log of one sum of probabilities over the other."""
    groups = (logits[..., classes.start : classes.stop].logsumexp(-1) for classes in (CATS, DOGS))
    return next(groups) - next(groups)


def _between_groups(name: str, target: Tensor, source: Tensor, cat: bool) -> Trial:
    metric: Callable[[Tensor], Tensor] = cat_odds if cat else lambda logits: -cat_odds(logits)
    return Trial(name, target, source, metric, lambda logits: metric(logits) > 0)


def _between(model: HookedViT, name: str, target: Tensor, source: Tensor, wanted: str, other: str) -> Trial:
    """The target answers `other`, and has to answer `wanted`."""
    assert model.vocabulary is not None, "scenes are of emoji, which the model names"
    a, b = model.vocabulary.index(wanted), model.vocabulary.index(other)
    return Trial(
        name, target, source, lambda logits: logits[..., a] - logits[..., b], lambda logits: logits.argmax(-1) == a
    )


def _input(model: HookedViT, pictures: Sequence[Pixels]) -> Tensor:
    assert model.preprocess is not None, "scenes are still pictures"
    return model.preprocess([Image.fromarray(pixels) for pixels in pictures])
