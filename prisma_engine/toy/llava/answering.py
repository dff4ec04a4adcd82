"""What a trained emoji-llava says: greedy answers to many prompts at once, with and without a picture."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.toy.llava.nouns import class_of
from prisma_engine.toy.llava.things import PLACES

LONGEST = 48
"""Tokens of an answer, at most."""
PHRASE = re.compile(r"an? (large|small) (\S+) (" + "|".join(sorted(sum(PLACES, ()), key=len, reverse=True)) + ")")
"""How a description speaks of one thing."""


@torch.inference_mode()
def answers(
    llava: Any,
    processor: Any,
    questions: Sequence[str],
    pixels: Float[Tensor, "question channel height width"] | None,
    at_once: int = 50,
) -> list[str]:
    """The likeliest answer to each question, word after word; marks stand apart, as in the grammar.

    Args:
        pixels: one picture for each question, or None to ask without any.
    """
    said: list[str] = []
    tokenizer = processor.tokenizer
    picture = "" if pixels is None else processor.image_token * llava.config.image_seq_length
    for start in range(0, len(questions), at_once):
        some = questions[start : start + at_once]
        inputs = tokenizer(
            [f"<user> {picture} {question} <assistant>" for question in some], padding=True, return_tensors="pt"
        )
        seen = {} if pixels is None else {"pixel_values": pixels[start : start + at_once].to(llava.dtype)}
        given = {key: inputs[key] for key in ("input_ids", "attention_mask")}
        out = llava.generate(**given, **seen, max_new_tokens=LONGEST, do_sample=False)
        for row in out[:, inputs["input_ids"].shape[1] :].tolist():
            words = tokenizer.convert_ids_to_tokens(row)
            said.append(" ".join(words[: words.index("<eos>")] if "<eos>" in words else words))
    return said


def named(answer: str) -> list[int]:
    """The emoji classes that an answer names, in its order, with repetitions."""
    return [kind for word in answer.split() if (kind := class_of(word)) is not None]


def placed(answer: str) -> dict[int, tuple[str, str]]:
    """Size and place that a description gives each thing it names."""
    found = {class_of(word): (size, place) for size, word, place in PHRASE.findall(answer)}
    return {kind: value for kind, value in found.items() if kind is not None}
