"""What the cells of a matrix are: their names, their units, and how a number becomes a shade."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Float

from apps.common.maps import LOG_FLOOR

Kind = Literal["pattern", "scores", "rank", "value"]
Scale = Literal["linear", "log"]
Norm = Literal["row", "matrix"]
Matrix = Float[np.ndarray, "query key"]


@dataclass(frozen=True)
class Measure:
    """One kind of matrix, in words."""

    title: str
    unit: str  # of the colour bar
    logarithmic: bool  # whether a log scale has a meaning
    signed: bool  # whether 0 is the middle of the scale


MEASURES: dict[Kind, Measure] = {
    "pattern": Measure("attention pattern", "share of the reading token's attention", True, False),
    "scores": Measure("attention scores, before the softmax", "score, q · k / √d_head", False, False),
    "rank": Measure("rank among scores, less rank among patterns", "percentage points", False, True),
    "value": Measure("value-weighted attention", "length that is moved, in units of the residual stream", True, False),
}


def say(kind: Kind, number: float) -> str:
    """A number with its unit, if it has a short one: "31 %", "−3.20", "+12 pp"; "hidden" behind a mask."""
    if not np.isfinite(number):
        return "hidden"
    if kind == "pattern":
        return _percent(number)
    text = {"rank": f"{number:+.0f} pp", "scores": f"{number:.2f}", "value": f"{number:.3g}"}[kind]
    return text.replace("-", "−").replace("−0 ", "0 ").replace("+0 ", "0 ")


def _percent(share: float) -> str:
    percent = 100 * share
    if percent < 0.01:
        return "0 %" if share == 0 else "< 0.01 %"
    digits = 0 if percent >= 9.95 else 1 if percent >= 0.995 else 2
    return f"{percent:.{digits}f} %"


def ends(values: np.ndarray, kind: Kind, scale: Scale) -> tuple[float, float]:
    """Lowest and highest visible value, as the colours span them: symmetric about 0 where 0 is the middle.

    On a log scale the lowest is at least a millionth: of the whole for shares, of the highest for lengths.
    """
    visible = values[np.isfinite(values)]
    if not visible.size:
        return 0.0, 1.0
    low, high = float(visible.min()), float(visible.max())
    if MEASURES[kind].signed:
        return -max(-low, high), max(-low, high)
    if scale == "log" and MEASURES[kind].logarithmic:
        floor = LOG_FLOOR * (1.0 if kind == "pattern" else high)
        return max(low, floor), max(high, floor)
    return low, high


def shade(values: np.ndarray, kind: Kind, scale: Scale, low: float, high: float) -> np.ndarray:
    """0 at `low`, 1 at `high`, between them linear or by the logarithm; NaN where a mask hides the cell."""
    shown, bounds = np.where(np.isfinite(values), values, np.nan), np.array([low, high])
    if scale == "log" and MEASURES[kind].logarithmic:
        shown, bounds = (np.log10(np.maximum(part, np.finfo("f4").tiny)) for part in (shown, bounds))
    return np.clip((shown - bounds[0]) / (np.ptp(bounds) or 1.0), 0, 1)


def shades(matrix: Matrix, kind: Kind, scale: Scale, norm: Norm) -> Matrix:
    """The shade of every cell: on one scale for the matrix, or on each row's own."""
    if norm == "matrix":
        return shade(matrix, kind, scale, *ends(matrix, kind, scale))
    return np.stack([shade(row, kind, scale, *ends(row, kind, scale)) for row in matrix])
