"""The recipe beside an SAE, measured: what to show and ask, which latent to turn, what then happens and how often."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

from apps.common.saes import Loaded
from apps.vlm_steering.turn import Turn
from prisma_engine.sae.features import Dial
from prisma_engine.sae.features.talk_guide import Guide, Measured, read_guide
from prisma_engine.toy.llava.nouns import class_of

log = logging.getLogger(__name__)


def guide_for(loaded: Loaded) -> Guide | None:
    """The recipe beside an SAE's weights, read once; None where there is none, or it is damaged or of other latents."""
    if "recipe" not in loaded.__dict__:
        found = recipe_in(loaded.folder)
        loaded.__dict__["recipe"] = found if found and found.latent < loaded.config.d_sae else None
    return loaded.__dict__["recipe"]


def recipe_in(folder: Path) -> Guide | None:
    """The recipe in a folder; None where there is none, or it is damaged; the cause is in the log."""
    try:
        return read_guide(folder)
    except ValueError as error:
        log.warning("%s", error)
        return None


def turn_of(guide: Guide) -> Turn:
    """What a recipe turns."""
    return Turn((Dial(guide.latent, guide.how, guide.amount),), guide.where, guide.when)  # type: ignore[arg-type]


def words_of(text: str) -> list[str]:
    """The words of an answer, without its marks."""
    return re.findall(r"[\w-]+", text.lower())


def guide_value(guide: Guide | None) -> dict[str, Any] | None:
    """What to try first, as the canvas reads it."""
    if guide is None:
        return None
    before, after = words_of(guide.before), words_of(guide.after)
    return {
        "title": f"Make it forget the {guide.thing}",
        "picture": guide.picture.title,
        "prompt": guide.asked,
        "gone": [guide.thing],
        "kept": [word for word in dict.fromkeys(before) if word in after and _is_noun(word)],
        "measured": measured_said(guide.measured, guide.thing),
        **turn_of(guide).as_dict(),
    }


def measured_said(m: Measured, thing: str) -> str:
    """The measurement in two sentences."""
    return (
        f"On held-out scenes that show a {thing} beside something else, it goes from {m.gone.said} descriptions, and "
        f"the other thing stays in {m.kept.said}. With random latents moved as far it goes from {m.control.said}, with "
        f"the wrong sign from {m.wrong_sign.said}; of scenes without a {thing}, {m.untouched.said} are described word "
        "for word as before."
    )


def _is_noun(word: str) -> bool:
    return class_of(word) is not None
