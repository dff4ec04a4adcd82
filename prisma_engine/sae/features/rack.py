"""The steering rack: what is done to which latents, in typical activations; only this file turns them into acts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from prisma_engine.plain import from_plain
from prisma_engine.sae.features.start import Where
from prisma_engine.sae.steering import HOWS

MOST = 10.0
"""Largest amount, to either side."""


@dataclass(frozen=True)
class Dial:
    """One latent and what is done to it.

    Attributes:
        latent: its index.
        how: "add" an amount to its activation, "clamp" it to one, "scale" it by a factor, "ablate" it.
        amount: of add and clamp in typical activations of the latent; of scale a factor; not used to ablate.

    Raises:
        ValueError: for another way, or an amount that is not from −10 to 10.
    """

    latent: int
    how: str = "add"
    amount: float = 0.0

    def __post_init__(self) -> None:
        if not isinstance(self.latent, int) or isinstance(self.latent, bool) or self.latent < 0:
            raise ValueError(f"a latent is a whole number from 0, got {self.latent!r}")
        if self.how not in HOWS:
            raise ValueError(f"there is no way {self.how!r} to change a latent; there are {', '.join(HOWS)}")
        if not math.isfinite(self.amount) or abs(self.amount) > MOST:
            raise ValueError(f"an amount is from −{MOST:g} to {MOST:g}, got {self.amount}")


@dataclass(frozen=True)
class Rack:
    """Everything that is steered at once.

    Attributes:
        dials: each latent once.
        where: "all", "cls", "patches" or a list of tokens.
        keep_error: leave what the SAE cannot reconstruct as it is.

    Raises:
        ValueError: for a latent that is there twice.
    """

    dials: tuple[Dial, ...] = ()
    where: Where = "all"
    keep_error: bool = True

    def __post_init__(self) -> None:
        latents = [dial.latent for dial in self.dials]
        for latent in latents:
            if latents.count(latent) > 1:
                raise ValueError(f"latent {latent} is in the rack twice; change the one that is there")

    def changes(self, typical: Float[Tensor, " latent"]) -> dict[int, tuple[str, float]]:
        """What `SAE.steer` takes: latent → (how, amount in units of its activation, or a factor).

        Args:
            typical: mean activation of every latent where it is active; 0 for one that never was.

        Raises:
            ValueError: for a latent that there is none of, or an amount of one without a typical activation.
        """
        found = {}
        for dial in self.dials:
            if not 0 <= dial.latent < len(typical):
                raise ValueError(f"there is no latent {dial.latent}; this SAE has latents 0 to {len(typical) - 1}")
            unit = float(typical[dial.latent]) if dial.how in ("add", "clamp") else 1.0
            if unit <= 0:
                raise ValueError(
                    f"latent {dial.latent} was never active where its activations were measured, so there is no "
                    "typical one to count in; multiply it or switch it off"
                )
            found[dial.latent] = (dial.how, dial.amount * unit)
        return found

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` is its inverse."""
        dials = [{"latent": dial.latent, "how": dial.how, "amount": dial.amount} for dial in self.dials]
        where = self.where if isinstance(self.where, str) else list(self.where)
        return {"dials": dials, "where": where, "keep_error": self.keep_error}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Rack:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: for an unknown or missing field, which it names, or a value that is not possible.
        """
        dials = tuple(from_plain(Dial, dial, "a latent of the rack") for dial in values.get("dials", ()))
        where = values.get("where", "all")
        given = {**values, "dials": dials, "where": where if isinstance(where, str) else tuple(where)}
        return from_plain(cls, given, "the rack")
