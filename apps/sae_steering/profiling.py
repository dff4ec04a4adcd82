"""Latents over the visitor's own pictures: histograms and exemplars, measured here with progress, kept for an hour."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np

from apps.common import payload
from apps.common.blobs import Result, Shelf
from apps.sae_steering.analysis import SteerResult
from prisma_engine.images import ImageSource, open_image
from prisma_engine.sae.features import Profile, profile_steps
from prisma_engine.sources import Pictures, scene_of

MAX_KEPT = 96 * 2**20
"""Bytes of encoded pictures from a data set that are kept to be shown; of a folder the paths are enough."""


@dataclass
class Kept:
    """The pictures that were profiled, by reference, to be opened again."""

    sources: dict[str, ImageSource] = field(default_factory=dict)
    n_bytes: int = 0

    def passing(self, pictures: Pictures) -> Pictures:
        """The same pictures, each remembered as it passes, as long as there is room."""
        for reference, source in pictures:
            size = len(source) if isinstance(source, bytes) else 200
            if isinstance(source, (bytes, str, Path)) and self.n_bytes + size <= MAX_KEPT:
                self.sources[reference] = source
                self.n_bytes += size
            yield reference, source

    def open(self, reference: str) -> ImageSource:
        """A picture again.

        Raises:
            ValueError: if it was not kept.
        """
        if reference in self.sources:
            return self.sources[reference]
        return scene_of(reference).image


@dataclass(frozen=True, eq=False)
class OwnProfile:
    """A profile of one visitor: of which SAE and model, how far it has come, and under which key its pictures lie."""

    sae: tuple[str, str | None]
    model_id: str
    state: Literal["profiling", "ready", "stopped"]
    text: str  # how far it has come, or what it rests on
    key: str
    profile: Profile | None = None

    def fits(self, result: SteerResult) -> bool:
        """Whether it is of the SAE and the model on show."""
        return (self.sae, self.model_id) == ((result.loaded.id, result.loaded.revision), result.model_id)


def own_profile_steps(
    result: SteerResult,
    pictures: Pictures,
    n: int,
    source: str,
    shelf: Shelf,
    key: str,
    stop: Callable[[], bool],
) -> Iterator[OwnProfile]:
    """Profile every latent over at most `n` pictures, one batch after the other."""
    kept = Kept()
    loaded = result.loaded
    mine = OwnProfile((loaded.id, loaded.revision), result.model_id, "profiling", f"Opening {source}…", key)
    yield mine
    for step in profile_steps(loaded.sae, result.model, kept.passing(pictures), source, stop=stop):
        if isinstance(step, int):
            yield (mine := replace(mine, text=f"{min(step, n):,} of at most {n:,} pictures"))
            continue
        shelf.put(Result({}, picture_maker(result, kept), kept.n_bytes, kept), key)
        said = f"{step.n_images:,} {step.source}"
        yield replace(mine, state="stopped" if stop() else "ready", text=said, profile=step)


def picture_maker(result: SteerResult, kept: Kept) -> Callable[[str], bytes]:
    """Makes the file "exemplar/<reference>": the picture as the model sees it."""
    preprocess = result.model.preprocess
    assert preprocess is not None, "a result's model takes pictures"

    def make(name: str) -> bytes:
        reference = name.removeprefix("exemplar/")
        return payload.pack_png(np.asarray(preprocess.pixels(open_image(kept.open(reference))).convert("RGB")))

    return make
