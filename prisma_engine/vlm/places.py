"""Where an edit acts: at which tokens of a prompt and its continuation, the same with and without a KV cache.

Every token has a kind: "image" (it came from pixels), "prompt" (it was given as text) or "generated". With a cache the
model sees the prompt in one pass (the prefill) and then one token at a time (decode); without one it sees all of them
again and again. An edit made by `at` looks at the tokens, not at the pass: those of the prompt belong to the prefill,
generated ones to decode, however they are computed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from prisma_engine.hooks import Edit, HookPoint, check_edited

Kind = Literal["image", "prompt", "generated"]
When = Literal["prefill", "decode"]

KINDS: tuple[Kind, ...] = get_args(Kind)
WHENS: tuple[When, ...] = get_args(When)


@dataclass(frozen=True)
class Places:
    """The tokens of one forward pass.

    Attributes:
        kinds: of the tokens in this pass, in order; the rows of a batch have the same.
        start: position of the first of them in the whole sequence.
    """

    kinds: tuple[Kind, ...]
    start: int = 0

    def chosen(self, kinds: frozenset[Kind], tokens: frozenset[int] | None) -> list[int]:
        """Which tokens of this pass are of these kinds and, unless `tokens` is None, at these positions."""
        return [
            i for i, kind in enumerate(self.kinds) if kind in kinds and (tokens is None or self.start + i in tokens)
        ]


_current_places: ContextVar[Places | None] = ContextVar("current_places", default=None)


@contextmanager
def passing(places: Places) -> Iterator[None]:
    """Say which tokens the forward pass inside is of, in this thread or task alone."""
    token = _current_places.set(places)
    try:
        yield
    finally:
        _current_places.reset(token)


def current_places() -> Places:
    """The tokens of the pass that this thread (or task) is in.

    Raises:
        ValueError: outside of passes of a `HookedVLM`.
    """
    places = _current_places.get()
    if places is None:
        raise ValueError("only a HookedVLM knows which of its tokens are which; this edit was used outside of its run")
    return places


def at(
    edit: Edit,
    where: Iterable[Kind] = KINDS,
    when: Iterable[When] = WHENS,
    tokens: Iterable[int] | None = None,
) -> Edit:
    """An edit that acts at some tokens only; it is given these tokens' activations, as if there were no others.

    Args:
        where: kinds of tokens: "image", "prompt", "generated".
        when: "prefill" means tokens of the prompt, image included, "decode" those that were generated. The first
            generated token is predicted in the prefill, by the last token of the prompt.
        tokens: positions in the whole sequence, counted from 0; None means all.

    Raises:
        ValueError: for an unknown word, or where the edit could not act anywhere. The edit itself raises one at a hook
            point that has no tokens of the sequence, such as those of the vision tower.
    """
    kinds = _kinds(_words(where, KINDS, "where"), _words(when, WHENS, "when"))
    positions = None if tokens is None else frozenset(_position(token) for token in tokens)

    def placed(x: Tensor, point: HookPoint) -> Tensor:
        axis = _token_axis(point)
        places = current_places()
        if x.shape[axis] != len(places.kinds):
            raise ValueError(f"{point.name!r} has {x.shape[axis]} tokens, and the pass is of {len(places.kinds)}")
        chosen = places.chosen(kinds, positions)
        if not chosen:
            return x
        index = torch.tensor(chosen, device=x.device)
        return x.index_copy(axis, index, _edited(edit, x.index_select(axis, index), point))

    return placed


def by_row(edits: Sequence[Edit | None]) -> Edit:
    """An edit with another edit for each row of a batch; None leaves a row as it is.

    Rows with the very same edit are given to it together. The edit raises a ValueError in a batch of another size.
    """
    groups: dict[int, tuple[Edit, list[int]]] = {}
    for row, edit in enumerate(edits):
        if edit is not None:
            groups.setdefault(id(edit), (edit, []))[1].append(row)

    def each(x: Tensor, point: HookPoint) -> Tensor:
        if len(x) != len(edits):
            raise ValueError(f"there are edits for {len(edits)} rows, and the batch at {point.name!r} has {len(x)}")
        for edit, rows in groups.values():
            index = torch.tensor(rows, device=x.device)
            x = x.index_copy(0, index, _edited(edit, x.index_select(0, index), point))
        return x

    return each


def _edited(edit: Edit, x: Tensor, point: HookPoint) -> Tensor:
    edited = edit(x, point)
    check_edited(edited, x, point)
    return edited


def _kinds(where: frozenset[str], when: frozenset[str]) -> frozenset[Kind]:
    """The kinds that both choices leave."""
    kinds: frozenset[Kind] = frozenset(
        kind for kind in KINDS if kind in where and ("decode" if kind == "generated" else "prefill") in when
    )
    if not kinds:
        raise ValueError(
            f"where={sorted(where)} with when={sorted(when)} acts nowhere: only generated tokens are decoded, "
            "and all others are of the prefill"
        )
    return kinds


def _words(given: Iterable[str], known: tuple[str, ...], name: str) -> frozenset[str]:
    words = frozenset([given] if isinstance(given, str) else given)
    if not words or not words <= set(known):
        raise ValueError(f"{name}={sorted(words)} is not understood; choose some of {', '.join(known)}")
    return words


def _position(token: int) -> int:
    if isinstance(token, bool) or not isinstance(token, int) or token < 0:
        raise ValueError(f"tokens are positions counted from 0, got {token!r}")
    return token


def _token_axis(point: HookPoint) -> int:
    for name in ("token", "query"):
        if name in point.axes and point.n_prefix is None:
            return point.axes.index(name)
    raise ValueError(f"{point.name!r} has no tokens of the sequence, so an edit there cannot choose among them")
