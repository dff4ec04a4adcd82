"""Latents by what they are called or by what they write; "what is active here and not there" is the browser's."""

from __future__ import annotations

from typing import Any

from apps.common.fields import choice, optional
from apps.sae_steering.analysis import SteerResult
from apps.sae_steering.handlers import SteerDesk, effect_note
from apps.sae_steering.trying import plain
from prisma_engine.labels import Vocabulary
from prisma_engine.sae.features import Found, by_class, by_label

KINDS = ("label", "class")
MAX_FOUND, MAX_TEXT = 50, 100


def search(desk: SteerDesk, result: SteerResult, data: dict[str, Any]) -> dict[str, Any]:
    """What was found, as the canvas reads it; `value` is F1 for labels, logits a typical activation for classes.

    Raises:
        ValueError: one sentence, for a search that is none, or a class that the model does not have.
    """
    kind, text = choice(data, "kind", KINDS), data.get("text")
    if not isinstance(text, (str, int)) or isinstance(text, bool) or len(str(text)) > MAX_TEXT:
        raise ValueError("write what to look for")
    found: tuple[Found, ...]
    named = None
    if kind == "label":
        facts = result.loaded.facts
        if facts is None:
            raise ValueError("the latents of this SAE were never labelled; look for what they write instead")
        found = by_label(facts, str(text), MAX_FOUND)
    else:
        if (note := effect_note(result)) is not None:
            raise ValueError(note)
        index = optional(data, "index", len(result.vocabulary.names))
        index = class_in(result.vocabulary, text) if index is None else index
        named = result.named(index)
        found = by_class(desk.knowledge.written(result), index, k=MAX_FOUND, facts=result.loaded.facts)
    return {"query": {"kind": kind, "text": str(text), "class": named}, "latents": [_row(each) for each in found]}


def _row(found: Found) -> dict[str, Any]:
    return {"index": found.latent, "label": found.label, "f1": found.f1, "value": plain(float(found.value))}


def class_in(vocabulary: Vocabulary, text: str | int) -> int:
    """The class that fits best what a person typed: its name or the beginning of one, an emoji, or its index.

    Raises:
        ValueError: one sentence, if none does.
    """
    found = vocabulary.search(str(text), 1) if str(text).strip() else []
    return found[0] if found else vocabulary.index(str(text))
