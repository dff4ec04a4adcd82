"""The pictures of docs/toy-zoo.md, from what the models' own folders keep: scores, histories and curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from matplotlib.axes import Axes

from apps.common.figures import ACCENT, BASELINE, INK, MUTED
from apps.common.paper import Sheet
from apps.pictures.sheets import DPI, MARGIN, WIDTH, data, tidy
from prisma_engine.curves import Curves, TypeCurves, read_curves
from prisma_engine.history import read_history
from prisma_engine.load import models_folder
from prisma_engine.toy.zoo.evaluate import read

SIZES = ("tiny", "base", "small", "medium")
KINDS = {"attn-mlp": ("attention and MLPs", ACCENT), "attn-only": ("attention alone", BASELINE)}
PUBLIC = {"attn-mlp": (0.535, 0.996, 1.000, 1.000), "attn-only": (0.459, 0.685, 0.774, 0.991)}
"""The public suite's dSprites models."""
SHADES = ("#c3cdf5", "#8ea3ea", "#5b76dd", "#22399c"), ("#f3cdb8", "#e39a74", "#cf6636", "#8a2c08")
COLORS = {"edges": "#0f766e", "corner": "#7c3aed", "neighbour": "#b45309", "cls": "#64748b", "sink": "#be123c"}
WATCHED = ("dsprites-base-attn-mlp", "cifar10-base-attn-mlp")


def name_of(data_set: str, size: str, kind: str) -> str:
    return f"{data_set}-{size}-{kind}"


def depth() -> bytes:
    """Held-out accuracy over depth, with and without MLPs, on shapes and on photos."""
    sheet = Sheet(WIDTH, 2.75, DPI)
    sheet.write("What a layer more, and an MLP, are worth: held-out pictures named right", MARGIN, 0.2, 10)
    counting = next(m for m in data("dsprites", "errors")["models"] if m["model"] == "white pixels alone")["accuracy"]
    panels = (("dsprites", "random", "dSprites: square, ellipse or heart"), ("cifar10", "test", "CIFAR-10 photos"))
    for index, (data_set, part, title) in enumerate(panels):
        left = MARGIN + 0.15 + index * 3.45
        sheet.write(title, left, 0.5, 8)
        axes = sheet.axes(left, 0.66, 2.95, 1.6)
        for kind, (said, color) in KINDS.items():
            found = [read(models_folder() / name_of(data_set, size, kind))["held_out"][part] for size in SIZES]
            axes.plot(
                range(1, 5), [100 * one["accuracy"] for one in found], "o-", color=color, ms=4, lw=1.4, label=said
            )
            if data_set == "dsprites":
                public = [100 * share for share in PUBLIC[kind]]
                axes.plot(
                    range(1, 5), public, "o:", color=color, ms=3.5, lw=0.9, mfc="white", label=f"public suite, {said}"
                )
        if data_set == "dsprites":
            axes.axhline(100 * counting, color=MUTED, lw=0.8, ls=(0, (3, 2)), label="counting white pixels")
        tidy(axes, "layers")
        axes.set(ylim=(30 if data_set == "dsprites" else 40, 102 if data_set == "dsprites" else 82))
        axes.yaxis.set_major_formatter("{x:.0f} %")
        axes.legend(fontsize=5.6, frameon=False, loc="lower right")
    return sheet.png()


def learning() -> bytes:
    """Held-out accuracy over the steps of every training: long nothing, then nearly everything."""
    sheet = Sheet(WIDTH, 2.7, DPI)
    sheet.write("Sixteen trainings: held-out accuracy over steps", MARGIN, 0.2, 10)
    for index, (data_set, title) in enumerate((("dsprites", "dSprites"), ("cifar10", "CIFAR-10"))):
        left = MARGIN + 0.15 + index * 3.45
        sheet.write(title, left, 0.5, 8)
        axes = sheet.axes(left, 0.66, 2.95, 1.6)
        for (kind, (said, _)), shades in zip(KINDS.items(), SHADES, strict=True):
            for layers, (size, color) in enumerate(zip(SIZES, shades, strict=True), 1):
                rows = read_history(models_folder() / name_of(data_set, size, kind)).rows
                share = [100 * row.held_out_accuracy for row in rows]
                axes.plot([max(row.step, 0.5) for row in rows], share, color=color, lw=1.1, label=f"{layers}, {said}")
        tidy(axes, "step (log scale; the first point is step 0)")
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(lambda x, _: "0" if x < 1 else f"{x:,.0f}")
        axes.set_xticks([0.5, 4, 32, 256, 2048, 16384])
        axes.yaxis.set_major_formatter("{x:.0f} %")
        if not index:
            axes.legend(fontsize=5.2, frameon=False, loc="upper left", title="layers", title_fontsize=5.6)
    return sheet.png()


def watching() -> bytes:
    """Two models while they learn: the lens where every pixel is known, and the strongest head of each type."""
    known = [curves for name in WATCHED if (curves := read_curves(models_folder() / name)) is not None]
    sheet = Sheet(WIDTH, 3.0, DPI)
    sheet.write("Two models while they learn: answers, lens, and the strongest head of each type", MARGIN, 0.2, 10)
    for index, (name, curves) in enumerate(zip(WATCHED, known, strict=True)):
        left = MARGIN + 0.15 + index * 3.45
        sheet.write(f"{name}, steps that were kept", left, 0.5, 8)
        axes = sheet.axes(left, 0.66, 2.95, 1.75)
        _watched(axes, curves, name)
        handles, labels = axes.get_legend_handles_labels()
        axes.legend(handles, labels, fontsize=5.4, frameon=False, loc="upper left", ncols=2)
    return sheet.png()


def _watched(axes: Axes, curves: Curves, name: str) -> None:
    at = [max(step, 0.5) for step in curves.steps]
    past = read_history(models_folder() / name)
    axes.plot(at, [past.at(step).held_out_accuracy for step in curves.steps], color=INK, lw=1.6, label="named right")
    if curves.lens is not None:
        best = [iou[point] for iou, point in zip(curves.lens.iou, curves.lens.best, strict=True)]
        axes.plot(at, best, color=ACCENT, lw=1.4, label="lens IoU, best point")
    for kind in curves.types:
        top = strongest(kind)
        if max(top) >= 0.1:  # below that, no head is named
            color = COLORS.get(kind.id, "#94a3b8")
            axes.plot(at, top, color=color, lw=1.1, ls="--", label=kind.title)
    tidy(axes, "step (log scale; the first point is step 0)")
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_formatter(lambda x, _: "0" if x < 1 else f"{x:,.0f}")
    axes.set_xticks([0.5, 4, 32, 256, 2048])
    axes.set(ylim=(-0.05, 1.45), yticks=[0, 0.5, 1])


def strongest(kind: TypeCurves) -> list[float]:
    """Strength of the strongest head of a type at each step."""
    return [max((v for row in step for v in row if v is not None), default=0.0) for step in kind.strength]


def errors() -> bytes:
    """What each model of dSprites makes of each shape at each size."""
    study = data("dsprites", "errors")
    shown: Sequence[dict] = study["models"]
    columns = 5
    rows = -(-len(shown) // columns)
    sheet = Sheet(WIDTH, 0.75 + 1.35 * rows, DPI)
    sheet.write("Which shapes are named right, at which size (per cent)", MARGIN, 0.2, 10)
    sheet.write(f"{study['n_images']:,} held-out pictures; down: shape, across: scale 0.5 … 1", MARGIN, 0.42, 7, MUTED)
    for index, one in enumerate(shown):
        row, column = divmod(index, columns)
        left, top = MARGIN + column * 1.34, 0.75 + row * 1.35
        title = one["model"].removeprefix("dsprites-")
        sheet.write(f"{title}: {100 * one['accuracy']:.1f} %", left, top - 0.06, 6)
        axes = sheet.axes(left, top + 0.03, 1.24, 0.9)
        axes.imshow(
            [[100 * v for v in line] for line in one["by_scale"]], cmap="Blues", vmin=0, vmax=130, aspect="auto"
        )
        for y, line in enumerate(one["by_scale"]):
            for x, value in enumerate(line):
                axes.text(x, y, f"{100 * value:.0f}", ha="center", va="center", fontsize=4.6, color=INK)
        axes.set(xticks=[], yticks=[])
    return sheet.png()


PICTURES: dict[str, Callable[[], bytes]] = {
    "zoo-depth": depth,
    "zoo-learning": learning,
    "zoo-watching": watching,
    "zoo-errors": errors,
}
