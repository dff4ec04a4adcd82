"""What the browser fetches of a run: activations token by token, what is known of each latent, attention to patches."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from jaxtyping import Float
from torch import Tensor

from apps.common.blobs import Result
from apps.common.saes import Loaded
from apps.vlm_steering.analysis import Heard, Talk
from prisma_engine.toy.emoji_classes import EMOJI
from prisma_engine.toy.llava.nouns import NOUNS
from prisma_engine.vlm.attention import image_attention

if TYPE_CHECKING:
    from prisma_engine.vlm import HookedVLM, Prompt

NUMBERS = ("frequency", "typical", "largest", "nearest")
SCORES = ("f1", "precision", "recall", "auroc")
_WORD = re.compile(r"attention/([0-9]{1,4})")


def heard_files(talk: Talk, heard: Heard) -> Result:
    """The files "acts" and "attention/<word>", the latter made when it is asked for."""
    acts = pack_acts(heard)

    def make(name: str) -> bytes:
        found = _WORD.fullmatch(name)
        if found is None or int(found[1]) >= heard.n_generated:
            raise ValueError(f"this result has no file {name[:80]!r}")
        rows = attention(talk.model, heard.prompt, int(found[1]) - heard.n_generated)
        return rows.numpy().astype("<f4").tobytes()

    return Result({"acts": acts}, make, len(acts) + heard.n_bytes, heard)


def pack_acts(heard: Heard) -> bytes:
    """Little-endian: uint32 offsets[T + 1], uint32 latents[n], float32 acts[n]; tokens as `Heard` shows them."""
    whole = [heard.offsets.numpy().astype("<u4"), heard.latents.numpy().astype("<u4")]
    return b"".join(array.tobytes() for array in (*whole, heard.acts.numpy().astype("<f4")))


def attention(model: HookedVLM, prompt: Prompt, word: int) -> Float[Tensor, "layer head patch"]:
    """Shares of attention that each head pays to each patch in the pass that chose a generated word.

    Args:
        prompt: with the answer behind it.
        word: counted from the end of the answer: -1 is its last.
    """
    query = len(prompt) + word - 1  # the token before it, after which it was chosen
    return image_attention(model, prompt, [query]).pattern[0].flatten(2).float().cpu()


def pack_known(loaded: Loaded) -> bytes | None:
    """What is known of each latent, one list a property, as JSON; None where nothing was measured."""
    facts = loaded.facts
    if facts is None:
        return None
    columns: dict[str, list[Any]] = {name: digits(getattr(facts, name)) for name in NUMBERS}
    label, emoji = facts.label.tolist(), emoji_of(facts.classes)
    columns["label"] = [facts.classes[i] if i >= 0 else None for i in label]
    columns["emoji"] = [emoji[i] if i >= 0 else None for i in label]
    for name in SCORES:
        if (scores := getattr(facts, name)) is not None:
            columns[name] = [v if i >= 0 else None for v, i in zip(digits(scores), label, strict=True)]
    return json.dumps(columns, ensure_ascii=False, separators=(",", ":")).encode()


def emoji_of(names: Sequence[str]) -> list[str | None]:
    """The emoji of words that name one of our things; None for other words."""
    known = {noun.word: emoji for noun, emoji in zip(NOUNS, EMOJI, strict=True)}
    return [known.get(name) for name in names]


def digits(values: Tensor | Sequence[float], n: int = 4) -> list[float | None]:
    """Numbers for JSON, to so many significant digits; None where there is none."""
    numbers = values.tolist() if isinstance(values, Tensor) else values
    return [float(f"{value:.{n}g}") if abs(value) < float("inf") else None for value in numbers]
