"""The pictures of docs/attention-heads.md, from what docs/data/ keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.ticker import FixedLocator, NullLocator

import prisma_engine as pe
from apps.attention_tour.evidence_figure import MeanPattern, evidence_figure, key_map, step_map, type_maps
from apps.attention_tour.painting import SEQUENTIAL
from apps.common.figures import ACCENT, BASELINE, INK, MUTED
from apps.common.paper import Sheet
from apps.pictures.sheets import DOCS, DPI, MARGIN, TITLES, WIDTH, data, tidy
from prisma_engine.analysis.attention import layout_of
from prisma_engine.load import models_folder
from prisma_engine.name_heads import FILE
from prisma_engine.sources import scene_of
from prisma_engine.studies.attention_scores import FORMS, forms, separation, template_cells
from prisma_engine.studies.mean_patterns import MeanPatterns

PHOTOS = {"emoji-vit": "emoji scenes", "vit-tiny": "ImageNet photos"}
GRIDS = {"emoji-vit": (12, 12), "vit-tiny": (14, 14)}
FAINT = 1e-4  # the least attention that a mean pattern shows
SHARES = (
    ("by_key", "by key", ACCENT),
    ("joint", "joint", "#94b0f5"),
    ("by_query", "by query: the level of a row, which the softmax removes", "#e0c3a8"),
)
SCENE, SHOWN = "scene:0", ("neighbour", 0, 3)  # of "scores or patterns?"


def evidence(model: str) -> pe.Evidence:
    """The evidence on the heads of a model."""
    return pe.Evidence.load(
        models_folder() / model / FILE if model == "emoji-vit" else DOCS / "data" / f"{model}-heads.json"
    )


def types(model: str) -> bytes:
    """How much each head is of each type."""
    known = evidence(model)
    return evidence_figure(type_maps(known), f"{TITLES[model]}, {known.n_images:,} {PHOTOS[model]}", known.rule, DPI)


def gallery() -> bytes:
    """What the clearest heads do, from the mean patterns that docs/data/ keeps: three pictures a head."""
    chosen = [one for model in TITLES for one in mean_patterns(model)]
    sheet = Sheet(WIDTH, 0.6 + 1.42 * -(-len(chosen) // 2), DPI)
    parts = (
        "the mean pattern, on a log scale",
        "where patches look",
        "how far from itself a patch looks (white: itself)",
    )
    sheet.write("What the clearest heads do", MARGIN, 0.22, 10)
    sheet.write(f"each: {' · '.join(parts)}", MARGIN, 0.44, 7, MUTED)
    for index, one in enumerate(chosen):
        row, column = divmod(index, 2)
        left, top = MARGIN + column * 3.4, 0.68 + row * 1.42
        sheet.write(f"{one.title}: {one.note}", left, top, 7)
        for at, values in enumerate((np.log10(one.pattern.clip(FAINT)), key_map(one), _steps(one))):
            axes = sheet.axes(left + at * 1.08, top + 0.12, 1.02, 1.02)
            axes.imshow(
                values, cmap=SEQUENTIAL, vmin=None if at == 0 else 0, interpolation="none" if at else "antialiased"
            )
            axes.set_axis_off()
    return sheet.png()


def mean_patterns(model: str) -> list[MeanPattern]:
    """The chosen heads of one model, each with all its names and their strengths."""
    kept, known, grid = MeanPatterns.load(DOCS / "data" / f"{model}-patterns.npz"), evidence(model), GRIDS[model]
    titles, made = {type.id: type.title.removesuffix(" head") for type in known.types}, []
    for (layer, head), pattern in zip(kept.heads, kept.patterns, strict=True):
        names = (f"{titles[name.type]} {name.strength:.2f}" for name in known.types_of(layer, head))
        n_prefix = pattern.shape[0] - grid[0] * grid[1]
        made.append(MeanPattern(f"{TITLES[model]} L{layer}H{head}", ", ".join(names), pattern, grid, n_prefix))
    return made


def _steps(one: MeanPattern) -> Float[np.ndarray, "row column"]:
    """`step_map` without the step 0, attention to oneself, which would outshine the others."""
    steps = step_map(one)
    steps[steps.shape[0] // 2, steps.shape[1] // 2] = np.nan
    return steps


def corners() -> bytes:
    """The corners of ViT-Tiny: a map of norms a layer, and norms, likeness and attention by layer."""
    found = data("vit-tiny", "corners")
    maps = np.array(found["norm_map"]).reshape(-1, *found["grid"])
    sheet = Sheet(WIDTH, 5.0, DPI)
    sheet.write(
        f"ViT-Tiny/16: length of the residual stream after each layer, mean of {found['n_images']} photos",
        MARGIN,
        0.22,
        10,
    )
    scale = LogNorm(maps.min(), maps.max())
    side, step = 0.92, 1.06
    for layer, values in enumerate(maps):
        row, column = divmod(layer, 6)
        left, top = MARGIN + column * step, 0.62 + row * 1.2
        axes = sheet.axes(left, top, side, side)
        axes.imshow(values, cmap=SEQUENTIAL, norm=scale)
        axes.set_axis_off()
        sheet.write(f"layer {layer}", left, top - 0.08, 6.5, MUTED)
    bar = sheet.figure.colorbar(ScalarMappable(scale, SEQUENTIAL), cax=sheet.axes(6.72, 0.62, 0.08, 2.12))
    bar.outline.set_visible(False)  # type: ignore[operator]
    _count(bar.ax.yaxis)
    bar.ax.tick_params(colors=MUTED, labelsize=6, length=2, width=0.5)
    _corner_curves(sheet, found)
    return sheet.png()


def _corner_curves(sheet: Sheet, found: dict[str, Any]) -> None:
    """Three panels; in each, the corners in ink and what they are compared with beside them."""
    norm, like, mass = (
        (found[a], found[b])
        for a, b in (("corner_norm", "other_norm"), ("corner_likeness", "inner_likeness"), ("mass", "weighted_mass"))
    )
    panels = (
        ("length of the stream", ("corners", norm[0]), ("other patches", norm[1])),
        ("cosine of two photos, same place", ("corners", like[0]), ("inner four", like[1])),
        (
            "patches' attention on the corners",
            ("as a weight", _by_layer(mass[0])),
            ("times the length of values", _by_layer(mass[1])),
        ),
    )
    for index, ((title, *curves), corner) in enumerate(
        zip(panels, ("upper left", "center right", "upper left"), strict=True)
    ):
        left = MARGIN + 0.1 + index * 2.3
        axes = sheet.axes(left, 3.36, 1.9, 1.2)
        sheet.write(title, left - 0.1, 3.18, 7.5)
        for (name, values), color in zip(curves, (INK, BASELINE), strict=True):
            axes.plot(values, color=color, lw=1.4, marker="o", ms=2, label=name)
        if index == 0:
            axes.set_yscale("log")
            _count(axes.yaxis)
        else:
            axes.set_ylim(0, 1.02)
        tidy(axes, "layer")
        axes.legend(frameon=False, fontsize=6, labelcolor=INK, loc=corner, handlelength=1.2)


def shares() -> bytes:
    """What attention scores are made of, layer by layer, in both models."""
    sheet = Sheet(WIDTH, 2.75, DPI)
    sheet.write("Shares of the variance of patch × patch scores", MARGIN, 0.22, 10)
    left = MARGIN + 0.1
    for model, width in (("emoji-vit", 1.9), ("vit-tiny", 4.4)):
        found = data(model, "scores")
        axes, below = sheet.axes(left, 0.72, width, 1.4), np.zeros(len(found["joint"]))
        sheet.write(f"{TITLES[model]}, {found['n_images']:,} {PHOTOS[model]}", left, 0.58, 7.5)
        for field, label, color in SHARES:
            axes.bar(range(len(below)), found[field], 0.82, bottom=below, color=color, label=label)
            below += np.array(found[field])
        axes.set(ylim=(0, 1), xlim=(-0.6, len(below) - 0.4))
        tidy(axes, "layer")
        axes.set_xticks(range(len(below)))
        left += width + 0.3
    handles, labels = axes.get_legend_handles_labels()
    sheet.figure.legend(
        handles, labels, loc="lower left", ncols=3, frameon=False, fontsize=7, bbox_to_anchor=(0.04, 0.0)
    )
    return sheet.png()


def scores_or_patterns() -> bytes:
    """One head on one scene in every form, with how well its structure stands out in it."""
    model, (type, layer, head) = pe.load("emoji-vit"), SHOWN
    scene, layout = scene_of(SCENE).image, layout_of(model)
    seen = forms(pe.attention_maps(model, model.preprocess(scene)).scores(layer)[head], layout)
    measured = separation(seen, *template_cells(layout)[type])
    sheet, side, step = Sheet(WIDTH, 2.3, DPI), 2 * 144 / DPI, 1.68  # two dots a patch
    words = "what every patch (row) reads (column) on one scene"
    sheet.write(f"emoji-vit L{layer}H{head}, a Neighbour head: {words}", MARGIN, 0.22, 10)
    for index, (name, values) in enumerate(zip(FORMS, seen.numpy(), strict=True)):
        left = MARGIN + index * step
        axes = sheet.axes(left, 0.56, side, side)
        low, high = np.quantile(values, (0.002, 0.998))
        axes.imshow(values, cmap=SEQUENTIAL, vmin=low, vmax=high, interpolation="none")
        axes.set_axis_off()
        sheet.write(name, left, 0.46, 7.5)
        sheet.write(f"AUROC {measured[0, index]:.2f} · d′ {measured[1, index]:.2f}", left, 0.56 + side + 0.13, 7, MUTED)
    return sheet.png()


def causal() -> bytes:
    """Accuracy by the first causal layer, prefix tokens exempt."""
    sheet = Sheet(WIDTH, 2.5, DPI)
    sheet.write("Accuracy with attention causal from a layer on; CLS sees all", MARGIN, 0.22, 10)
    left = MARGIN + 0.1
    for model, width in (("emoji-vit", 1.9), ("vit-tiny", 4.4)):
        found = data(model, "causal")
        axes = sheet.axes(left, 0.72, width, 1.3)
        sheet.write(f"{TITLES[model]}, {found['n_images']:,} {PHOTOS[model]}", left, 0.58, 7.5)
        for field, label, color in (("exempt", "from this layer on", INK), ("alone", "in this layer alone", ACCENT)):
            axes.plot([one["accuracy"] for one in found[field]], color=color, lw=1.4, marker="o", ms=2.5, label=label)
        n_layers = len(found["alone"])
        tidy(axes, "layer")
        axes.set(ylim=(0, 1.02), xlim=(-0.3, n_layers + 0.3))
        axes.set_xticks(range(n_layers + 1), [*map(str, range(n_layers)), "none"])
        left += width + 0.3
    axes.legend(frameon=False, fontsize=7, labelcolor=INK, loc="lower right")
    return sheet.png()


def _count(axis: Axis) -> None:
    """Ticks of a logarithmic axis as plain numbers."""
    axis.set_major_locator(FixedLocator([10, 30, 100, 300]))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_locator(NullLocator())


def _by_layer(values: list[list[float]]) -> list[float]:
    return np.array(values).mean(1).tolist()


PICTURES: dict[str, Callable[[], bytes]] = {
    "attention-types-emoji-vit": lambda: types("emoji-vit"),
    "attention-types-vit-tiny": lambda: types("vit-tiny"),
    "attention-gallery": gallery,
    "attention-corners": corners,
    "attention-score-shares": shares,
    "attention-scores-or-patterns": scores_or_patterns,
    "attention-causal": causal,
}
