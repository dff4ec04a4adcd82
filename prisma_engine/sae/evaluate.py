"""Measure an SAE: `python -m prisma_engine.sae.evaluate model_cards/emoji-vit-sae/blocks.3.hook_resid_post`.

Writes two files beside the weights: `eval.json`, from which a card is made, and `latents.json`, what was found out
about each latent. What the numbers mean is said where they are computed, in `prisma_engine.sae.measuring.metrics` and
`agreement`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from prisma_engine.analysis.detection import Labels
from prisma_engine.edits import zero
from prisma_engine.load import load as load_model
from prisma_engine.load import read_json
from prisma_engine.running import HookedModule
from prisma_engine.sae import files
from prisma_engine.sae.measuring.agreement import Agreement
from prisma_engine.sae.measuring.held_out import Batch, HeldOut, held_out
from prisma_engine.sae.measuring.metrics import Answers, Reconstruction, Usage, duplicates
from prisma_engine.sae.model import SAE
from prisma_engine.sae.probe import check
from prisma_engine.sae.reading import read, token_slice
from prisma_engine.sources import SCENES

EVAL, LATENTS = "eval.json", "latents.json"
TWIN = 0.9
"""Two latents whose decoder rows have at least this cosine do one job."""
GOOD = 0.5
"""F1 from which a label says something."""


class Evaluation:
    """Everything that is measured of one SAE on one model; `add` batches, then ask for the `result`."""

    def __init__(self, sae: SAE, model: HookedModule, n_classes: int = 0) -> None:
        self.sae, self.model = sae, model
        self.tokens = token_slice(model, sae.config.tokens)
        scale = getattr(model.head, "logit_scale", None)
        self.answers = Answers(None if scale is None else float(scale)) if model.config.head != "identity" else None
        self.reconstruction = Reconstruction()
        self.usage = Usage(sae.config.d_sae, model.n_prefix)
        with_patches = sae.config.tokens != "cls"
        self.agreement = Agreement(sae.config.d_sae, n_classes) if n_classes and with_patches else None
        self.masked = 0

    @torch.no_grad()
    def add(self, batch: Batch) -> None:
        """Measure one batch: one run as it is, one with the reconstruction, one with zeros."""
        config = self.sae.config
        names = {config.hook_name, config.writes}
        logits, cache = self.model.run_with_cache(batch.inputs, names=names)
        x, target = cache[config.hook_name][:, self.tokens], cache[config.writes][:, self.tokens]
        out = self.sae(x, target)
        self.reconstruction.add(target.flatten(0, 1), out.recon.flatten(0, 1))
        self.usage.add(out.acts, self.tokens.start or 0)
        if self.answers is not None:
            spliced = self.model.run_with_hooks(batch.inputs, self.sae.splice().at())
            token = {"all": slice(None), "cls": "cls", "patches": "patches"}[config.tokens]
            zeroed = self.model.run_with_hooks(batch.inputs, {config.writes: zero(token=token)})
            self.answers.add({"original": logits, "spliced": spliced, "zero_ablated": zeroed}, batch.labels)
        self._compare(out.acts, batch.patches)

    @torch.no_grad()
    def compare(self, batch: Batch) -> None:
        """Only see which latents know which classes."""
        x, _ = read(self.sae, self.model, batch.inputs)
        self._compare(self.sae.encode(x), batch.patches)

    def _compare(self, acts: Tensor, patches: Tensor | None) -> None:
        if self.agreement is None or patches is None:
            return
        first = self.model.n_prefix if self.sae.config.tokens == "all" else 0
        self.agreement.add(acts[:, first:], patches, (self.masked + torch.arange(len(acts))) % 2)
        self.masked += len(acts)

    def result(self, classes: tuple[str, ...] = ()) -> tuple[dict[str, Any], dict[str, Any]]:
        """What `eval.json` and `latents.json` say."""
        nearest = duplicates(self.sae.W_dec)
        labels = self.agreement.result() if self.agreement is not None and self.masked else None
        summary = {
            "images": self.usage.images,
            "tokens": self.usage.tokens,
            "reconstruction": self.reconstruction.result(),
            **self.usage.result(),
            "duplicates": {"share": float((nearest >= TWIN).float().mean()), "cosine": TWIN},
            "answers": None if self.answers is None else self.answers.result(),
            "labels": None if labels is None else self._labels(labels, len(classes)),
        }
        return summary, self._latents(nearest, labels, classes)

    def _labels(self, labels: Labels, n_classes: int) -> dict[str, Any]:
        """How many latents have a label that holds up on the images that did not choose it."""
        good = (labels.f1 >= GOOD) & (labels.label >= 0)
        named = labels.label >= 0
        return {
            "images": self.masked,
            "latents": int(named.sum()),
            "f1_at_least": GOOD,
            "good": int(good.sum()),
            "classes": n_classes,
            "classes_with_good": len(labels.label[good].unique()),
            "best_f1": float(labels.f1.max()),
            "mean_auroc": float(labels.auroc[named].mean()) if bool(named.any()) else None,
        }

    def _latents(self, nearest: Tensor, labels: Labels | None, classes: tuple[str, ...]) -> dict[str, Any]:
        """One list a property, in the order of latents.

        `frequency` is the share of tokens where it is active, `typical` its mean activation there, `largest` its
        largest, `nearest` the cosine with the nearest other decoder row; then what `agreement.Labels` says.
        """
        columns: dict[str, list[Any]] = {
            "frequency": self.usage.frequency.tolist(),
            "typical": self.usage.typical.tolist(),
            "largest": self.usage.largest.tolist(),
            "nearest": nearest.tolist(),
        }
        if labels is not None:
            columns["label"] = [i if i >= 0 else None for i in labels.label.tolist()]
            columns |= {name: getattr(labels, name).tolist() for name in ("precision", "recall", "f1", "auroc")}
        return {"classes": list(classes), "latents": {name: rounded(values, 4) for name, values in columns.items()}}


def evaluate(
    sae: SAE,
    model: HookedModule,
    images: HeldOut,
    masks: HeldOut | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Measure an SAE on held-out images: what `eval.json` and `latents.json` say.

    Args:
        masks: other images, which only tell which latents know which classes; by default `images` do, if they can.

    Raises:
        ValueError: if there are no images.
    """
    classes = images.classes if masks is None else masks.classes
    evaluation = Evaluation(sae, model, len(classes))
    for batch in images.batches:
        evaluation.add(batch if masks is None else replace(batch, patches=None))
        progress(evaluation.usage.images)
    for batch in masks.batches if masks is not None else ():
        evaluation.compare(batch)
    if not evaluation.usage.images:
        raise ValueError("there is no image to measure on")
    summary, latents = evaluation.result(classes)
    return {"measured_on": images.title} | ({"labels_from": masks.title} if masks else {}) | summary, latents


def score(
    folder: Path,
    images: str = SCENES,
    n: int = 2000,
    hold_out: int = 0,
    weights: Path | None = None,
    masks: str | None = None,
) -> dict[str, Any]:
    """Measure the SAE in a folder and write its `eval.json` and `latents.json`.

    Args:
        images, n, hold_out: see `held_out`.
        masks: other images with masks, all of which propose labels.
        weights: where the model is on this machine, if not under its own name.
    """
    sae = files.load(folder)
    model = load_model(weights or sae.config.model, None if weights else sae.config.revision)
    check(sae, model, same_weights=weights is not None)
    masked = None if masks is None else held_out(model, masks, n)
    summary, latents = evaluate(sae, model, held_out(model, images, n, hold_out), masked, _progress)
    training = files.recipe_of(folder) or _standing(folder)
    found = {"sae": sae.config.to_dict()} | summary | ({"training": training} if training else {})
    (folder / EVAL).write_text(json.dumps(rounded(found, 5), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / LATENTS).write_text(json.dumps(latents, ensure_ascii=False) + "\n", encoding="utf-8")
    return found


def _standing(folder: Path) -> dict[str, Any] | None:
    """The recipe as an earlier eval.json has it."""
    return read_json(folder / EVAL).get("training") if (folder / EVAL).exists() else None


def _progress(done: int) -> None:
    print(f"\r{done} images", end="", flush=True)


def rounded(value: Any, digits: int) -> Any:
    """Floats to so many significant digits."""
    if isinstance(value, dict):
        return {key: rounded(v, digits) for key, v in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(v, digits) for v in value]
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder with an SAE")
    parser.add_argument("--images", default=SCENES, help="emoji-scenes, a folder, a .parquet file or a Hub data set")
    parser.add_argument("--n", type=int, default=2000, help="at most so many images")
    parser.add_argument("--hold-out", type=int, default=0, help="measure on every n-th picture of a collection")
    parser.add_argument("--masks", help="other images with masks, to propose labels from")
    parser.add_argument("--weights", type=Path, help="the model's weights on this machine, if not under its own name")
    given = parser.parse_args()
    found = score(given.folder, given.images, given.n, given.hold_out, given.weights, given.masks)
    fit, kept = found["reconstruction"], ((found["answers"] or {}).get("accuracy") or {}).get("kept")
    said = f"EV {fit['explained_variance']:.4f}, L0 {found['l0']['all']:.1f}, alive {found['alive_share']:.1%}"
    print(f"\n{said}" if kept is None else f"\n{said}, accuracy kept {kept:.1%}")


if __name__ == "__main__":
    main()
