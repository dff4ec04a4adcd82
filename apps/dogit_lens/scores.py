"""How well the lens finds known objects, layer by layer, beside the best constant answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from prisma_engine.analysis.segmentation import BACKGROUND, best_constant, label_patches, overlap, to_pixels
from prisma_engine.load import embedded_models, models_folder

DEFAULT_THRESHOLD = 0.5


@dataclass(frozen=True)
class Published:
    """What a model card measured on held-out scenes; see `model_cards/<name>/eval.json`.

    Attributes:
        thresholds: least probability that counts as an answer, for each layer by name, chosen on other scenes.
        heldout: per layer, in order, the mean IoU with its interval; the best constant answer; how many scenes.
    """

    thresholds: dict[str, float]
    heldout: dict[str, Any] | None


@lru_cache(maxsize=8)
def published(model_id: str) -> Published:
    """The thresholds and held-out curve of an embedded model; nothing where there is no evaluation."""
    path = models_folder() / model_id / "eval.json"
    if model_id not in embedded_models() or not path.is_file():
        return Published({}, None)
    table = json.loads(path.read_text(encoding="utf-8"))
    if "lens" not in table:
        return Published({}, None)
    layers = table["lens"]["layers"]
    heldout = {name: [layer[name] for layer in layers] for name in ("iou", "low", "high")}
    heldout |= {"baseline": table["lens"]["baseline"]["iou_per_scene"], "n_scenes": table["sizes"]["pairs"]}
    return Published({layer["label"]: layer["threshold"] for layer in layers}, heldout)


def label_map(mask: UInt8[np.ndarray, "height width"], objects: tuple[int, ...]) -> Int[Tensor, "height width"]:
    """A mask of objects (0 = nothing, i + 1 = object i) as a map of classes."""
    classes = torch.tensor([BACKGROUND, *objects])
    return classes[torch.from_numpy(mask.astype(np.int64))]


def layer_scores(
    logits: Float[Tensor, "layer patch class"],
    labels: tuple[str, ...],
    grid: tuple[int, int],
    mask: UInt8[np.ndarray, "height width"],
    objects: tuple[int, ...],
    model_id: str,
) -> dict[str, Any]:
    """IoU and pixel accuracy per layer on one scene, as the lens canvas reads them."""
    card, n_classes, size = published(model_id), logits.shape[-1], (mask.shape[0], mask.shape[1])
    truth = label_map(mask, objects)[None]
    thresholds = [card.thresholds.get(label, DEFAULT_THRESHOLD) for label in labels]
    found = [
        overlap(to_pixels(label_patches(layer[None], threshold), grid, size), truth, n_classes)
        for layer, threshold in zip(logits, thresholds, strict=True)
    ]
    return {
        "iou": [round(o.iou, 4) for o in found],
        "accuracy": [round(o.accuracy, 4) for o in found],
        "baseline_iou": round(best_constant(truth, n_classes, lambda o: o.iou), 4),
        "baseline_accuracy": round(best_constant(truth, n_classes, lambda o: o.accuracy), 4),
        "threshold": thresholds[-1],
        "heldout": card.heldout if tuple(card.thresholds) == labels else None,
    }
