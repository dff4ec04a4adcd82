"""What the pictures of the notes share: the measured numbers, a sheet's sizes, and how a plot's axes look."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from apps.common.figures import MUTED

DOCS = Path(__file__).parents[2] / "docs"
TITLES = {"emoji-vit": "emoji-vit", "vit-tiny": "ViT-Tiny/16"}
WIDTH, MARGIN, DPI = 7.2, 0.36, 200  # of a sheet: inches, and dots an inch


def data(model: str, study: str) -> dict[str, Any]:
    """What a study measured, as docs/data/ keeps it."""
    return json.loads((DOCS / "data" / f"{model}-{study}.json").read_text(encoding="utf-8"))


def tidy(axes: Axes, label: str) -> None:
    """Faint lines across, no frame, whole numbers along the bottom."""
    axes.set_xlabel(label, fontsize=6.5, color=MUTED, labelpad=1)
    axes.tick_params(colors=MUTED, labelsize=6, length=2, width=0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color="#e5e7eb", lw=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set(color=MUTED, linewidth=0.5)
