"""Edits: what to do to an activation, and where. Each returns a function for `run_with_hooks`.

All take the same selectors; those left out mean "everywhere":
`head`, `neuron` (the last axis), `key` (attention's second token axis) and `token`. A selector is an index,
a slice or a sequence of indices; `token` also takes "cls" (the first prefix token), "prefix" and "patches".
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, SupportsIndex

import torch
from torch import Tensor

from prisma_engine.hooks import Edit, HookPoint

Selector = SupportsIndex | slice | Sequence[int] | str

LAST_AXES = ("d_model", "d_head", "d_mlp", "class")


def zero(**where: Selector) -> Edit:
    """Set the selected activations to 0 (zero ablation)."""
    return _edit(torch.zeros_like, where)


def scale(factor: float | Tensor, **where: Selector) -> Edit:
    """Multiply the selected activations by `factor` (a number, or a tensor that broadcasts to them)."""
    return _edit(lambda x: x * factor, where)


def add(value: float | Tensor, **where: Selector) -> Edit:
    """Add `value` (in the activation's own units) to the selected activations."""
    return _edit(lambda x: x + value, where)


def replace(value: float | Tensor, **where: Selector) -> Edit:
    """Put `value` in the place of the selected activations.

    A tensor of the whole activation's shape gives its selected part (activation patching: pass what another
    run saved); one that broadcasts to the selection is written as it is.
    """

    def edit(x: Tensor, point: HookPoint) -> Tensor:
        index = resolve(point, x, where)
        whole = isinstance(value, Tensor) and value.shape == x.shape
        return _written(x, index, value[index] if whole else value)  # type: ignore[index]

    return edit


def mean(over: str = "batch", **where: Selector) -> Edit:
    """Set the selected activations to their mean over an axis of this run ("batch", "token", …).

    For the mean over a data set, compute it and use `replace`.
    """

    def edit(x: Tensor, point: HookPoint) -> Tensor:
        if over not in point.axes:
            raise ValueError(f"{point.name!r} has no axis {over!r}; it has {', '.join(point.axes)}")
        averaged = x.mean(point.axes.index(over), keepdim=True).expand_as(x)
        index = resolve(point, x, where)
        return _written(x, index, averaged[index])

    return edit


def resolve(point: HookPoint, x: Tensor, where: dict[str, Any]) -> tuple[Any, ...]:
    """The index into an activation that selectors mean at this hook point.

    Raises:
        ValueError: if the hook point has no such axis, or an index is outside it.
    """
    index: list[Any] = [slice(None)] * x.ndim
    lists = 0
    for name, selector in where.items():
        axis = _axis(point, name)
        index[axis] = _indices(point, name, selector, x.shape[axis])
        lists += isinstance(index[axis], list)
    return _outer(index, x) if lists > 1 else tuple(index)


def _axis(point: HookPoint, name: str) -> int:
    """Which axis a selector speaks of; attention's token axes are `query` (also `token`) and `key`."""
    aliases = {"token": ("token", "query"), "neuron": LAST_AXES}.get(name, (name,))
    for axis, axis_name in enumerate(point.axes):
        if axis_name in aliases:
            return axis
    raise ValueError(f"{point.name!r} has no axis {name!r}; it has {', '.join(point.axes)}")


def _indices(point: HookPoint, name: str, selector: Selector, length: int) -> int | slice | list[int]:
    if isinstance(selector, str):
        return _named_tokens(point, name, selector)
    if isinstance(selector, slice):
        return selector
    wanted = _whole_numbers(name, selector)
    for i in wanted:
        if not -length <= i < length:
            raise ValueError(f"{name} {i} is outside {point.name!r}, which has {length}")
    return wanted


def _whole_numbers(name: str, selector: Any) -> list[int]:
    try:
        return [operator.index(selector)]
    except TypeError:
        pass  # several, then
    try:
        return [operator.index(i) for i in selector]
    except TypeError:
        raise ValueError(f"{name}={selector!r} is not understood; use an index, a slice or a list of indices") from None


def _named_tokens(point: HookPoint, name: str, selector: str) -> int | slice | list[int]:
    named: dict[str, slice | list[int]]
    named = {"cls": [0], "prefix": slice(0, point.n_prefix), "patches": slice(point.n_prefix, None)}
    if name not in ("token", "key", "query") or selector not in named:
        raise ValueError(f"{name}={selector!r} is not understood; use an index, or token='cls', 'prefix' or 'patches'")
    if point.n_prefix is None:
        raise ValueError(
            f"{point.name!r} is of a language model, whose tokens are no patches; say where by prisma_engine.vlm.at"
        )
    if selector == "cls" and point.n_prefix == 0:
        raise ValueError("this model has no CLS token; select patches by index")
    return named[selector]


def _outer(index: list[Any], x: Tensor) -> tuple[Any, ...]:
    """Several lists select their product (heads 1, 2 at tokens 0, 5 are four places), as slices do."""
    ranges = [
        torch.arange(n)[i] if not isinstance(i, int) else torch.tensor([i]) for i, n in zip(index, x.shape, strict=True)
    ]
    return tuple(r.view([-1 if a == axis else 1 for a in range(x.ndim)]) for axis, r in enumerate(ranges))


def _edit(change: Callable[[Tensor], Tensor], where: dict[str, Any]) -> Edit:
    def edit(x: Tensor, point: HookPoint) -> Tensor:
        index = resolve(point, x, where)
        return _written(x, index, change(x[index]))

    return edit


def _written(x: Tensor, index: tuple[Any, ...], value: float | Tensor) -> Tensor:
    out = x.clone()
    out[index] = value
    return out
