"""The pictures of docs/llava-steering.md, from what lies beside the SAEs of emoji-llava, and one drawn by the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from apps.common.figures import ACCENT, BASELINE, INK, MUTED
from apps.common.paper import Sheet
from apps.pictures.sheets import DPI, MARGIN, WIDTH, tidy
from prisma_engine.load import models_folder, read_json

SAES = "emoji-llava-saes"
GREEN = "#0f766e"
SHOWN = ("pizza", "banana", "dog", "car", "balloon", "penguin")
LOOKS = {
    ("own", "scale"): (GREEN, "-", "its latent, scaled where it is active"),
    ("own", "add"): (ACCENT, "-", "its latent, added everywhere"),
    ("random", "scale"): (GREEN, ":", "a random direction, as far, at the same tokens"),
    ("random", "add"): (BASELINE, ":", "a random direction, as far, everywhere"),
}


def told(name: str) -> dict[str, Any]:
    """What a study measured, as it lies beside the SAEs."""
    return read_json(models_folder() / SAES / name)


def layer(name: str) -> str:
    """Of an SAE's name, for people: "layer 1"."""
    return f"layer {name.split('.')[1]}"


def transfer() -> bytes:
    """By layer: how many classes' text latents are among the first on images, and how well they find their object."""
    saes = told("transfer.json")["saes"]
    sheet = Sheet(WIDTH, 2.75, DPI)
    sheet.write("Latents that were learned and labelled on text, looked at on images", MARGIN, 0.2, 10)
    sheet.write("classes whose latent is among the first 10 where their object is", MARGIN + 0.1, 0.48, 7.5)
    left = sheet.axes(MARGIN + 0.2, 0.62, 2.95, 1.62)
    at = np.arange(len(saes))
    for shift, key, color, label in (
        (-0.2, "in_top", "#8ea3ea", "by mean activation"),
        (0.2, "in_top_more", ACCENT, "compared with other objects"),
    ):
        values = [one[key] for one in saes]
        share = [100 * v["value"] for v in values]
        error = np.array([[100 * (v["value"] - v["low"]), 100 * (v["high"] - v["value"])] for v in values]).T
        left.bar(at + shift, share, 0.38, color=color, yerr=error, error_kw={"lw": 0.8, "ecolor": INK}, label=label)
    left.plot(
        at, [100 * one["shuffled_more"] for one in saes], "D", color=BASELINE, ms=3.5, label="other class' latent"
    )
    left.plot(at, [100 * one["random"] for one in saes], "_", color=INK, ms=12, label="random latent")
    tidy(left, "")
    left.set(xticks=at, xticklabels=[layer(one["sae"]) for one in saes], ylim=(0, 128), yticks=range(0, 101, 25))
    left.yaxis.set_major_formatter("{x:.0f} %")
    left.legend(fontsize=5.4, frameon=False, loc="upper left", ncols=2)
    sheet.write("AUROC: an object's image tokens against all others", 3.95, 0.48, 7.5)
    right = sheet.axes(3.95, 0.62, 2.95, 1.62)
    for i, one in enumerate(saes):
        values = [c["auroc"] for c in one["classes"] if c["latent"] is not None]
        spread = np.random.default_rng(0).uniform(-0.25, 0.25, len(values))
        right.plot(i + spread, values, ".", color=ACCENT, ms=3, alpha=0.6)
        right.plot([i - 0.3, i + 0.3], [one["auroc"]["value"]] * 2, color=INK, lw=1.2)
        right.plot([i - 0.3, i + 0.3], [one["auroc_shuffled"]] * 2, color=BASELINE, lw=1.2)
    tidy(right, "a dot a class; black the mean, brown that of other classes' latents")
    right.set(xticks=at, xticklabels=[layer(one["sae"]) for one in saes], ylim=(0.4, 1.02))
    return sheet.png()


def dose() -> bytes:
    """Strength against what is forgotten or seen, what is kept, and what it costs."""
    found = told("steering.json")
    sheet = Sheet(WIDTH, 4.85, DPI)
    sheet.write(
        f"Steering text latents in pictures, {layer(found['forget']['sae'])}: dose and response", MARGIN, 0.2, 10
    )
    for row, (task, title) in enumerate((("forget", "an object is to be forgotten"), ("see", "one is to be seen"))):
        top = 0.86 + 2.0 * row
        study = found[task]
        sheet.write(f"{title}: {study['n']} scenes", MARGIN, top - 0.17, 8)
        done = "object no longer named" if task == "forget" else "object named"
        panels = (("done", done), ("kept", "other objects still named"), ("perplexity", "perplexity"))
        for column, (key, said) in enumerate(panels):
            axes = sheet.axes(MARGIN + 0.1 + 2.3 * column, top, 1.95, 1.38)
            for looks, points in _lines(study):
                _line(axes, points, key, *looks)
            if key == "perplexity":
                axes.axhline(study["perplexity"], color=MUTED, lw=0.8, ls=(0, (3, 2)))
                axes.set_yscale("log")
            else:
                axes.set(ylim=(-4, 104))
                axes.yaxis.set_major_formatter("{x:.0f} %")
            axes.axvline(0, color="#e5e7eb", lw=0.8)
            tidy(axes, f"strength · {said}")
            axes.tick_params(axis="y", which="minor", labelsize=5, colors=MUTED, length=1.5)
        if not row:
            handles, labels = axes.get_legend_handles_labels()
            sheet.figure.legend(
                handles,
                labels,
                fontsize=5.4,
                frameon=False,
                ncols=4,
                columnspacing=1.0,
                handlelength=2.2,
                loc="upper left",
                bbox_to_anchor=(0.04, 0.945),
            )
    return sheet.png()


def _lines(study: dict[str, Any]) -> list[tuple[tuple[str, str, str], list[dict[str, Any]]]]:
    """How each curve looks and its points, from the lowest strength; the wrong sign is a curve of its own."""
    return [
        (LOOKS[curve["latent"], curve["way"]["how"]], sorted(curve["points"], key=lambda point: point["strength"]))
        for curve in study["curves"]
    ]


def _line(axes: Axes, points: Sequence[dict[str, Any]], key: str, color: str, style: str, label: str) -> None:
    x = [point["strength"] for point in points]
    seen = {line.get_label() for line in axes.get_lines()}
    label = f"_{label}" if label in seen else label
    if key == "perplexity":
        axes.plot(x, [point[key] for point in points], style, color=color, lw=1.1, marker="o", ms=2, label=label)
        return
    low, value, high = ([100 * point[key][name] for point in points] for name in ("low", "value", "high"))
    axes.fill_between(x, low, high, color=color, alpha=0.15, lw=0)
    axes.plot(x, value, style, color=color, lw=1.1, marker="o", ms=2, label=label)


def lit() -> bytes:
    """Scenes of one object each, and where in them the latent is active whose text label is that object."""
    import torch

    from prisma_engine import vlm
    from prisma_engine.sae import files
    from prisma_engine.studies.llava_scenes import held_out_scenes, image_activations
    from prisma_engine.toy.llava.nouns import WORDS

    saes = told("transfer.json")["saes"]
    best = next(one for one in saes if one["sae"] == told("steering.json")["forget"]["sae"])
    model, sae = vlm.load("emoji-llava"), files.load(models_folder() / SAES / best["sae"])
    sheet = Sheet(WIDTH, 2.85, DPI)
    sheet.write("Where a latent that only ever read text is active in a picture", MARGIN, 0.2, 10)
    sheet.write(f"{layer(best['sae'])}; below, its activation at each image token", MARGIN, 0.42, 7, MUTED)
    for index, word in enumerate(SHOWN):
        one = next(c for c in best["classes"] if c["name"] == word)
        kind, left = WORDS.index(word), MARGIN + index * 1.1
        with torch.no_grad():
            scenes = held_out_scenes(model, "single", 100 + kind, 1, classes=(kind,))
            x = image_activations(model, scenes.prompt, [sae.hook_name])[sae.hook_name]
            acts = sae.encode(x)[0, :, one["latent"]] if one["latent"] is not None else torch.zeros(x.shape[1])
        rows, columns = scenes.prompt.grid or (1, len(acts))
        known = "no latent" if one["latent"] is None else f"latent {one['latent']}"
        sheet.write(f"“{word}”, {known}", left, 0.64, 6.2)
        sheet.picture(scenes.prompt.pictures[0], left, 0.74, 1.0, 1.0)
        axes = sheet.axes(left, 1.78, 1.0, 1.0)
        axes.imshow(acts.view(rows, columns).numpy(), cmap="Blues", vmin=0, vmax=max(1e-6, float(acts.max())))
        axes.set(xticks=[], yticks=[])
    return sheet.png()


PICTURES: dict[str, Callable[[], bytes]] = {
    "llava-lit": lit,
    "llava-transfer": transfer,
    "llava-dose": dose,
}
