"""Score an exported toy model on held-out scenes: `python -m prisma_engine.toy.emoji.evaluate model_cards/emoji-vit`.

Writes eval.json beside the weights. Nothing that a card says about a model comes from anywhere else.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prisma_engine.analysis.intervals import wilson
from prisma_engine.analysis.lens import logit_lens
from prisma_engine.analysis.segmentation import (
    BACKGROUND,
    best_constant,
    choose_threshold,
    label_map,
    label_patches,
    majority,
    overlap,
    to_pixels,
)
from prisma_engine.toy.emoji_classes import EMOJI
from prisma_engine.toy.emoji_scenes import sample_scenes, to_input
from prisma_engine.vit import HookedViT

BATCH = 50
PAIRS, SINGLES = (0.0, 0.0, 1.0), (0.0, 1.0)


@dataclass(frozen=True)
class Sizes:
    """How many scenes each score uses."""

    single: int = 5000
    pairs: int = 1000
    threshold: int = 300
    resamples: int = 1000


@dataclass(frozen=True)
class LayerScore:
    """The lens at one point of the residual stream, on held-out scenes of two objects.

    Attributes:
        label: the point, as `LogitLens.labels` names it.
        threshold: least probability that counts as an answer, chosen on other scenes.
        iou: class-wise intersection over union; see `Overlap.iou`.
        low, high: 95 % bootstrap interval of `iou` over scenes.
        accuracy: share of pixels with the right label, background included.
        named: share of object patches (more than half covered by one object) whose likeliest class is right.
    """

    label: str
    threshold: float
    iou: float
    low: float
    high: float
    accuracy: float
    named: float


@dataclass(frozen=True)
class Lens:
    """The lens at every point, and what it is compared with.

    Attributes:
        best: the point with the highest IoU on the scenes that chose the thresholds, not on these.
        layers: one score a point.
        baseline: constant answers, and the ceiling of answers in whole patches.
        per_class: IoU of each class at `best`.
    """

    best: str
    layers: list[LayerScore]
    baseline: dict[str, float]
    per_class: list[float]


@dataclass(frozen=True)
class Lensed:
    """Scenes and what the lens says of their patches, in half precision to save memory."""

    logits: Float[Tensor, "layer scene patch class"]
    truth: Int[Tensor, "scene height width"]
    labels: tuple[str, ...]


@torch.no_grad()
def top1(model: HookedViT, n: int) -> tuple[float, float, float]:
    """Share of held-out single-object scenes whose class the model gets right, with its 95 % Wilson interval."""
    right = 0
    for index, size in _batches(n):
        scenes = sample_scenes("single", index, size, SINGLES)
        answer = model(to_input(scenes.images, model.preprocess)).argmax(1)
        right += int((answer == scenes.objects[:, 0]).sum())
    return right / n, *wilson(right, n)


def lensed(model: HookedViT, split: str, n: int) -> Lensed:
    """Two-object scenes of a held-out split through the lens."""
    logits, truth, labels = [], [], ()
    for index, size in _batches(n):
        scenes = sample_scenes(split, index, size, PAIRS, masks=True)
        assert scenes.masks is not None
        lens = logit_lens(model, to_input(scenes.images, model.preprocess))
        logits.append(lens.patches.half())
        truth.append(label_map(scenes.masks, scenes.objects))
        labels = lens.labels
    return Lensed(torch.cat(logits, 1), torch.cat(truth), labels)


def score_layers(model: HookedViT, sizes: Sizes) -> Lens:
    """The lens at every point, and the constant answers it is compared with."""
    chosen, held = lensed(model, "threshold", sizes.threshold), lensed(model, "pairs", sizes.pairs)
    scores, on_chosen, per_class = [], {}, {}
    for layer, label in enumerate(held.labels):
        threshold, iou = choose_threshold(chosen.logits[layer], chosen.truth, model.grid, len(EMOJI))
        patches = label_patches(held.logits[layer], threshold)
        found = overlap(to_pixels(patches, model.grid, _size(held.truth)), held.truth, len(EMOJI))
        low, high = found.interval(sizes.resamples)
        named = named_right(held.logits[layer], held.truth, model.grid)
        scores.append(LayerScore(label, threshold, found.iou, low, high, found.accuracy, named))
        on_chosen[label] = iou
        per_class[label] = found.per_label.tolist()
    best = max(on_chosen, key=lambda label: on_chosen[label])
    return Lens(best, scores, _baselines(held.truth, model.grid), per_class[best])


def _baselines(truth: Int[Tensor, "scene height width"], grid: tuple[int, int]) -> dict[str, float]:
    """Scores of answers that look at no picture, and of the best answer in whole patches."""
    constant = partial(best_constant, truth, len(EMOJI))
    perfect = to_pixels(majority(truth, grid, len(EMOJI)), grid, _size(truth))
    return {
        "iou": constant(lambda o: o.iou),
        "accuracy": constant(lambda o: o.accuracy),
        "iou_per_scene": constant(lambda o: o.iou, per_scene=True),
        "iou_ceiling": overlap(perfect, truth, len(EMOJI)).iou,
    }


def _size(truth: Int[Tensor, "scene height width"]) -> tuple[int, int]:
    return truth.shape[1], truth.shape[2]


def named_right(
    logits: Float[Tensor, "scene patch class"], truth: Int[Tensor, "scene height width"], grid: tuple[int, int]
) -> float:
    """Share of the patches more than half covered by one object whose likeliest class is that object's."""
    rows, columns = grid
    cells = truth.unflatten(1, (rows, -1)).unflatten(3, (columns, -1)).transpose(2, 3).flatten(3).flatten(1, 2)
    label = cells.mode(-1).values
    covered = ((cells == label[..., None]).float().mean(-1) > 0.5) & (label != BACKGROUND)
    right = (logits.argmax(-1) == label) & covered
    return float(right.sum() / covered.sum().clamp(min=1))


def score(folder: Path, sizes: Sizes | None = None, **more: dict[str, Any]) -> dict[str, Any]:
    """Score the exported weights in `folder` and write its eval.json.

    Args:
        more: further entries, such as `training` and `control`; those of the last eval.json stay otherwise.
    """
    from prisma_engine.load import load

    sizes = sizes or Sizes()
    model = load(folder)
    accuracy, low, high = top1(model, sizes.single)
    lens = score_layers(model, sizes)
    best = next(s for s in lens.layers if s.label == lens.best)
    result: dict[str, Any] = {
        "sizes": asdict(sizes),
        "n_parameters": sum(p.numel() for p in model.parameters()),
        "top1": {"accuracy": accuracy, "low": low, "high": high},
        "lens": asdict(lens),
    }
    write_scores(folder, _standing(folder) | more | result)
    print(f"top-1 {accuracy:.4f} [{low:.4f}, {high:.4f}], lens IoU {best.iou:.4f} at {best.label}")
    return result


def read_scores(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "eval.json").read_text(encoding="utf-8"))


def write_scores(folder: Path, scores: dict[str, Any]) -> None:
    (folder / "eval.json").write_text(json.dumps(_rounded(scores), indent=1) + "\n", encoding="utf-8")


def _standing(folder: Path) -> dict[str, Any]:
    """What an earlier eval.json says that scoring the same weights again does not change."""
    old = read_scores(folder) if (folder / "eval.json").exists() else {}
    return {key: old[key] for key in ("training", "control") if key in old}


def add_control(folder: Path, control: Path) -> None:
    """Put another model's scores, such as one whose CLS token alone was trained, beside those of `folder`."""
    other = read_scores(control)
    best = next(s for s in other["lens"]["layers"] if s["label"] == other["lens"]["best"])
    kept = {key: other[key] for key in ("sizes", "top1", "training") if key in other}
    control_scores = kept | {"name": control.name, "best": best["label"], "iou": best["iou"], "low": best["low"]}
    write_scores(folder, read_scores(folder) | {"control": control_scores | {"high": best["high"]}})


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(v) for key, v in value.items()}
    if isinstance(value, list):
        return [_rounded(v) for v in value]
    return round(value, 5) if isinstance(value, float) else value


def _batches(n: int) -> list[tuple[int, int]]:
    """(index, size) of batches of at most `BATCH` scenes, `n` in all."""
    return [(index, min(BATCH, n - start)) for index, start in enumerate(range(0, n, BATCH))]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder such as model_cards/emoji-vit")
    parser.add_argument("--share", type=float, default=1.0, help="score on this share of the scenes only")
    parser.add_argument("--control", type=Path, help="scored folder to compare with; scores nothing itself")
    given = parser.parse_args()
    if given.control:
        add_control(given.folder, given.control)
        return
    full = Sizes()
    counts = {name: max(1, round(n * given.share)) for name, n in asdict(full).items() if name != "resamples"}
    score(given.folder, replace(full, **counts))


if __name__ == "__main__":
    main()
