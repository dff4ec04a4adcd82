"""Pairs of pictures on which an intervention is tried again: held-out scenes, or pictures from outside.

A scene shows both answers and hides one of them, made in the same way as the visitor's pair. Of pictures from outside
nobody knows what is where, so there a picture that the model calls one answer is paired with one that it calls the
other.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from apps.cat_dog_patching.analysis import PairResult, as_seen
from apps.cat_dog_patching.corrupting import FILL_WORDS, around, hide
from prisma_engine import HookedViT
from prisma_engine.images import ImageRefused, ImageSource, open_image
from prisma_engine.preprocess import Preprocess, prepared
from prisma_engine.toy.emoji_classes import NAMES
from prisma_engine.toy.emoji_scenes import sample_scenes

SPLIT, FIRST, DRAWN = "pairs", 10**6, 16  # scenes that no training or evaluation draws, so many at once


@dataclass(frozen=True)
class Case:
    """One pair: what it is called, what the model sees of both, and a picture to show."""

    title: str
    clean: Tensor  # [1 channel height width]
    corrupt: Tensor
    picture: Image.Image
    second: Image.Image


def preparation_of(model: HookedViT, result: PairResult) -> Preprocess:
    """How the pictures of this result are prepared."""
    assert model.preprocess is not None, "a result's model takes pictures"
    return prepared(model.preprocess, result.plan.preparation)


def has_scenes(result: PairResult) -> bool:
    """Whether both answers are emoji of our own scenes."""
    return result.vocabulary.names == NAMES


def scenes_said(result: PairResult, n: int) -> str:
    """What the held-out scenes are, in words."""
    a, b, _ = result.answers
    names = f"a {result.name(a)} and a {result.name(b)}"
    if result.plan.hidden is None:
        return f"{n} pairs of held-out scenes with {names}, as the first picture has the one and the second the other"
    fill = FILL_WORDS[result.plan.hidden.fill]
    return f"{n} held-out scenes with {names}, a box around the {result.name(hidden_class(result))} filled with {fill}"


def hidden_class(result: PairResult) -> int:
    """Which of the two answers is hidden in the second picture: the one that it is called less than the first."""
    a, b, _ = result.answers
    falls = result.clean.metric > result.corrupt.metric
    return a if falls != result.plan.swap else b


def scene_cases(model: HookedViT, result: PairResult, first: int = 0) -> Iterator[Case]:
    """Held-out scenes, without end, each with a second version made in the same way; `first`: which batch begins.

    Raises:
        ValueError: if the model's classes are not our emoji.
    """
    if not has_scenes(result):
        raise ValueError("our scenes show emoji, which this model does not name; choose a folder or a data set")
    preprocess = preparation_of(model, result)
    a, b, _ = result.answers
    gone, hidden = hidden_class(result), result.plan.hidden
    for batch in itertools.count(first):
        # Each of the two is in front in every other batch.
        classes = (a, b) if batch % 2 else (b, a)
        if hidden is None:
            pairs = zip(_drawn(batch, (a,)), _drawn(batch, (b,)), strict=True)
            seen = [(preprocess.pixels(one), preprocess.pixels(two)) for (one, _), (two, _) in pairs]
        else:
            scenes = [(image, masks[classes.index(gone)]) for image, masks in _drawn(batch, classes)]
            seen = [_with_hidden(preprocess, image, mask, hidden.fill) for image, mask in scenes if mask.any()]
        for number, pair in enumerate(seen):
            one, two = reversed(pair) if result.plan.swap and hidden else pair
            yield _case(f"scene {batch * DRAWN + number}", preprocess, one, two)


def _drawn(batch: int, classes: tuple[int, ...]) -> list[tuple[Image.Image, np.ndarray]]:
    """Held-out scenes of these classes, back to front, each with its masks [object height width]."""
    scenes = sample_scenes(SPLIT, FIRST + batch, DRAWN, masks=True, classes=classes)
    assert scenes.masks is not None
    images = scenes.images.permute(0, 2, 3, 1).numpy()
    return [(Image.fromarray(image), masks.numpy()) for image, masks in zip(images, scenes.masks, strict=True)]


def _with_hidden(
    preprocess: Preprocess, image: Image.Image, mask: np.ndarray, fill: str
) -> tuple[Image.Image, Image.Image]:
    """What the model sees of a scene, and the same with a box around one object filled."""
    seen = preprocess.pixels(image)
    return seen, hide(seen, [as_seen(around(mask), mask.shape, preprocess)], fill)


def picture_cases(model: HookedViT, result: PairResult, pictures: Iterable[tuple[str, ImageSource]]) -> Iterator[Case]:
    """Pictures that the model prefers to call a, each with the next one that it prefers to call b."""
    preprocess = preparation_of(model, result)
    a, b, _ = result.answers
    sign = 1 if result.clean.metric > 0 else -1
    waiting: tuple[deque[tuple[str, Image.Image]], deque[tuple[str, Image.Image]]] = (deque(), deque())
    for name, picture in pictures:
        try:
            seen = preprocess.pixels(open_image(picture))
        except ImageRefused:
            continue
        with torch.no_grad():
            logits = model(preprocess.normalize(seen)[None])[0]
        waiting[int(sign * float(logits[a] - logits[b]) < 0)].append((name, seen))
        for queue in waiting:
            if len(queue) > 500:  # a source that holds one kind alone must not fill the memory
                queue.popleft()
        if all(waiting):
            (one, seen), (two, second) = (queue.popleft() for queue in waiting)
            yield _case(f"{one} with {two}", preprocess, seen, second)


def _case(title: str, preprocess: Preprocess, seen: Image.Image, second: Image.Image) -> Case:
    return Case(title, preprocess.normalize(seen)[None], preprocess.normalize(second)[None], seen, second)


def beside(case: Case, side: int = 96) -> np.ndarray:
    """Both pictures of a case side by side, small."""
    size = (side, max(1, round(side * case.picture.height / case.picture.width)))
    small = [picture.convert("RGB").resize(size) for picture in (case.picture, case.second)]
    sheet = Image.new("RGB", (2 * side + 4, size[1]), "white")
    for index, picture in enumerate(small):
        sheet.paste(picture, (index * (side + 4), 0))
    return np.asarray(sheet)
