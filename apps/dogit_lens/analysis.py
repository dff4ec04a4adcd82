"""One picture through one model: everything that the page shows of it, as a frozen dataclass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float, UInt8

import prisma_engine as pe
from apps.common.answers import Answer, top_answers, vocabulary_for
from apps.common.pictures import Picture
from apps.dogit_lens.scores import layer_scores, published
from apps.dogit_lens.view import Extent

if TYPE_CHECKING:
    from prisma_engine import HookedViT
    from prisma_engine.labels import Vocabulary

HEAD_NOTES = {
    "two_head": "The model averages a CLS and a distillation head; here each token is read by both.",
    "cls_mean": "The model's head reads CLS beside the mean of the patches; here each token stands for both.",
    "attention_pool": "The model's head attends over all tokens; here it attends to one token alone.",
}
MEAN_NOTE = "The model's head reads the mean of the patches; here it reads each patch alone."


@dataclass(frozen=True)
class LensResult:
    """The lens of one picture through one model; tokens are prefix tokens first, then patches row by row."""

    model_id: str  # what pe.load takes
    revision: str | None
    classes: tuple[str, ...] | None  # as typed by the visitor, for a zero-shot model
    picture: Picture
    pixels: UInt8[np.ndarray, "height width 3"]  # exactly what the model saw
    logits: Float[np.ndarray, "layer token class"]
    labels: tuple[str, ...]
    grid: tuple[int, int]
    prefix_names: tuple[str, ...]
    vocabulary: Vocabulary
    top5: tuple[Answer, ...]  # the model's own answer for the whole picture
    head_note: str | None
    scores: dict[str, Any] | None  # per-layer segmentation scores, where the mask is known
    mask: UInt8[np.ndarray, "height width"] | None  # in pixels of the model

    @property
    def extent(self) -> Extent:
        """The ranges that a view of this result lies in."""
        least = round(published(self.model_id).thresholds.get(self.labels[-1], 0.0), 2)
        return Extent(self.labels, self.logits.shape[1], self.logits.shape[2], self.mask is not None, least)

    @property
    def n_prefix(self) -> int:
        return len(self.prefix_names)


@torch.inference_mode()
def analyse(
    model: HookedViT, picture: Picture, model_id: str | None = None, classes: tuple[str, ...] | None = None
) -> LensResult:
    """Run the lens on `picture` in one forward pass.

    Raises:
        ValueError: one sentence, if the model has no classifier or reads no still pictures.
    """
    if model.preprocess is None or model.config.n_frames > 1:
        raise ValueError(f"{model.name} does not take a single picture, so the lens has nothing to show")
    assert picture.image is not None, "a picture that is to be analysed holds its image"
    seen = model.preprocess.pixels(picture.image)
    x = model.preprocess.normalize(seen)[None]
    lens = pe.logit_lens(model, x)
    logits = lens.logits[:, 0].float()
    vocabulary = vocabulary_for(model, logits.shape[-1])
    mask = _mask(picture, vocabulary, seen.size)
    patches = logits[:, model.n_prefix :]
    scores = None
    if mask is not None and picture.objects:
        scores = layer_scores(patches, lens.labels, model.grid, mask, picture.objects, model_id or model.name)
    return LensResult(
        model_id=model_id or model.name,
        revision=model.revision,
        classes=classes,
        picture=picture,
        pixels=np.asarray(seen.convert("RGB")),
        logits=logits.numpy(),
        labels=lens.labels,
        grid=model.grid,
        prefix_names=tuple(model.prefix_names),
        vocabulary=vocabulary,
        top5=top_answers(lens.answer[0].float(), vocabulary),
        head_note=MEAN_NOTE if model.config.pool == "mean" else HEAD_NOTES.get(model.config.head),
        scores=scores,
        mask=mask,
    )


def _mask(picture: Picture, vocabulary: Vocabulary, size: tuple[int, int]) -> np.ndarray | None:
    """The mask, if it is in the model's own pixels and its objects are classes of this model."""
    if picture.mask is None or picture.vocabulary_id != vocabulary.id:
        return None
    return picture.mask if picture.mask.shape == (size[1], size[0]) else None
