"""How often heads flip new pictures, and how far they move the answer: chosen ones beside others, from docs/data/."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from apps.common.figures import ACCENT, BASELINE, INK, MUTED
from apps.common.paper import Sheet
from apps.pictures.sheets import DPI, MARGIN, WIDTH, data, tidy

PAIR, OPENED, DOGS, CATS = ("L4H0", "L4H2"), ("L3H1", "L4H2"), ("L4H0",), ("L4H2",)
LATE4, LATE5 = ("L9H0", "L10H0", "L11H0", "L11H1"), ("L9H0", "L9H1", "L10H0", "L11H0", "L11H1")
POOLS = ("any layer", "late layers", "same layers")
ROW, LABELS = 0.17, 1.75  # inches: height of a row, width of its words
Row = tuple[tuple[str, ...], str | None]
"""A chosen set, or with a pool its control."""


def outcome(model: str, name: str) -> dict[str, Any]:
    """One trial of a model."""
    return next(one for one in data(model, "patching-general")["outcomes"] if one["name"] == name)


def rate(one: dict[str, Any], heads: Sequence[str]) -> dict[str, Any]:
    """What a chosen set did in a trial."""
    return next(found for found in one["chosen"] if tuple(found["heads"]) == tuple(heads))


def control(one: dict[str, Any], heads: Sequence[str], pool: str) -> dict[str, Any]:
    """What other sets of that size did in a trial."""
    return next(c for c in one["controls"] if tuple(c["of"]) == tuple(heads) and c["pool"] == pool)


def needed(one: dict[str, Any]) -> float:
    """Which share of the way the answer of a trial's mean pair has to move before it changes sides."""
    return one["before"] / (one["before"] - one["source"])


def general_scenes() -> bytes:
    """New scenes: one animal exchanged for the other, and one of two hidden."""
    trials = (
        ("dog alone, heads of the cat alone", "dog alone ←\ncat alone"),
        ("cat alone, heads of the dog alone", "cat alone ←\ndog alone"),
        ("both, heads with the dog face hidden", "both ←\ndog hidden"),
        ("cat face hidden, heads of both", "cat hidden ←\nboth"),
    )
    rows: list[Row] = [(PAIR, None), *((PAIR, pool) for pool in POOLS), (OPENED, None)]
    rows += [(DOGS, None), (DOGS, "any layer"), (CATS, None), (CATS, "any layer")]
    return _panels("emoji-vit, new scenes: chosen heads beside others", "emoji-vit", trials, rows)


def general_photos() -> bytes:
    """Photos that were not looked at when the heads were chosen, and pairs of them side by side."""
    trials = (
        ("checkpoint: cat_dog, heads of crop_dog", "cat_dog ←\ncrop_dog"),
        ("checkpoint: dog photo, heads of a cat photo", "dog photo ←\ncat photo"),
        ("checkpoint: cat photo, heads of a dog photo", "cat photo ←\ndog photo"),
        ("checkpoint: side by side, heads with the dog hidden", "side by side ←\ndog hidden"),
    )
    one, two = ("L9H0",), ("L9H0", "L10H0")
    rows: list[Row] = [(heads, pool) for heads in (one, two, LATE4, LATE5) for pool in (None, *POOLS)]
    title = "ViT-Tiny/16, new photos: heads that cat_dog chose beside others"
    return _panels(title, "vit-tiny", trials, rows)


def _panels(title: str, model: str, trials: Sequence[tuple[str, str]], rows: Sequence[Row]) -> bytes:
    high = ROW * len(rows)
    sheet = Sheet(WIDTH, 0.95 + high + 0.6, DPI)
    sheet.write(title, MARGIN, 0.22, 10)
    width = (WIDTH - 2 * MARGIN - LABELS) / len(trials)
    for index, (name, said) in enumerate(trials):
        one, left = outcome(model, name), MARGIN + LABELS + index * width
        axes = sheet.axes(left, 0.9, width - 0.22, high)
        for line, words in enumerate((*said.split("\n"), f"{one['n']} pair{'s' if one['n'] > 1 else ''}")):
            sheet.write(words, left, 0.46 + 0.14 * line, 7, MUTED if line == 2 else INK)
        _plot(axes, one, rows)
        if not index:
            for at, row in enumerate(rows):
                words = _words(one, row)
                sheet.write(words, MARGIN, 0.9 + ROW * (at + 0.5), 7, MUTED if row[1] else INK)
    handles, labels = axes.get_legend_handles_labels()
    sheet.figure.legend(
        handles, labels, loc="lower left", ncols=4, frameon=False, fontsize=7, bbox_to_anchor=(0.03, 0.0)
    )
    return sheet.png()


def _plot(axes: Axes, one: dict[str, Any], rows: Sequence[Row]) -> None:
    for at, (heads, pool) in enumerate(rows):
        if pool is None:
            found = rate(one, heads)
            axes.plot(100 * found["flips"] / one["n"], at, "o", color=INK, ms=4, label=None if at else "flip")
            if one["n"] > 1:
                for interval, color in (("flips_interval", INK), ("moved_interval", ACCENT)):
                    axes.plot([100 * end for end in found[interval]], [at, at], color=color, lw=1.2)
            label = None if at else "how far the answer moves"
            axes.plot(100 * found["moved"], at, "D", color=ACCENT, ms=3.2, mfc="white", label=label)
        else:
            found = control(one, heads, pool)
            axes.axhspan(at - 0.5, at + 0.5, color="#f3f4f6", lw=0)
            axes.plot([100 * found["mean"], 100 * found["best"]], [at, at], color=MUTED, lw=0.8)
            axes.plot(100 * found["mean"], at, "o", color=MUTED, ms=3)
            axes.plot(100 * found["best"], at, "|", color=MUTED, ms=6)
            axes.plot(100 * found["moved"], at, "D", color=ACCENT, ms=2.4, mfc="white", alpha=0.6)
    axes.plot([], [], "-|", color=MUTED, lw=0.8, ms=6, label="others: mean, and flips of the best")
    axes.axvline(100 * needed(one), color=BASELINE, lw=0.9, ls=(0, (3, 2)), label="how far it has to move")
    tidy(axes, "%")
    axes.grid(axis="y", visible=False)
    axes.grid(axis="x", color="#e5e7eb", lw=0.6)
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlim=(-9, 105), yticks=[], xticks=[0, 50, 100])
    axes.spines["left"].set_visible(False)


def _words(one: dict[str, Any], row: Row) -> str:
    heads, pool = row
    if pool is None:
        return " ".join(heads)
    found = control(one, heads, pool)
    n = found["n_sets"]
    return f"    all {n} other, {pool}" if found["whole"] else f"    {n} random, {pool}"
