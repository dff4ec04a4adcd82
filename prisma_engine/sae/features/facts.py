"""What was measured of every latent of an SAE, read from the files beside its weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prisma_engine.hub import LoadError
from prisma_engine.load import read_json
from prisma_engine.sae import files
from prisma_engine.sae.evaluate import EVAL, LATENTS

NUMBERS = ("frequency", "typical", "largest", "nearest")
SCORES = ("precision", "recall", "f1", "auroc")


@dataclass(frozen=True)
class Facts:
    """`latents.json` as tensors; what the columns mean is said in `prisma_engine.sae.evaluate`.

    Attributes:
        frequency: share of tokens at which each latent is active.
        typical: its mean activation there, the unit in which steering counts; 0 if it never was.
        largest: its largest activation.
        nearest: cosine with the nearest other decoder row.
        label: index into `classes`; -1 for none.
        classes: names that labels are taken from.
        source: the images all this was measured on, for people.
        labels_from: the images that labels come from.
        precision, recall, f1, auroc: how well the label holds; None where nothing was labelled.
    """

    frequency: Float[Tensor, " latent"]
    typical: Float[Tensor, " latent"]
    largest: Float[Tensor, " latent"]
    nearest: Float[Tensor, " latent"]
    label: Int[Tensor, " latent"]
    classes: tuple[str, ...]
    source: str
    labels_from: str
    precision: Float[Tensor, " latent"] | None = None
    recall: Float[Tensor, " latent"] | None = None
    f1: Float[Tensor, " latent"] | None = None
    auroc: Float[Tensor, " latent"] | None = None

    @property
    def measured(self) -> bool:
        """Whether activations were measured; otherwise labels are all that is known."""
        return bool(self.typical.isfinite().any())

    def name(self, latent: int) -> str | None:
        """The label of a latent in words, or None."""
        return self.classes[index] if (index := int(self.label[latent])) >= 0 else None


def facts(name: str | Path) -> Facts | None:
    """What is known of an SAE's latents, or None if nothing was measured.

    Args:
        name: as `prisma_engine.sae.files.load` takes it.

    Raises:
        LoadError: if there is no such SAE, or its latents.json is damaged.
    """
    folder = files.find(name)
    if not (folder / LATENTS).exists():
        return None
    measured = read_json(folder / EVAL) if (folder / EVAL).exists() else {}
    try:
        return _read(read_json(folder / LATENTS), measured)
    except (KeyError, TypeError, ValueError) as error:
        raise LoadError(f"{LATENTS} of {folder.name} is damaged: {error!r}") from None


def with_labels(labels: Mapping[int, str], n_latents: int, source: str, known: Facts | None = None) -> Facts:
    """What is known of latents of which somebody else named some; how well these labels hold was not measured.

    Args:
        labels: by latent.
        source: where they come from, for people.
        known: what is known already: numbers, and labels and scores of all other latents; otherwise numbers are NaN.
    """
    unknown = torch.full((n_latents,), torch.nan)
    known = known or Facts(unknown, unknown, unknown, unknown, torch.full((n_latents,), -1), (), "", "")
    classes = tuple(dict.fromkeys((*known.classes, *labels.values())))
    index = {name: i for i, name in enumerate(classes)}
    named = torch.tensor(list(labels))
    label = known.label.index_copy(0, named, torch.tensor([index[name] for name in labels.values()]))
    scores = {name: getattr(known, name) for name in SCORES}
    scores = {name: None if s is None else s.index_fill(0, named, torch.nan) for name, s in scores.items()}
    others = f"; all others from {known.labels_from}" if known.labels_from else ""
    return replace(known, label=label, classes=classes, labels_from=source + others, **scores)


def _read(values: dict[str, Any], measured: dict[str, Any]) -> Facts:
    columns = {name: [-1 if v is None else v for v in column] for name, column in values["latents"].items()}
    numbers = {name: torch.tensor(columns[name], dtype=torch.float32) for name in NUMBERS}
    n, classes = len(columns["typical"]), tuple(values["classes"])
    label = torch.tensor(columns.get("label", [-1] * n))
    scores = {name: torch.tensor(columns[name], dtype=torch.float32) for name in SCORES if "label" in columns}
    if any(len(column) != n for column in columns.values()) or int(label.max()) >= len(classes):
        raise ValueError("its columns do not fit each other")
    source = str(measured.get("measured_on", ""))
    labels_from = str(measured.get("labels_from", source))
    return Facts(**numbers, label=label, **scores, classes=classes, source=source, labels_from=labels_from)
