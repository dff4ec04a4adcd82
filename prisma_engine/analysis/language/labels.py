"""Labels of latents from text: the concept that each detects best, chosen on half of the texts, scored on the rest.

A latent detects a concept where it is active at the tokens that are about it and at no others. The best of many
concepts looks good by luck alone; on the texts that did not choose it, luck is gone.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from prisma_engine.analysis.detection import Labels, auroc, scores

LEAST = 5
"""A latent that is active at fewer tokens of its concept in the half that chooses gets no label."""


class Detectors:
    """Counts where latents are active and concepts are present; `add` texts alternately to both halves."""

    def __init__(self, d_sae: int, n_concepts: int) -> None:
        self.both = torch.zeros(2, d_sae, n_concepts)
        self.active = torch.zeros(2, d_sae)
        self.present = torch.zeros(2, n_concepts)
        self.tokens = [0, 0]
        self._entries: list[Tensor] = []
        self._values: list[Tensor] = []
        self._present: list[Tensor] = []

    def add(self, acts: Float[Tensor, "token latent"], present: Bool[Tensor, "token concept"], half: int) -> None:
        """Count some tokens.

        Args:
            half: 0 for texts that choose labels, 1 for those that score them.
        """
        token, latent = (acts > 0).nonzero(as_tuple=True)
        self.both[half].index_add_(
            0, latent, present[token].float()
        )  # few are active, so rows are added, not multiplied
        self.active[half] += latent.bincount(minlength=acts.shape[1])
        self.present[half] += present.sum(0)
        if half:
            self._entries.append(torch.stack([latent, token + self.tokens[1]]).int())
            self._values.append(acts[token, latent].float())
            self._present.append(present)
        self.tokens[half] += len(acts)

    def f1(self, half: int) -> Float[Tensor, "latent concept"]:
        """How well each latent detects each concept, 0 to 1, on one half of the texts."""
        return scores(self.both[half], self.active[half, :, None], self.present[half])[2]

    def result(self) -> Labels:
        """Labels chosen on half 0, scored on half 1; of equally good concepts the first."""
        chosen = self.f1(0).max(1).indices
        known = self.both[0].gather(1, chosen[:, None])[:, 0] >= LEAST
        held = self.both[1].gather(1, chosen[:, None])[:, 0]
        found = scores(held, self.active[1], self.present[1][chosen])
        precision, recall, f1 = (score.where(known, 0.0) for score in found)
        label = chosen.where(known, -1)
        return Labels(label, precision, recall, f1, self._areas(label))

    def _areas(self, label: Int[Tensor, " latent"]) -> Float[Tensor, " latent"]:
        area = torch.full((len(label),), 0.5)
        if not self._entries:
            return area
        (latent, token), values = torch.cat(self._entries, 1), torch.cat(self._values)
        present = torch.cat(self._present)
        order = latent.argsort(stable=True)
        sizes = latent.bincount(minlength=len(label)).tolist()
        parts = zip(values[order].split(sizes), token[order].split(sizes), label.tolist(), strict=True)
        for i, (value, at, wanted) in enumerate(parts):
            if wanted >= 0:
                n = int(self.present[1][wanted])
                area[i] = auroc(value, present[at.long(), wanted], n, self.tokens[1] - n)
        return area
