"""Do latents know classes? Agreement of where a latent is active with where a class is, patch by patch.

A latent's label is the class that it agrees with best on one half of the images, and its scores are those on the
other half, so that the best of many classes is not rewarded for luck. Background patches belong to no class: they
count against every label and are none.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prisma_engine.analysis.detection import Labels, auroc, scores

LEAST = 5
"""A latent that is active at fewer patches of its class in the half that chooses gets no label."""


class Agreement:
    """Counts over images with a class for each patch; `add` them alternately to both halves."""

    def __init__(self, d_sae: int, n_classes: int) -> None:
        self.both = torch.zeros(2, d_sae, n_classes + 1)
        self.present = torch.zeros(2, n_classes + 1)
        self.n_classes = n_classes
        self._entries: list[Tensor] = []
        self._values: list[Tensor] = []

    def add(
        self,
        acts: Float[Tensor, "image patch latent"],
        classes: Int[Tensor, "image patch"],
        half: Int[Tensor, " image"],
    ) -> None:
        """Count one batch.

        Args:
            classes: of each patch; -1 for background.
            half: 0 for images that choose labels, 1 for those that score them.
        """
        of = classes.where(classes >= 0, self.n_classes)
        for which in (0, 1):
            active, kinds = acts[half == which].flatten(0, 1), of[half == which].flatten()
            kind = torch.nn.functional.one_hot(kinds, self.n_classes + 1).float()
            self.both[which] += (active > 0).float().T @ kind
            self.present[which] += kind.sum(0)
            if which:
                patch, latent = (active > 0).nonzero(as_tuple=True)
                self._entries.append(torch.stack([latent, kinds[patch]]).int())
                self._values.append(active[patch, latent])

    def result(self) -> Labels:
        """Labels chosen on half 0, scored on half 1."""
        active = self.both.sum(-1)
        chosen = scores(self.both[0, :, :-1], active[0, :, None], self.present[0, :-1])[2].max(1)
        both = self.both[0].gather(1, chosen.indices[:, None])[:, 0]
        label = chosen.indices.where(both >= LEAST, -1)
        index = label.clamp(min=0)
        held = self.both[1].gather(1, index[:, None])[:, 0]
        found = scores(held, active[1], self.present[1][index])
        precision, recall, f1 = (score.where(label >= 0, 0.0) for score in found)
        return Labels(label, precision, recall, f1, self._areas(label))

    def _areas(self, label: Int[Tensor, " latent"]) -> Float[Tensor, " latent"]:
        area = torch.full((len(label),), 0.5)
        if not self._entries:
            return area
        (latent, kind), values = torch.cat(self._entries, 1), torch.cat(self._values)
        order = latent.argsort(stable=True)
        sizes = latent.bincount(minlength=len(label)).tolist()
        total = int(self.present[1].sum())
        parts = zip(values[order].split(sizes), kind[order].split(sizes), label.tolist(), strict=True)
        for i, (value, of, wanted) in enumerate(parts):
            if wanted >= 0:
                n = int(self.present[1][wanted])
                area[i] = auroc(value, of == wanted, n, total - n)
        return area
