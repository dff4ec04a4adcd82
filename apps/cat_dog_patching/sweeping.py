"""Sweeps as the page runs them: an estimate at once, then the exact numbers batch by batch, in both directions."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from jaxtyping import Float
from torch import Tensor

import prisma_engine as pe
from apps.cat_dog_patching.analysis import PairResult
from apps.cat_dog_patching.places import Extent, Token, by_of, pattern_of
from apps.common.fields import choice, optional
from prisma_engine import HookedViT, PatchSweep

MAX_CELLS = 6000  # of an exact sweep; a ViT-B/16 at 224 pixels has 2,364 of layer × token
DIGITS = 7  # significant digits of a number on its way to the browser
_ids = itertools.count(1)

Rows = list[list[float | None]]
Direction = Literal["denoise", "noise"]


@dataclass(frozen=True)
class Ask:
    """Which sweep: of which kind of site, by which two axes.

    Attributes:
        layer: the one that is swept; None for a sweep by layer.
        token: which tokens are patched together; "all" for a sweep by token.
    """

    site: str = "z"
    by: tuple[str, str] = ("layer", "head")
    layer: int | None = None
    token: Token = "cls"

    @property
    def where(self) -> dict[str, Any]:
        """The engine's arguments that say so."""
        return {"at": pattern_of(self.site, self.layer), "by": self.by, "token": self.token}


@dataclass(frozen=True)
class Swept:
    """A sweep so far; rows are None where nothing was computed yet."""

    id: int
    ask: Ask
    state: Literal["preview", "running", "done", "stopped"]
    clean: float
    corrupt: float
    total: int
    preview: PatchSweep | None = None
    denoise: PatchSweep | None = None
    noise: PatchSweep | None = None
    note: str | None = None

    @property
    def done(self) -> int:
        """Patches run so far, in both directions."""
        return sum(sweep.n_done for sweep in (self.denoise, self.noise) if sweep)

    @property
    def correlation(self) -> float | None:
        """Between estimate and exact numbers, when all of them are there."""
        if self.preview is None or self.denoise is None or not self.denoise.is_complete:
            return None
        found = self.denoise.correlation(self.preview)
        return found if math.isfinite(found) else None

    @property
    def n_passes(self) -> float:
        """Forward passes spent."""
        return sum(sweep.n_passes for sweep in (self.preview, self.denoise, self.noise) if sweep)

    def as_dict(self) -> dict[str, Any]:
        """The JSON that the canvas reads."""
        ask = self.ask
        return {
            "id": self.id,
            "site": ask.site,
            "by": list(ask.by),
            "layer": ask.layer,
            "token": ask.token,
            "state": self.state,
            **{name: rows(getattr(self, name)) for name in ("preview", "denoise", "noise")},
            "clean": self.clean,
            "corrupt": self.corrupt,
            "correlation": self.correlation,
            "n_passes": round(self.n_passes, 2),
            "done": self.done,
            "total": self.total,
            "note": self.note,
        }


def read_ask(data: object, extent: Extent, before: Ask) -> Ask:
    """A sweep from an event of the canvas; what it leaves out stays as it was.

    Raises:
        ValueError: one sentence, if this model has no such sweep.
    """
    if not isinstance(data, Mapping):
        raise ValueError("a sweep names its site and what it goes by")
    given = {"site": before.site, "by": before.by, "layer": before.layer, "token": before.token, **data}
    site = choice(given, "site", extent.sites)
    asked = given["by"]
    words = tuple(str(asked).split(",")) if isinstance(asked, str) else tuple(map(str, asked or ()))
    by = next((by for by in by_of(site) if by == words), by_of(site)[0])
    layer = None if "layer" in by else optional(given, "layer", extent.n_layers)
    if "layer" not in by and layer is None:
        layer = extent.n_layers - 1
    token: Token = "all" if "token" in by else _token(given.get("token"), extent)
    return Ask(site, by, layer, token)


def carry(ask: Ask, extent: Extent) -> Ask:
    """`ask` in another model: all of it that the model has."""
    plain = {"site": ask.site, "by": ask.by, "layer": ask.layer, "token": ask.token}
    try:
        return read_ask(plain, extent, first_ask(extent))
    except ValueError:
        return first_ask(extent)


def first_ask(extent: Extent) -> Ask:
    """The sweep that a run opens with: every head, at the token that the model's head reads."""
    return Ask(extent.sites[0], token=extent.first_token)


def n_cells(ask: Ask, extent: Extent) -> int:
    """How many patches one direction has."""
    sizes = {"layer": extent.n_layers, "head": extent.n_heads, "token": extent.n_tokens}
    return sizes[ask.by[0]] * sizes[ask.by[1]]


def sweep_steps(
    model: HookedViT,
    result: PairResult,
    ask: Ask,
    stop: Callable[[], bool] = lambda: False,
    directions: tuple[Direction, ...] = ("denoise", "noise"),
) -> Iterator[Swept]:
    """The sweep as it goes: the estimate first, then denoising, then noising; each step after one batch of patches.

    Where it has more cells than this page runs, the estimate is all.
    """
    a, b, _ = result.answers
    inputs = {"clean": result.clean.x, "corrupt": result.corrupt.x, "metric": pe.logit_diff(a, b), **ask.where}
    cells = n_cells(ask, result.extent)
    preview = pe.attribution_patching(model, **inputs)
    swept = Swept(next(_ids), ask, "preview", preview.clean, preview.corrupt, len(directions) * cells, preview)
    if cells > MAX_CELLS:
        note = f"{cells:,} patches a direction are more than this page runs ({MAX_CELLS:,}), so these are estimates"
        yield replace(swept, state="done", total=0, note=note)
        return
    yield swept
    for direction in directions:
        for sweep in pe.patch_sweep_steps(model, direction=direction, **inputs):
            swept = replace(swept, state="running", **{direction: sweep})
            if stop():
                yield replace(swept, state="stopped")
                return
            yield swept
    yield replace(swept, state="done")


def rows(sweep: PatchSweep | None, effect: bool = False) -> Rows | None:
    """The metric of each cell, or its effect (0 as corrupt, 1 as clean); None where it was not computed."""
    return None if sweep is None else plain_rows(sweep.effect if effect else sweep.metric)


def plain_rows(values: Tensor | Float[np.ndarray, "row column"]) -> Rows:
    """Numbers as JSON has them."""
    return [plain_row(row) for row in values]


def plain_row(values: Any) -> list[float | None]:
    """One row of them."""
    return [float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None for value in values.tolist()]


def _token(value: object, extent: Extent) -> Token:
    if value is None or (value == "cls" and not extent.prefix_names):
        return extent.first_token
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:6])
    return extent.token(value)
