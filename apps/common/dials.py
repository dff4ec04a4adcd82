"""Changes of single latents as browsers and links have them: checked, since anyone can send anything."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from apps.common.fields import choice, index
from prisma_engine.sae.features import Dial

HOWS = ("add", "scale", "clamp", "ablate")
LIMIT = 10.0
"""Amounts run from minus to plus this: of a latent's typical activation, or the factor where it is scaled."""
MAX_DIALS = 24
_DIAL = re.compile(r"(\d{1,7})\.(add|scale|clamp|ablate)(?:\.(-?\d{1,2}(?:\.\d{1,3})?))?")


def read_dials(value: object, n_latents: int) -> tuple[Dial, ...]:
    """The changes of single latents.

    Raises:
        ValueError: one sentence.
    """
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > MAX_DIALS:
        raise ValueError(f"at most {MAX_DIALS} latents can be changed at once, as a list")
    found: dict[int, Dial] = {}
    for one in value:
        if not isinstance(one, Mapping):
            raise ValueError("a change names a latent, how it is changed, and an amount")
        latent, how = index(one, "latent", n_latents), choice(one, "how", HOWS)
        if latent in found:
            raise ValueError(f"latent {latent} is changed twice; change it once")
        found[latent] = Dial(latent, how, 0.0 if how == "ablate" else _amount(one.get("amount")))
    return tuple(found.values())


def _amount(value: object) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if value is not None and not (is_number and math.isfinite(value) and abs(value) <= LIMIT):  # type: ignore[arg-type]
        raise ValueError(f"an amount lies between {-LIMIT:g} and {LIMIT:g}; got {str(value)[:20]!r}")
    return round(float(value or 0.0), 3)  # type: ignore[arg-type]


def dial_said(dial: Dial) -> str:
    """A change in words: "latent 12 +5"; amounts count typical activations."""
    amount = f"{dial.amount:+g}".replace("-", "−")
    plain = f"{dial.amount:g}".replace("-", "−")
    said = {"add": amount, "clamp": f"held at {plain}", "scale": f"times {plain}", "ablate": "off"}
    return f"latent {dial.latent} {said[dial.how]}"


def dials_to_text(dials: Sequence[Dial]) -> str:
    """Changes as a link has them: "12.add.5_40.ablate"."""
    return "_".join(
        f"{dial.latent}.{dial.how}" + ("" if dial.how == "ablate" else f".{dial.amount:g}") for dial in dials
    )


def dials_from_text(text: str, n_latents: int) -> tuple[Dial, ...]:
    """The reverse of `dials_to_text`; spaces, commas and semicolons separate too.

    Raises:
        ValueError: one sentence.
    """
    found = []
    for part in filter(None, re.split(r"[_\s;,]+", text)):
        match = _DIAL.fullmatch(part.replace(":", "."))
        if match is None:
            raise ValueError(f"a change is such as 12.add.5 or 12.ablate; got {part[:40]!r}")
        latent, how, amount = match.groups()
        if amount is None and how != "ablate":
            raise ValueError(f"say how much, such as {latent}.{how}.5; got {part[:40]!r}")
        found.append({"latent": int(latent), "how": how, "amount": None if amount is None else float(amount)})
    return read_dials(found, n_latents)
