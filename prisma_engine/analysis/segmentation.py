"""Is the lens right about where things are? Patch labels from logits, and their agreement with true masks.

A label map holds the label of each pixel: 0, 1, … or `BACKGROUND`. Every score here is taken over a set
of scenes at once: pixels are counted for each scene and label, then summed, then divided.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

BACKGROUND = -1

Groups = Mapping[int, Sequence[int]]
"""Label → the classes of the model that count as it, such as {1: range(281, 286), 2: range(151, 269)}."""


@dataclass(frozen=True)
class Overlap:
    """Pixel counts of predicted against true label maps, one row a scene.

    Attributes:
        intersection: pixels that have the label in both.
        union: pixels that have it in either.
        correct: pixels that agree, background included.
        pixels: pixels in the scene.
    """

    intersection: Float[Tensor, "scene label"]
    union: Float[Tensor, "scene label"]
    correct: Float[Tensor, " scene"]
    pixels: Float[Tensor, " scene"]

    @property
    def iou(self) -> float:
        """Class-wise intersection over union, 0 to 1: pixels summed over scenes, one ratio a label, their mean.

        Background is no label. Labels that neither the prediction nor the truth holds anywhere are left
        out; one that is predicted and never true counts as 0. With no label anywhere it is 0.
        """
        return float(_mean_iou(self.intersection.sum(0), self.union.sum(0)))

    @property
    def per_label(self) -> Float[Tensor, " label"]:
        """The ratio of each label, pixels summed over scenes; 0 where neither map holds it."""
        return self.intersection.sum(0) / self.union.sum(0).clamp(min=1)

    @property
    def accuracy(self) -> float:
        """Share of pixels whose label is right, background included."""
        return float(self.correct.sum() / self.pixels.sum())

    def interval(self, n_resamples: int = 1000, level: float = 0.95, seed: int = 0) -> tuple[float, float]:
        """Bootstrap interval of `iou`: scenes drawn with replacement, percentiles of the resampled scores."""
        n = len(self.pixels)
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randint(n, (n_resamples, n), generator=generator)
        weight = torch.zeros(n_resamples, n).scatter_add_(1, drawn, torch.ones(n_resamples, n))
        scores = _mean_iou(weight @ self.intersection, weight @ self.union)
        tail = (1 - level) / 2
        low, high = torch.quantile(scores, torch.tensor([tail, 1 - tail])).tolist()
        return low, high


def _mean_iou(intersection: Float[Tensor, "*set label"], union: Float[Tensor, "*set label"]) -> Float[Tensor, "*set"]:
    ratio = intersection / union.clamp(min=1)
    return ratio.sum(-1) / (union > 0).sum(-1).clamp(min=1)


def confidence(
    logits: Float[Tensor, "*any class"], groups: Groups | None = None
) -> tuple[Float[Tensor, "*any"], Int[Tensor, "*any"]]:
    """Probability of the likeliest label at each place, and that label.

    Without `groups` a label is a class of the model. With them a label's probability is the sum over
    its classes, the softmax still being taken over all classes.

    Raises:
        ValueError: if `groups` is empty or a class in it is none of the model's.
    """
    probability = logits.float().softmax(-1)
    if groups is None:
        top, label = probability.max(-1)
        return top, label
    n = logits.shape[-1]
    if not groups or any(not 0 <= c < n for classes in groups.values() for c in classes):
        raise ValueError(f"groups must name labels and classes from 0 to {n - 1}, got {dict(groups)!r}")
    summed = torch.stack([probability[..., list(classes)].sum(-1) for classes in groups.values()], -1)
    top, which = summed.max(-1)
    return top, torch.tensor(list(groups))[which]


def label_patches(
    logits: Float[Tensor, "*any class"], threshold: float, groups: Groups | None = None
) -> Int[Tensor, "*any"]:
    """Label of each patch: the likeliest one where its probability is at least `threshold`, else background."""
    top, label = confidence(logits, groups)
    return label.where(top >= threshold, BACKGROUND)


def patch_of_pixel(grid: tuple[int, int], size: tuple[int, int]) -> Int[Tensor, "height width"]:
    """Index of the patch whose cell of the grid each pixel of a picture of `size` (height, width) lies in."""
    y = torch.arange(size[0]) * grid[0] // size[0]
    x = torch.arange(size[1]) * grid[1] // size[1]
    return y[:, None] * grid[1] + x[None, :]


def to_pixels(
    labels: Int[Tensor, "*any patch"], grid: tuple[int, int], size: tuple[int, int]
) -> Int[Tensor, "*any height width"]:
    """Label map of `size` (height, width) pixels in which each patch fills its cell of the grid.

    Raises:
        ValueError: if the number of patches is not rows times columns.
    """
    rows, columns = grid
    if labels.shape[-1] != rows * columns:
        raise ValueError(f"a {rows}×{columns} grid has {rows * columns} patches, got {labels.shape[-1]}")
    return labels[..., patch_of_pixel(grid, size)]


def label_map(masks: Tensor, labels: Int[Tensor, "scene object"]) -> Int[Tensor, "scene height width"]:
    """True label map from the boolean mask [scene object height width] of each object; later objects lie on top.

    An object whose label is negative is ignored.
    """
    out = torch.full((masks.shape[0], *masks.shape[2:]), BACKGROUND)
    for k in range(masks.shape[1]):
        label = labels[:, k, None, None]
        out = torch.where(masks[:, k] & (label >= 0), label, out)
    return out


def overlap(
    predicted: Int[Tensor, "scene height width"], truth: Int[Tensor, "scene height width"], n_labels: int
) -> Overlap:
    """Count where two label maps agree; labels are 0 to `n_labels` - 1, and `BACKGROUND`.

    Raises:
        ValueError: if the maps differ in shape or hold a label out of range.
    """
    if predicted.shape != truth.shape:
        raise ValueError(f"label maps differ in shape: {tuple(predicted.shape)} and {tuple(truth.shape)}")
    for labels in (predicted, truth):
        if labels.numel() and not BACKGROUND <= int(labels.min()) <= int(labels.max()) < n_labels:
            raise ValueError(
                f"labels go from {BACKGROUND} to {n_labels - 1}, got {int(labels.min())} … {int(labels.max())}"
            )
    same = predicted == truth
    both = _count(truth.where(same, BACKGROUND), n_labels)
    union = _count(predicted, n_labels) + _count(truth, n_labels) - both
    flat = same.flatten(1)
    return Overlap(both, union, flat.sum(1).float(), torch.full((len(truth),), float(flat.shape[1])))


def _count(labels: Int[Tensor, "scene height width"], n_labels: int) -> Float[Tensor, "scene label"]:
    """Pixels of each label in each scene, background left out."""
    n, width = len(labels), n_labels + 1
    index = labels.flatten(1) + 1 + width * torch.arange(n)[:, None]
    return torch.bincount(index.flatten(), minlength=n * width).view(n, width)[:, 1:].float()


def best_constant(
    truth: Int[Tensor, "scene height width"], n_labels: int, score: Callable[[Overlap], float], per_scene: bool = False
) -> float:
    """Score of the best answer that names one label, or background, for every pixel.

    One label for all scenes, which is what a predictor that never looks can do; or, `per_scene`, the label
    that covers most of each scene, which already knows what is in the picture though not where.
    """
    if per_scene:
        constant = _count(truth, n_labels).argmax(1)[:, None, None].expand_as(truth)
        return score(overlap(constant, truth, n_labels))
    present = [int(c) for c in truth.unique()] or [BACKGROUND]
    candidates = {BACKGROUND, *present}
    return max(score(overlap(torch.full_like(truth, c), truth, n_labels)) for c in candidates)


def pixels_per_patch(
    truth: Int[Tensor, "scene height width"], grid: tuple[int, int], n_labels: int
) -> Float[Tensor, "scene patch label"]:
    """How many pixels of each patch have each true label; the last column counts background."""
    n, patches, width = len(truth), grid[0] * grid[1], n_labels + 1
    cell = patch_of_pixel(grid, (truth.shape[1], truth.shape[2])) + patches * torch.arange(n)[:, None, None]
    label = truth.where(truth != BACKGROUND, n_labels)
    return (
        torch.bincount((cell * width + label).flatten(), minlength=n * patches * width).view(n, patches, width).float()
    )


def majority(
    truth: Int[Tensor, "scene height width"], grid: tuple[int, int], n_labels: int
) -> Int[Tensor, "scene patch"]:
    """The commonest true label of each patch: the best that an answer of whole patches can do, nearly."""
    label = pixels_per_patch(truth, grid, n_labels).argmax(-1)
    return label.where(label < n_labels, BACKGROUND)


def choose_threshold(
    logits: Float[Tensor, "scene patch class"],
    truth: Int[Tensor, "scene height width"],
    grid: tuple[int, int],
    n_labels: int,
    groups: Groups | None = None,
    n_candidates: int = 40,
) -> tuple[float, float]:
    """The probability threshold with the highest IoU on these scenes, and that IoU.

    Candidates are quantiles of the patches' own confidences, and 0. Score other scenes with it than
    those it was chosen on.
    """
    top, label = confidence(logits, groups)
    pixels = pixels_per_patch(truth, grid, n_labels)
    quantiles = torch.quantile(top.flatten()[:: max(1, top.numel() // 100_000)], torch.linspace(0, 0.99, n_candidates))
    scores = {t: _patch_iou(label.where(top >= t, BACKGROUND), pixels) for t in (0.0, *quantiles.tolist())}
    best = max(scores, key=lambda t: scores[t])
    return best, scores[best]


def _patch_iou(patches: Int[Tensor, "scene patch"], pixels: Float[Tensor, "scene patch label"]) -> float:
    """`Overlap.iou` of labelled patches, from pixel counts: no label map is drawn, which is far quicker."""
    n_labels = pixels.shape[-1] - 1
    label = patches.where(patches != BACKGROUND, n_labels)
    right = pixels.gather(-1, label[..., None]).flatten()
    both = torch.zeros(n_labels + 1).scatter_add_(0, label.flatten(), right)
    claimed = torch.zeros(n_labels + 1).scatter_add_(0, label.flatten(), pixels.sum(-1).flatten())
    union = claimed + pixels.sum((0, 1)) - both
    return float(_mean_iou(both[:n_labels], union[:n_labels]))
