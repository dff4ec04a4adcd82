"""What an SAE does to a run: put its reconstruction in the activation's place, and change latents on the way.

Everything is an edit for `run_with_hooks`. The error, x − recon, is kept where `keep_error` says so: the activation
then moves only by what the latents' changes write, and changing nothing changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.edits import Selector, resolve
from prisma_engine.hooks import HookPoint

if TYPE_CHECKING:
    from prisma_engine.sae.model import SAE

How = Literal["add", "scale", "clamp", "ablate"]
HOWS = ("add", "scale", "clamp", "ablate")

Changes = Mapping[int, float | tuple[str, float]] | Iterable[int]
"""Latent → amount, or (how, amount); to ablate, the latents alone are enough."""


@dataclass(frozen=True)
class Change:
    """What happens to one latent: add an amount to its activation, scale it, clamp it to an amount, or ablate it."""

    latent: int
    how: How
    amount: float

    def __call__(self, act: Tensor) -> Tensor:
        if self.how == "add":
            return act + self.amount
        if self.how == "scale":
            return act * self.amount
        return torch.full_like(act, self.amount if self.how == "clamp" else 0.0)


class Steering:
    """An edit that puts an SAE's view of an activation, perhaps changed, in the activation's place.

    Of a transcoder it belongs at two hook points: it reads at `config.hook_name` and acts at `config.hook_out`;
    `at()` says where. What one thread reads, another does not see.
    """

    def __init__(
        self, sae: SAE, changes: tuple[Change, ...], token: Selector | None, keep_error: bool, everywhere: bool = False
    ) -> None:
        """
        Args:
            token: where latents change, and the reconstruction is put unless the error is kept.
            everywhere: put the reconstruction at all other tokens that the SAE is for, too.
        """
        self.sae, self.changes, self.keep_error = sae, changes, keep_error
        self.token, self.everywhere = token, everywhere
        self._read = threading.local()

    def at(self) -> dict[str, Steering]:
        """{hook point: this edit}, for `run_with_hooks`."""
        return dict.fromkeys((self.sae.config.hook_name, self.sae.config.writes), self)

    def __call__(self, x: Tensor, point: HookPoint) -> Tensor:
        config = self.sae.config
        if point.name not in (config.hook_name, config.writes):
            raise ValueError(f"this SAE belongs at {config.writes!r}, not at {point.name!r}")
        if config.is_transcoder and point.name == config.hook_name:
            self._read.x = x.clone()
            return x
        return self._placed(x, point)

    def _placed(self, x: Tensor, point: HookPoint) -> Tensor:
        read, out = self._what_was_read(x), x.clone()
        where = self._places(point, x, self._own() if self.token is None else self.token)
        for place in [] if self.keep_error else [where, *self._others(point, x)]:
            out[place] = self.sae.decode(self.sae.encode(read[place]), read[place]).to(x.dtype)
        if self.changes:
            out[where] = out[where] + self.written(read[where]).to(x.dtype)
        return out

    def _others(self, point: HookPoint, x: Tensor) -> list[tuple[Any, ...]]:
        return [self._places(point, x, self._own())] if self.everywhere and self.token is not None else []

    def _own(self) -> Selector | None:
        """The tokens that the SAE is for."""
        return {"all": None, "cls": "cls", "patches": "patches"}[self.sae.config.tokens]

    @staticmethod
    def _places(point: HookPoint, x: Tensor, token: Selector | None) -> tuple[Any, ...]:
        return resolve(point, x, {} if token is None else {"token": token})

    def _what_was_read(self, x: Tensor) -> Tensor:
        config = self.sae.config
        if not config.is_transcoder:
            return x
        read = self._read.__dict__.pop("x", None)
        if read is None:
            raise ValueError(f"this transcoder reads {config.hook_name!r}; run with hooks edit.at(), which has both")
        return read

    def moved(self, read: Float[Tensor, "*token d_in"]) -> Float[Tensor, "*token change"]:
        """By how much each change moves its latent's activation."""
        acts = self.sae.encode(read)
        return torch.stack([change(acts[..., change.latent]) - acts[..., change.latent] for change in self.changes], -1)

    def written(self, read: Float[Tensor, "*token d_in"]) -> Float[Tensor, "*token d_out"]:
        """What all changes together add to the activation."""
        return self.written_by(self.moved(read), read)

    def written_by(
        self, moved: Float[Tensor, "*token change"], read: Float[Tensor, "*token d_in"]
    ) -> Float[Tensor, "*token d_out"]:
        """The same where `moved` is known, which is what takes time."""
        directions = self.sae.W_dec[[change.latent for change in self.changes]]
        return self.sae.written(moved @ directions, read)


def steering(sae: SAE, changes: Changes, how: str, token: Selector | None, keep_error: bool) -> Steering:
    """The edit that `SAE.steer` returns."""
    return Steering(sae, tuple(_parsed(sae, changes, how)), token, keep_error, everywhere=True)


def _parsed(sae: SAE, changes: Changes, how: str) -> list[Change]:
    given: list[tuple[Any, Any]]
    given = list(changes.items()) if isinstance(changes, Mapping) else [(each, ("ablate", 0.0)) for each in changes]
    if not isinstance(changes, Mapping) and how != "ablate":
        raise ValueError(f"to {how} latents, say how much for each, such as {{4501: -8.0}}")
    found = []
    for latent, amount in given:
        kind, value = amount if isinstance(amount, tuple) else (how, amount)
        if kind not in HOWS:
            raise ValueError(f"there is no way {kind!r} to change a latent; there are {', '.join(HOWS)}")
        if not 0 <= int(latent) < sae.config.d_sae:
            raise ValueError(f"there is no latent {latent}; this SAE has latents 0 to {sae.config.d_sae - 1}")
        found.append(Change(int(latent), kind, float(value)))
    return found
