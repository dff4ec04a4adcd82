"""The steering rack as browsers and links have it: checked, since anyone can send anything."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from apps.common.fields import choice, index
from apps.sae_steering.extent import Extent, read_tokens, tokens_from_text, tokens_to_text
from prisma_engine.sae.features import Dial, Rack

HOWS = ("add", "scale", "clamp", "ablate")
WHERES = ("all", "cls", "patches", "list")
LIMIT = 10.0
"""Amounts run from minus to plus this: of a latent's typical activation, or the factor where it is scaled."""
MAX_DIALS = 24
_DIAL = re.compile(r"(\d{1,7})\.(add|scale|clamp|ablate)(?:\.(-?\d{1,2}(?:\.\d{1,3})?))?")


def rack_value(rack: Rack, lens: str) -> dict[str, Any]:
    """The JSON that the canvas reads; `lens` is the point that the small lenses read."""
    listed = not isinstance(rack.where, str)
    return {
        "chips": [{"latent": dial.latent, "how": dial.how, "amount": dial.amount} for dial in rack.dials],
        "where": "list" if listed else rack.where,
        "tokens": list(rack.where) if listed else None,
        "keep_error": rack.keep_error,
        "lens": lens,
    }


def read_rack(data: Mapping[str, Any], extent: Extent, before: Rack) -> Rack:
    """A rack from an event of the browser; what it leaves out stays as it was.

    Raises:
        ValueError: one sentence, if a field has the wrong type or lies outside `extent`.
    """
    given = {**rack_value(before, ""), **{name: value for name, value in data.items() if value is not None}}
    where = choice(given, "where", WHERES)
    if where == "cls" and not extent.prefix_names:
        raise ValueError("this model has no CLS token to steer at")
    if not isinstance(given["keep_error"], bool):
        raise ValueError("whether the error is kept is true or false")
    at = read_tokens(given["tokens"] or [], extent) if where == "list" else where
    return Rack(read_dials(given["chips"], extent), at, given["keep_error"])


def read_dials(value: object, extent: Extent) -> tuple[Dial, ...]:
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
        latent, how = index(one, "latent", extent.n_latents), choice(one, "how", HOWS)
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


def dials_from_text(text: str, extent: Extent) -> tuple[Dial, ...]:
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
    return read_dials(found, extent)


def rack_to_fields(rack: Rack) -> tuple[tuple[str, str], ...]:
    """The fields of a link that say it: none for a rack with nothing in it."""
    fields: dict[str, str] = {}
    if rack.dials:
        fields["steer"] = dials_to_text(rack.dials)
    if rack.where != "all":
        fields["where"] = rack.where if isinstance(rack.where, str) else tokens_to_text(rack.where)
    if not rack.keep_error:
        fields["error"] = "replaced"
    return tuple(fields.items())


def rack_from_params(params: Mapping[str, str], extent: Extent) -> tuple[Rack, list[str]]:
    """The rack that an address asks for, and one sentence for each part that is not readable."""
    problems: list[str] = []
    dials: tuple[Dial, ...] = ()
    where: Any = params.get("where", "all")[:2000]
    try:
        dials = dials_from_text(params.get("steer", "")[:1000], extent)
    except ValueError as error:
        problems.append(f"{error}; nothing is steered")
    try:
        where = where_from_text(where, extent)
    except ValueError as error:
        where = "all"
        problems.append(f"{error}; latents are changed everywhere")
    if params.get("error", "kept") not in ("kept", "replaced"):
        problems.append("whether the link keeps the error is not readable; it is kept")
    return Rack(dials, where, params.get("error") != "replaced"), problems


def where_from_text(text: str, extent: Extent) -> str | tuple[int, ...]:
    """Where latents are changed: "all", "cls", "patches", or tokens as in "0.17-20.40".

    Raises:
        ValueError: one sentence.
    """
    if text == "cls" and not extent.prefix_names:
        raise ValueError("this model has no CLS token to steer at")
    return text if text in WHERES[:-1] else tokens_from_text(text, extent)
