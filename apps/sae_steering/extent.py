"""The ranges that whatever a visitor sends must lie in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Extent:
    """Sizes of one run; `lens_labels` are the points of the residual stream, "0_pre" to "final"."""

    n_tokens: int
    n_latents: int
    n_classes: int
    prefix_names: tuple[str, ...]
    grid: tuple[int, int]
    lens_labels: tuple[str, ...]
