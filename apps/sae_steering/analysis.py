"""One picture, one model, one SAE: the active latents, and a run from which steered ones go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from apps.common.answers import Answer, classifier_of_pictures, top_answers, vocabulary_for
from apps.common.pictures import Picture
from apps.common.saes import Loaded
from apps.sae_steering.extent import Extent
from apps.sae_steering.plan import Plan
from prisma_engine.cache import resid_points
from prisma_engine.sae.features import FeatureMap, Start, feature_map
from prisma_engine.sae.measuring.held_out import as_seen, patch_classes

if TYPE_CHECKING:
    from prisma_engine import HookedViT
    from prisma_engine.labels import Vocabulary
    from prisma_engine.preprocess import Preprocess

TOP_K = 10
MAX_TOKENS = 1500
SHARED = 16
"""So many results count a model's weights once: few then keep one in memory that has left the table of models."""
OWN_UNIT = "no typical activations were measured of this SAE, so they are taken from this picture"


@dataclass(frozen=True, eq=False)
class SteerResult:
    """What a model and an SAE make of one picture.

    Attributes:
        plan: the SAE, with the commit that was resolved.
        classes: as typed by the visitor, for a zero-shot model.
        pixels: exactly what the model saw.
        start: its run, from which steered runs go on.
        warning: a sentence, where the model seems not to be the one that the SAE was trained on.
    """

    model_id: str
    revision: str | None
    classes: tuple[str, ...] | None
    picture: Picture
    plan: Plan
    loaded: Loaded
    pixels: UInt8[np.ndarray, "height width 3"]
    start: Start
    features: FeatureMap
    top: tuple[Answer, ...]
    vocabulary: Vocabulary
    grid: tuple[int, int]
    prefix_names: tuple[str, ...]
    lens_labels: tuple[str, ...]
    warning: str | None = None

    @property
    def model(self) -> HookedViT:
        return self.start.model

    @property
    def logits(self) -> Float[Tensor, " class"]:
        """The model's answer."""
        return self.start.logits[0].float()

    @property
    def answer(self) -> int:
        """Its best class."""
        return self.top[0].index

    @property
    def n_tokens(self) -> int:
        return len(self.prefix_names) + self.grid[0] * self.grid[1]

    @property
    def extent(self) -> Extent:
        """The ranges that views and racks must lie in."""
        return Extent(
            n_tokens=self.n_tokens,
            n_latents=self.loaded.config.d_sae,
            n_classes=len(self.vocabulary.names),
            prefix_names=self.prefix_names,
            grid=self.grid,
            lens_labels=self.lens_labels,
        )

    @cached_property
    def typical(self) -> Float[Tensor, " latent"]:
        """The mean activation of every latent where it is active: measured before, or else in this picture alone."""
        facts = self.loaded.facts
        return own_typical(self.features) if facts is None else facts.typical

    @property
    def n_bytes(self) -> int:
        """Weight in memory: its own, and a part of the weights that it holds on to, which others may share."""
        start, features = self.start, self.features
        held = self.loaded.n_bytes + sum(p.nbytes for p in self.model.parameters())
        tensors = [start.x, start.logits, start.read, start.target, start.recon, *start.run.resid]
        tensors += [features.offsets, features.latents, features.acts, features.error, self.typical]
        return self.pixels.nbytes + sum(tensor.nbytes for tensor in tensors) + held // SHARED

    def named(self, index: int) -> dict[str, Any]:
        """A class as the canvas reads it."""
        return {"index": index, "name": self.vocabulary.names[index], "emoji": self.vocabulary.emoji[index]}

    def top_of(self, logits: Float[Tensor, " class"]) -> list[dict[str, Any]]:
        """The ten best answers of any run of this model."""
        return [asdict(answer) for answer in top_answers(logits.float(), self.vocabulary, TOP_K)]


def own_typical(features: FeatureMap) -> Float[Tensor, " latent"]:
    """The mean activation of every latent where it is active in one picture; 0 where it is not."""
    total = torch.zeros(features.d_sae).index_add(0, features.latents, features.acts)
    return total / features.latents.bincount(minlength=features.d_sae).clamp(min=1)


def analyse(
    model: HookedViT,
    loaded: Loaded,
    picture: Picture,
    model_id: str,
    classes: tuple[str, ...] | None = None,
    warning: str | None = None,
) -> SteerResult:
    """Run `model` on `picture` once, and encode what the SAE reads.

    Raises:
        ValueError: one sentence, for a model that answers nothing or reads videos, and an SAE that does not fit it.
    """
    preprocess = check_model(model)
    assert picture.image is not None, "a picture that is to be analysed holds its image"
    seen = preprocess.pixels(picture.image)
    start = Start(loaded.sae, model, preprocess.normalize(seen)[None])
    logits = start.logits[0].float()
    vocabulary = vocabulary_for(model, len(logits))
    return SteerResult(
        model_id=model_id,
        revision=model.revision,
        classes=classes,
        picture=replace(picture, image=None),
        plan=Plan(loaded.id, loaded.revision),
        loaded=loaded,
        pixels=np.asarray(seen.convert("RGB")),
        start=start,
        features=feature_map(start),
        top=top_answers(logits, vocabulary, TOP_K),
        vocabulary=vocabulary,
        grid=model.grid,
        prefix_names=tuple(model.prefix_names),
        lens_labels=tuple(label for _, label in resid_points(model)),
        warning=warning,
    )


def check_model(model: HookedViT) -> Preprocess:
    """How the model's pictures are prepared; refuses what this page cannot show, as `classifier_of_pictures` does."""
    return classifier_of_pictures(model, "steering", MAX_TOKENS)


def object_tokens(result: SteerResult, classes: Sequence[int] = ()) -> tuple[int, ...]:
    """Patches that one object of a scene covers for the most part: of the first class that is there, or the largest.

    Empty for a picture whose objects nobody knows.
    """
    picture = result.picture
    if picture.mask is None or not picture.objects:
        return ()
    assert result.model.preprocess is not None, "a result's model takes pictures"
    mask = Image.fromarray(picture.mask)
    seen = as_seen(result.model.preprocess, mask, mask)
    owner = patch_classes(seen[None], result.grid, len(picture.objects))[0]
    areas = owner[owner >= 0].bincount(minlength=len(picture.objects)).tolist()
    named = [i for wanted in classes for i, c in enumerate(picture.objects) if c == wanted and areas[i]]
    chosen = named[0] if named else int(np.argmax(areas))
    return tuple(int(i) + len(result.prefix_names) for i in (owner == chosen).nonzero()[:, 0])
