"""Sites: which part of which activation is patched, and the grids of sites that a sweep visits."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from prisma_engine.edits import LAST_AXES, Selector
from prisma_engine.hooks import HookPoint, match, match_all
from prisma_engine.vit import HookedViT

TOKEN_AXES = ("token", "query")
AXES = ("layer", "head", "token", "neuron")
"""What a sweep can go by."""


@dataclass(frozen=True)
class Site:
    """Part of one hook point's activation. What is left out means everywhere, as in `prisma_engine.edits`.

    Attributes:
        point: full name of the hook point, such as `blocks.3.attn.hook_z`.
        token: an index, a slice, several indices, or "cls", "prefix", "patches" or "all".
        head, neuron, key: an index, a slice or several indices; `neuron` is the last axis, `key` that of a pattern.
    """

    point: str
    token: Selector | None = None
    head: Selector | None = None
    neuron: Selector | None = None
    key: Selector | None = None

    def __post_init__(self) -> None:
        for axis in ("token", "head", "neuron", "key"):
            given = getattr(self, axis)
            if given == "all":
                object.__setattr__(self, axis, None)
            elif isinstance(given, Iterable) and not isinstance(given, str):
                object.__setattr__(self, axis, tuple(given))  # so that a site can be a key

    @property
    def layer(self) -> int | None:
        """Which block it is in; None before the first and after the last."""
        return layer_of(self.point)

    @property
    def where(self) -> dict[str, Any]:
        """The selectors that are given, as `prisma_engine.edits` takes them."""
        chosen = {"token": self.token, "head": self.head, "neuron": self.neuron, "key": self.key}
        return {axis: selector for axis, selector in chosen.items() if selector is not None}

    def __str__(self) -> str:
        leaf = self.point.rpartition("hook_")[2]
        words = [f"L{self.layer}" if self.layer is not None else "", f"H{self.head}" if self.head is not None else ""]
        place = "".join(words) + (f" {leaf}" if leaf != "z" or self.head is None else "")
        rest = [f"{axis} {value}" for axis, value in self.where.items() if axis in ("neuron", "key")]
        token = [] if self.token is None else ["CLS" if self.token == "cls" else f"token {self.token}"]
        return " ".join([place.strip(), *rest, *(f"at {word}" for word in token)])


@dataclass(frozen=True)
class SiteGrid:
    """All sites of a sweep, as a grid over what it goes by.

    Attributes:
        by: names of the grid's axes.
        indices: of each axis: layers, heads, token positions or neurons.
        labels: of each axis, for people: "L3", "H5", "CLS", "patch 17", "N40".
        sets: for each cell in row-major order, the sites that are patched together.
    """

    by: tuple[str, ...]
    indices: tuple[tuple[int, ...], ...]
    labels: tuple[tuple[str, ...], ...]
    sets: tuple[tuple[Site, ...], ...]

    @cached_property
    def shape(self) -> tuple[int, ...]:
        return tuple(map(len, self.indices))

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What each cell is called, in row-major order: "L3H5", "L3 patch 17"."""
        return tuple(" ".join(cell).replace(" H", "H") for cell in itertools.product(*self.labels))

    @cached_property
    def points(self) -> tuple[str, ...]:
        """Names of the hook points that the sites are at."""
        return tuple(dict.fromkeys(site.point for sites in self.sets for site in sites))


def check_points(model: HookedViT, sites: Iterable[Site]) -> None:
    """Check that each site is at one hook point of the model.

    Raises:
        KeyError: if there is no such hook point; the sentence suggests one.
        ValueError: for a pattern.
    """
    for name in dict.fromkeys(site.point for site in sites):
        if (found := match(model.hook_points, name)[0].name) != name:
            raise ValueError(f"a site is at one hook point, such as {found!r}, got the pattern {name!r}")


def layer_of(name: str) -> int | None:
    """Which block a hook point's name belongs to; None outside of the blocks."""
    first, _, rest = name.partition(".")
    return int(rest.partition(".")[0]) if first == "blocks" else None


def site_grid(model: HookedViT, at: str | Iterable[str], by: str | Sequence[str], token: Selector = "all") -> SiteGrid:
    """The sites at some hook points, one cell for each combination of what the grid goes by.

    What is not in `by` is patched together: by head alone, a head of every matched layer at once.

    Args:
        at: hook point name or pattern, or several.
        by: any of "layer", "head", "token" and "neuron" that the hook points have, in the order of the grid's axes.
        token: which tokens are patched together, or, with "token" in `by`, which ones one at a time.

    Raises:
        KeyError: if a pattern matches no hook point.
        ValueError: if a hook point has no such axis, or a token is outside the model.
    """
    points = [p for p in model.hook_points.values() if p in match_all(model.hook_points, at)]
    axes = (by,) if isinstance(by, str) else tuple(by)
    _check_axes(points, axes)
    tokens = _tokens(model, points, token)
    values = {"layer": _layers(points), "head": range(model.config.n_heads), "token": tokens}
    indices = tuple(tuple(_neurons(model, points) if a == "neuron" else values[a]) for a in axes)
    fixed = None if token == "all" else tokens[0] if len(tokens) == 1 else tuple(tokens)
    cells = (dict(zip(axes, cell, strict=True)) for cell in itertools.product(*indices))
    sets = tuple(_cell(points, cell, fixed) for cell in cells)
    labels = tuple(tuple(_NAMES[a](model, i) for i in values) for a, values in zip(axes, indices, strict=True))
    return SiteGrid(axes, indices, labels, sets)


def token_positions(model: HookedViT, token: Selector) -> list[int]:
    """Positions of the tokens that a selector means.

    Raises:
        ValueError: if it is not understood, or a token is outside the model.
    """
    n, n_prefix = model.config.n_tokens, model.n_prefix
    named = {"all": range(n), "cls": range(1), "prefix": range(n_prefix), "patches": range(n_prefix, n)}
    if isinstance(token, str):
        if token not in named:
            raise ValueError(f"token={token!r} is not understood; use an index, several, or {', '.join(named)}")
        if token == "cls" and not n_prefix:
            raise ValueError(f"{model.name} has no CLS token; select patches by index")
        return list(named[token])
    if isinstance(token, slice):
        return list(range(n)[token])
    wanted = [operator.index(i) for i in (token if isinstance(token, Iterable) else [token])]
    if not wanted:
        raise ValueError("no token is selected; give an index, several, or 'all'")
    for i in wanted:
        if not -n <= i < n:
            raise ValueError(f"there is no token {i}; {model.name} has tokens 0 to {n - 1}")
    return [i % n for i in wanted]


def token_name(model: HookedViT, position: int) -> str:
    """What a token is called: its prefix name, or the number of its patch."""
    n_prefix = model.n_prefix
    return model.prefix_names[position] if position < n_prefix else f"patch {position - n_prefix}"


def _check_axes(points: list[HookPoint], by: tuple[str, ...]) -> None:
    for axis in by:
        if axis not in AXES or by.count(axis) > 1:
            raise ValueError(f"a sweep goes by some of {', '.join(AXES)}, each once; got {', '.join(by)}")
        for point in points:
            if not _has(point, axis):
                raise ValueError(f"{point.name!r} has no {axis}s to go by; its axes are {', '.join(point.axes)}")


def _has(point: HookPoint, axis: str) -> bool:
    if axis == "layer":
        return layer_of(point.name) is not None
    return bool(set(point.axes) & set({"token": TOKEN_AXES, "neuron": LAST_AXES}.get(axis, (axis,))))


def _layers(points: list[HookPoint]) -> list[int]:
    return sorted({layer for point in points if (layer := layer_of(point.name)) is not None})


def _tokens(model: HookedViT, points: list[HookPoint], token: Selector) -> list[int]:
    for point in points:
        if token != "all" and not _has(point, "token"):
            raise ValueError(f"{point.name!r} has no token axis, so token={token!r} selects nothing")
    return token_positions(model, token)


def _neurons(model: HookedViT, points: list[HookPoint]) -> range:
    sizes = {axis: getattr(model.config, axis) for axis in ("d_model", "d_head", "d_mlp")}
    sizes["class"] = model.config.n_classes
    counts = {sizes[point.axes[-1]] for point in points}
    if len(counts) > 1:
        raise ValueError(f"these hook points have {' and '.join(map(str, sorted(counts)))} neurons; sweep one kind")
    return range(counts.pop())


def _cell(points: list[HookPoint], cell: dict[str, int], token: Selector | None) -> tuple[Site, ...]:
    chosen = [p for p in points if cell.get("layer") in (None, layer_of(p.name))]
    token = cell.get("token", token)
    return tuple(Site(p.name, token=token, head=cell.get("head"), neuron=cell.get("neuron")) for p in chosen)


_NAMES: dict[str, Callable[[HookedViT, int], str]] = {
    "layer": lambda model, i: f"L{i}",
    "head": lambda model, i: f"H{i}",
    "token": token_name,
    "neuron": lambda model, i: f"N{i}",
}
