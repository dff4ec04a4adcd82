"""Generation: one token after another from a model's public forward pass, with a KV cache, under edits.

A `Generation` holds nothing open between two tokens: no run, no lock. Whoever stops asking has stopped it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prisma_engine.hooks import Run, active
from prisma_engine.vlm.places import Places
from prisma_engine.vlm.prompt import Prompt

if TYPE_CHECKING:
    from prisma_engine.running import Edits
    from prisma_engine.vlm.hooked import HookedVLM


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen.

    Attributes:
        max_new_tokens: at most so many are generated; fewer where the model's context ends before.
        temperature: divides the logits before one is drawn; 0 takes the most probable.
        seed: of the draws; the same seed gives the same answer.
        cache: keep keys and values; without, every token is computed from the whole sequence again.
    """

    max_new_tokens: int = 64
    temperature: float = 0.0
    seed: int = 0
    cache: bool = True

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise ValueError(f"max_new_tokens is {self.max_new_tokens}; expected at least 1")
        if not self.temperature >= 0:
            raise ValueError(f"temperature is {self.temperature}; expected 0 (the most probable token) or more")


@dataclass(frozen=True)
class Step:
    """One generated token.

    Attributes:
        token: its id.
        text: what it adds to the answer; "" for the token that ends it.
        log_prob: of the token under the (edited) model at temperature 1, in nats.
        done: the answer ends here, by its end token or because there were enough.
    """

    token: int
    text: str
    log_prob: float
    done: bool


@dataclass(frozen=True)
class Answer:
    """One generated text.

    Attributes:
        ids: of its tokens, the end token included.
        text: without special tokens.
        log_probs: of each token under the (edited) model, in nats.
    """

    ids: tuple[int, ...]
    text: str
    log_probs: tuple[float, ...]


def steps(model: HookedVLM, prompt: Prompt, edits: Edits, sampling: Sampling) -> Iterator[Step]:
    """See `HookedVLM.generate`."""
    if prompt.n_rows != 1:
        raise ValueError(f"this prompt has {prompt.n_rows} rows; use generate_batch")
    ids: list[int] = []
    text, most = "", _most(model, prompt, sampling)
    for drawn in _draws(model, prompt, edits, sampling):
        ids.append(int(drawn.ids[0]))
        done = ids[-1] in model.end_tokens or len(ids) == most
        whole = model.tokenizer.decode(ids, skip_special_tokens=True)
        # a character of several tokens is held back until it is whole
        new = "" if whole.endswith("\N{REPLACEMENT CHARACTER}") and not done else whole[len(text) :]
        text += new
        yield Step(ids[-1], new, float(drawn.log_probs[0]), done)
        if done:
            return


def answers(model: HookedVLM, prompt: Prompt, edits: Edits, sampling: Sampling) -> list[Answer]:
    """See `HookedVLM.generate_batch`."""
    ids: list[list[int]] = [[] for _ in range(prompt.n_rows)]
    log_probs: list[list[float]] = [[] for _ in range(prompt.n_rows)]
    open_rows = set(range(prompt.n_rows))
    for drawn in _draws(model, prompt, edits, sampling):
        tokens, said = drawn.ids.tolist(), drawn.log_probs.tolist()
        for row in sorted(open_rows):
            ids[row].append(tokens[row])
            log_probs[row].append(said[row])
        open_rows = {row for row in open_rows if tokens[row] not in model.end_tokens}
        if not open_rows:
            break
    decode = model.tokenizer.batch_decode(ids, skip_special_tokens=True)
    return [Answer(tuple(i), text, tuple(p)) for i, text, p in zip(ids, decode, log_probs, strict=True)]


@dataclass(frozen=True)
class _Draw:
    ids: Int[Tensor, " batch"]
    log_probs: Float[Tensor, " batch"]


def _draws(model: HookedVLM, prompt: Prompt, edits: Edits, sampling: Sampling) -> Iterator[_Draw]:
    """The next token of every row, again and again; rows that have ended go on, and are ignored."""
    run = Run(edits=model.planned(edits))
    generator = torch.Generator(device=model.device).manual_seed(sampling.seed)
    prompt = prompt.to(model.device)
    whole, past = prompt, model.new_cache() if sampling.cache else None
    ids, pixels, places = prompt.ids, prompt.pixels, Places(prompt.kinds)
    for _ in range(_most(model, prompt, sampling)):
        with active(run), torch.no_grad():
            logits = model.next_logits(ids, pixels, places, past)
        drawn = _drawn(logits.float(), sampling, generator, model.prompter.image_token)
        yield drawn
        new = drawn.ids[:, None]
        if past is None:
            whole = whole.extended(new)
            ids, places = whole.ids, Places(whole.kinds)
        else:
            ids, pixels, places = new, None, Places(("generated",), places.start + len(places.kinds))


def _most(model: HookedVLM, prompt: Prompt, sampling: Sampling) -> int:
    """How many tokens are generated at most: what was asked for, or what the model's context leaves."""
    room = model.config.n_context - len(prompt)
    if room < 1:
        raise ValueError(
            f"this prompt has {len(prompt)} tokens, and {model.name} was made for {model.config.n_context} with its "
            "answer; shorten it"
        )
    return min(sampling.max_new_tokens, room)


def _drawn(
    logits: Float[Tensor, "batch vocabulary"], sampling: Sampling, generator: Any, image_token: int | None
) -> _Draw:
    """A token of every row; never the one that stands for a patch, which an answer has none of."""
    possible = logits.clone()
    if image_token is not None:
        possible[:, image_token] = -math.inf
    if sampling.temperature == 0:
        ids = possible.argmax(-1)
    else:
        ids = torch.multinomial((possible / sampling.temperature).softmax(-1), 1, generator=generator)[:, 0]
    return _Draw(ids, logits.log_softmax(-1).gather(1, ids[:, None])[:, 0])
