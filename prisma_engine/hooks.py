"""Hook points and runs. What a run saves and edits belongs to that run, never to the module.

A server runs several visitors' forward passes at once over one shared model. Hooks registered on a module
are global state: one visitor's ablation would colour another's picture. Here a `HookPoint` asks a
`ContextVar` which run it is in, and each thread and each asyncio task has its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase

import torch
from torch import Tensor, nn

Edit = Callable[[Tensor, "HookPoint"], Tensor]
"""Takes the activation and the hook point it came from; returns the activation that is used next."""


class NoSuchName(KeyError):
    """A name or pattern that matches nothing; unlike a plain KeyError it prints as its sentence."""

    def __str__(self) -> str:
        return str(self.args[0])


class HookPoint(nn.Module):
    """An identity with a name. Inside a run it saves what passes, or replaces it.

    Its return value is the activation used next, always.

    Attributes:
        name: path in the model, such as `blocks.3.attn.hook_z`; set by the model once it is built.
        axes: names of the activation's axes in order, such as ("batch", "token", "head", "d_head").
        n_prefix: how many tokens precede the patches on a token axis; None where tokens are not patches.
    """

    def __init__(self, axes: str) -> None:
        super().__init__()
        self.name = ""
        self.axes = tuple(axes.split())
        self.n_prefix: int | None = 0

    def extra_repr(self) -> str:
        return " ".join(self.axes)

    def forward(self, x: Tensor) -> Tensor:
        run = _current_run.get()
        return x if run is None else run.visit(self, x)

    @property
    def wanted(self) -> bool:
        """Whether the current run saves or edits here; costly activations are computed only then."""
        run = _current_run.get()
        return run is not None and (self in run.save or self in run.edits)


@dataclass
class Run:
    """What one forward pass saves and edits, keyed by hook point (so a second model is never touched)."""

    save: frozenset[HookPoint] = frozenset()
    edits: Mapping[HookPoint, tuple[Edit, ...]] = field(default_factory=dict)
    saved: dict[str, Tensor] = field(default_factory=dict)

    def visit(self, point: HookPoint, x: Tensor) -> Tensor:
        for edit in self.edits.get(point, ()):
            x = _edited(edit, x, point)
        if point in self.save:
            self.saved[point.name] = _own(x)
        return x


_current_run: ContextVar[Run | None] = ContextVar("current_run", default=None)


def current_edits() -> Mapping[HookPoint, tuple[Edit, ...]]:
    """The edits of the run that this thread (or task) is in; none outside of runs."""
    run = _current_run.get()
    return {} if run is None else run.edits


@contextmanager
def active(run: Run | None) -> Iterator[Run | None]:
    """Make `run` the one that this thread's (or task's) forward passes belong to; None means a bare pass."""
    token = _current_run.set(run)
    try:
        yield run
    finally:
        _current_run.reset(token)


def match(points: Mapping[str, HookPoint], pattern: str) -> list[HookPoint]:
    """Hook points whose name matches `pattern`, where `*` stands for anything.

    Raises:
        NoSuchName: if there is none; the sentence suggests the nearest names.
    """
    found = [point for name, point in points.items() if fnmatchcase(name, pattern)]
    if found:
        return found
    near = _suggest(pattern, points)
    raise NoSuchName(f"no hook point matches {pattern!r}" + (f"; did you mean {near!r}?" if near else ""))


def match_all(points: Mapping[str, HookPoint], patterns: str | Iterable[str]) -> frozenset[HookPoint]:
    """The union of `match` over one pattern or several."""
    listed = [patterns] if isinstance(patterns, str) else list(patterns)
    return frozenset(point for pattern in listed for point in match(points, pattern))


def _suggest(pattern: str, points: Mapping[str, HookPoint]) -> str | None:
    """The nearest name, written with the same `*` for the layer as the pattern had."""
    starred = {_star_layer(name) if "*" in pattern else name for name in points}
    near = get_close_matches(pattern, sorted(starred), n=1, cutoff=0.4)
    return near[0] if near else None


def _star_layer(name: str) -> str:
    return ".".join("*" if part.isdigit() else part for part in name.split("."))


def _own(x: Tensor) -> Tensor:
    """`x` itself, or a copy where it is a view: a saved name must not keep a larger tensor alive."""
    return x.clone() if x.untyped_storage().nbytes() > x.nbytes else x


def _edited(edit: Edit, x: Tensor, point: HookPoint) -> Tensor:
    """What the edit makes of `x`; `x` itself where it changed nothing, so that nothing is computed again.

    The edit gets a copy, since it may write in place and others may hold `x`. Forward passes that it runs itself
    are bare, or they would meet the same edit again.
    """
    given = x.clone()
    with active(None):
        edited = edit(given, point)
    check_edited(edited, x, point)
    untouched = edited is given and edited.requires_grad == x.requires_grad and torch.equal(edited, x)
    return x if untouched else edited


def check_edited(edited: Tensor, x: Tensor, point: HookPoint) -> None:
    """Refuse what an edit returned in the place of `x` unless it is a tensor of its shape and type.

    Raises:
        ValueError: naming the hook point.
    """
    if not isinstance(edited, Tensor):
        raise ValueError(
            f"the edit at {point.name!r} returned {type(edited).__name__}; return the activation used next"
        )
    if edited.shape != x.shape:
        raise ValueError(f"the edit at {point.name!r} returned shape {tuple(edited.shape)}, expected {tuple(x.shape)}")
    if edited.dtype != x.dtype:
        raise ValueError(f"the edit at {point.name!r} returned {edited.dtype}, expected {x.dtype}")
