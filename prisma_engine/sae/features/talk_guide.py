"""A recipe for an SAE of text on a model that talks about pictures, measured: `guide.json` beside its weights.

`prisma_engine.studies.llava_guide` measures one and writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prisma_engine.hub import LoadError
from prisma_engine.load import read_json
from prisma_engine.plain import from_plain
from prisma_engine.sae.features.guide import FILE, Picture, Share


@dataclass(frozen=True)
class Measured:
    """What the recipe does to held-out scenes that show the thing beside one other, and to scenes that do not show it.

    Attributes:
        gone: share of the former, where it is named, in which it no longer is.
        kept: share of those in which the other object, where it is named, still is.
        control: `gone` for the directions of random latents, as far and at the same tokens.
        wrong_sign: `gone` for the same latent moved the other way.
        untouched: share of the latter whose description stays word for word.
    """

    gone: Share
    kept: Share
    control: Share
    wrong_sign: Share
    untouched: Share


@dataclass(frozen=True)
class Guide:
    """What to do, and what then happens.

    Attributes:
        picture: what to look at.
        asked: what to ask.
        thing: what shall be forgotten.
        latent, how, amount: the one to move, "add" typical activations of it or "scale" it by a factor, and how much.
        where, when: at which tokens.
        before, after: the descriptions.
        measured: on how many other scenes it is so.
    """

    picture: Picture
    asked: str
    thing: str
    latent: int
    how: str
    amount: float
    where: tuple[str, ...]
    when: tuple[str, ...]
    before: str
    after: str
    measured: Measured

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` is its inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Guide:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: for a missing or unknown field, which it names.
        """
        shares = {name: from_plain(Share, share, name) for name, share in values["measured"].items()}
        read: dict[str, Any] = {
            "picture": from_plain(Picture, values["picture"], "a picture"),
            "measured": from_plain(Measured, shares, "what was measured"),
        }
        read |= {name: tuple(values[name]) for name in ("where", "when")}
        return from_plain(cls, {**values, **read}, "the guide")


def read_guide(folder: Path) -> Guide | None:
    """The recipe beside an SAE's weights, or None if there is none.

    Raises:
        LoadError: if it is damaged.
    """
    if not (folder / FILE).exists():
        return None
    try:
        return Guide.from_dict(read_json(folder / FILE))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LoadError(f"{FILE} of {folder.name} is damaged: {error}") from None
