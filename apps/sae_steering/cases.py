"""Pictures on which a rack is tried again: held-out scenes with the same answer, or pictures from outside."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from itertools import islice

import numpy as np
from PIL import Image

from apps.common import streams
from apps.sae_steering.analysis import SteerResult
from prisma_engine.images import ImageSource
from prisma_engine.sources import Pictures, scenes
from prisma_engine.toy.emoji_classes import NAMES
from prisma_engine.toy.emoji_scenes import sample_scenes

SPLIT, FIRST, DRAWN = "pairs", 2 * 10**6, 16  # scenes that no training or evaluation draws, so many at once
FIRST_SEED = 5 * 10**8
"""Where scenes of any classes begin: far from those that exemplars were taken from."""
MOST = 40
"""Pictures that are looked at for each one that is wanted."""


def has_scenes(result: SteerResult) -> bool:
    """Whether the model's classes are the emoji of our own scenes."""
    return result.vocabulary.names == NAMES


def pictures_for(result: SteerResult, source: str, place: str, n: int, same: bool) -> tuple[str, Pictures]:
    """What a source holds, in words, and its pictures.

    Args:
        same: only those that the model answers as this one are used.

    Raises:
        ValueError: one sentence, for a source that cannot be had.
    """
    name = result.vocabulary.names[result.answer]
    only = f" that the model calls {name}" if same else ""
    if source == "scenes" and has_scenes(result):
        said = f"{n} held-out scenes with a {name} in front of something else, which the model calls {name}"
        return said, scenes_with(result.answer)
    if source == "scenes":
        return f"up to {n} of our scenes{only}", islice(scenes(FIRST_SEED), MOST * n)
    said, pictures = streams.allowed(source, place.strip())
    return f"up to {n} {said}{only}", islice(pictures, MOST * n)


def scenes_with(index: int) -> Iterator[tuple[str, ImageSource]]:
    """Held-out scenes without end, each with one class in front of another that changes from scene to scene."""
    for batch in itertools.count():
        other = (index + 1 + batch % (len(NAMES) - 1)) % len(NAMES)
        drawn = sample_scenes(SPLIT, FIRST + batch, DRAWN, classes=(other, index)).images.permute(0, 2, 3, 1).numpy()
        for number, image in enumerate(drawn):
            yield f"scene {batch * DRAWN + number}", Image.fromarray(np.ascontiguousarray(image))
