"""Do latents know classes? Agreement of where a latent is active with where a class is, patch by patch.

A latent's label is the class that it agrees with best on one half of the images, and its scores are those on the
other half, so that the best of many classes is not rewarded for luck. Background patches belong to no class: they
count against every label and are none.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

LEAST = 5
"""A latent that is active at fewer patches of its class in the half that chooses gets no label."""


@dataclass(frozen=True)
class Labels:
    """A proposal for each latent, and how well it holds on images that did not choose it.

    Attributes:
        label: class index; -1 for no label.
        precision: share of the patches where it is active that are of the class.
        recall: share of the patches of the class where it is active.
        f1: harmonic mean of the two.
        auroc: probability that its activation is larger at a patch of the class than at another one, ties counting
            half; 0.5 is chance.
    """

    label: Int[Tensor, " latent"]
    precision: Float[Tensor, " latent"]
    recall: Float[Tensor, " latent"]
    f1: Float[Tensor, " latent"]
    auroc: Float[Tensor, " latent"]


def scores(
    both: Float[Tensor, "*any"], active: Float[Tensor, "*any"], present: Float[Tensor, "*any"]
) -> tuple[Tensor, Tensor, Tensor]:
    """Precision, recall and F1 = 2 · both / (active + present) from counts of patches; 0 where nothing is counted."""
    precision, recall = both / active.clamp(min=1), both / present.clamp(min=1)
    return precision, recall, 2 * both / (active + present).clamp(min=1)


def auroc(values: Float[Tensor, " active"], positive: Tensor, n_positive: int, n_negative: int) -> float:
    """Area under the ROC curve of an activation that is 0 at all patches but those given.

    The share of (positive, negative) pairs of patches in which the positive one has the larger activation, ties
    counting half (Mann–Whitney U); 0.5 where either kind is missing.

    Args:
        values: the activations that are above 0.
        positive: whether each of those patches is of the class.
        n_positive, n_negative: patches of either kind, active or not.
    """
    if not n_positive or not n_negative:
        return 0.5
    levels, which = values.unique(return_inverse=True)
    ups = torch.bincount(which[positive], minlength=len(levels)).double()
    downs = torch.bincount(which[~positive], minlength=len(levels)).double()
    silent_up, silent_down = n_positive - float(ups.sum()), n_negative - float(downs.sum())
    below = silent_down + downs.cumsum(0) - downs
    won = (ups * (below + downs / 2)).sum() + silent_up * silent_down / 2
    return float(won) / (n_positive * n_negative)


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
