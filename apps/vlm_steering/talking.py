"""The columns being spoken: one word of each in turn, the same seed for all, until they end or are stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch

from apps.vlm_steering.plan import Manner

if TYPE_CHECKING:
    from prisma_engine.running import Edits
    from prisma_engine.vlm import HookedVLM, Prompt
    from prisma_engine.vlm.generate import Step

PAUSE = 0.06  # seconds between two looks at what has been said
State = Literal["speaking", "done", "cut", "stopped"]


@dataclass(frozen=True)
class Said:
    """One column.

    Attributes:
        state: still "speaking"; "done", by its own end; "cut", since it grew too long; "stopped" by the visitor.
        perplexity: of its words for the unsteered model without the picture, per token: 1 where each was certain, the
            larger the stranger; None while it is spoken.
    """

    steps: tuple[Step, ...] = ()
    state: State = "speaking"
    perplexity: float | None = None

    @property
    def text(self) -> str:
        return "".join(step.text for step in self.steps).strip()

    @property
    def ids(self) -> tuple[int, ...]:
        return tuple(step.token for step in self.steps)


def spoken(
    model: HookedVLM,
    prompt: Prompt,
    edits: Mapping[str, Edits],
    manner: Manner,
    ask: str,
    stop: Callable[[], bool] = lambda: False,
    pause: float = PAUSE,
) -> Iterator[dict[str, Said]]:
    """Every column so far, again and again; the last time, each has ended.

    Args:
        edits: of each column, by its name.
        ask: the prompt as it was written, for the perplexity without the picture.
    """
    voices = {
        name: model.generate(
            prompt, edits=given, max_new_tokens=manner.most, temperature=manner.temperature, seed=manner.seed
        )
        for name, given in edits.items()
    }
    found, shown = {name: Said() for name in voices}, time.monotonic()
    while voices and not stop():
        for name in list(voices):
            step = next(voices[name])
            before = found[name].steps
            found[name] = Said((*before, step))
            if step.done:
                del voices[name]
                state = "done" if step.token in model.end_tokens else "cut"
                found[name] = finished(model, found[name].steps, state, ask)
            if stop():
                break
        if time.monotonic() - shown >= pause or not voices:
            shown = time.monotonic()
            yield dict(found)
    if voices:
        yield {name: stopped(model, said, ask) for name, said in found.items()}


def finished(model: HookedVLM, steps: tuple[Step, ...], state: State, ask: str) -> Said:
    """A column that has ended, with its perplexity."""
    return Said(steps, state, perplexity(model, ask, [step.token for step in steps]))


def stopped(model: HookedVLM, said: Said, ask: str) -> Said:
    """A column that the visitor stopped, unless it had ended."""
    return finished(model, said.steps, "stopped", ask) if said.state == "speaking" else said


@torch.no_grad()
def perplexity(model: HookedVLM, ask: str, ids: list[int]) -> float | None:
    """exp of the mean surprise, in nats a token, of an answer for the model as it is, when it sees no picture."""
    if not ids:
        return None
    prompt = model.prompt(ask)
    logits = model(prompt.extended(ids))[0, len(prompt) - 1 : -1].float()
    surprise = -logits.log_softmax(-1).gather(1, torch.tensor(ids, device=logits.device)[:, None]).mean()
    return math.exp(min(float(surprise), 50.0))
