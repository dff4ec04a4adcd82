"""The steering rack as browsers and links have it: checked, since anyone can send anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.common.dials import dials_from_text, dials_to_text, read_dials
from apps.common.fields import choice
from apps.common.tokens import read_tokens, tokens_from_text, tokens_to_text
from apps.sae_steering.extent import Extent
from prisma_engine.sae.features import Dial, Rack

WHERES = ("all", "cls", "patches", "list")


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
    at = read_tokens(given["tokens"] or [], extent.n_tokens) if where == "list" else where
    return Rack(read_dials(given["chips"], extent.n_latents), at, given["keep_error"])


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
        dials = dials_from_text(params.get("steer", "")[:1000], extent.n_latents)
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
    return text if text in WHERES[:-1] else tokens_from_text(text, extent.n_tokens)
