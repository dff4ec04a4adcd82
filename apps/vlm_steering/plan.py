"""What is asked besides a picture and a model: the words put to it, the SAE, and how the answer's words are chosen."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from apps.common.saes import MAX_NAME

MAX_PROMPT = 300
MOST_WORDS, MAX_SEED, MAX_TEMPERATURE = 120, 9999, 2.0


@dataclass(frozen=True)
class Plan:
    """What a run is of, besides its picture and model.

    Attributes:
        sae: a shipped name, a folder, or a Hub id.
        prompt: what is asked, in words.
        revision: of a Hub id; None for the newest, and for what is on this machine.
        labels: where labels of others are, see `prisma_engine.vlm.labels.labels_of`; "" for those beside the weights.
    """

    sae: str
    prompt: str
    revision: str | None = None
    labels: str = ""

    @property
    def text(self) -> str:
        """All of it as text, for `Session.variant`."""
        return json.dumps(asdict(self), sort_keys=True)


def read_plan(text: str) -> Plan:
    """The reverse of `Plan.text`."""
    return Plan(**json.loads(text))


def plan_to_fields(plan: Plan, revision: str | None) -> tuple[tuple[str, str], ...]:
    """The fields of a link that say it; `revision` is the commit that was resolved."""
    fields = {
        "prompt": plan.prompt,
        "sae": plan.sae,
        "sae-revision": revision or plan.revision,
        "labels": plan.labels,
    }
    return tuple((name, value) for name, value in fields.items() if value)


def check_prompt(text: object) -> str:
    """A prompt without needless space.

    Raises:
        ValueError: one sentence, for one that is empty, too long or no text.
    """
    if not isinstance(text, str):
        raise ValueError("the prompt is a text")
    text = " ".join(text.split())
    if not text:
        raise ValueError("the prompt is empty; write a question or an instruction")
    if len(text) > MAX_PROMPT:
        raise ValueError(f"a prompt has at most {MAX_PROMPT} characters, and this one has {len(text):,}; shorten it")
    if not text.isprintable():
        raise ValueError("the prompt holds characters that cannot be shown")
    return text


def plan_from_params(params: Mapping[str, str], first: Plan) -> tuple[Plan, list[str]]:
    """What an address asks for, over `first`, and one sentence for each part that is not readable."""
    plan, problems = first, []
    try:
        plan = replace(plan, prompt=check_prompt(params.get("prompt", first.prompt)))
    except ValueError as error:
        problems.append(f"{error}; the first prompt is used")
    name, revision, labels = params.get("sae"), params.get("sae-revision"), params.get("labels", "")
    if len(labels) > MAX_NAME or not labels.isprintable():
        labels = ""
        problems.append("where the link's labels are is not readable; those of the SAE are used")
    plan = replace(plan, labels=labels.strip())
    if name is None:
        return plan, problems
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        return plan, [*problems, "the link's SAE is not readable; the model's own is used"]
    if revision is not None and not (revision.isascii() and revision.replace("-", "").replace(".", "").isalnum()):
        return replace(plan, sae=name.strip()), [*problems, "the link's SAE revision is not readable"]
    return replace(plan, sae=name.strip(), revision=revision or None), problems


@dataclass(frozen=True)
class Manner:
    """How the words of an answer are chosen, the same in every column.

    Attributes:
        temperature: 0 takes the likeliest word, otherwise one is drawn.
        seed: of the draws.
        most: words of an answer, at most; tokens, where these are not words.
    """

    temperature: float = 0.0
    seed: int = 0
    most: int = 48

    def as_dict(self) -> dict[str, Any]:
        """The JSON that the canvas reads."""
        return asdict(self)


IN_LINKS = {"temperature": "temperature", "seed": "word-seed", "most": "most"}
"""What links call it; "seed" is that of a picture there."""


def read_manner(data: Mapping[str, Any], before: Manner) -> Manner:
    """A manner from an event of the browser; what it leaves out stays as it was.

    Raises:
        ValueError: one sentence.
    """
    given = {**before.as_dict(), **{name: value for name, value in data.items() if value is not None}}
    return Manner(
        round(_number(given["temperature"], "the temperature", 0, MAX_TEMPERATURE), 2) + 0.0,
        _whole(given["seed"], "the seed", 0, MAX_SEED),
        _whole(given["most"], "the number of words", 1, MOST_WORDS),
    )


def manner_to_fields(manner: Manner) -> tuple[tuple[str, str], ...]:
    """The fields of a link that say what differs from the manner that a page opens with."""
    before = Manner().as_dict()
    return tuple((IN_LINKS[name], f"{value:g}") for name, value in manner.as_dict().items() if value != before[name])


def manner_from_params(params: Mapping[str, str]) -> tuple[Manner, list[str]]:
    """The manner that an address asks for, and one sentence where it is not readable."""
    try:
        given = {name: float(params[said][:12]) for name, said in IN_LINKS.items() if said in params}
        return read_manner(given, Manner()), []
    except ValueError:
        return Manner(), ["how the link chooses words is not readable; the likeliest are taken"]


def _number(value: object, name: str, low: float, high: float) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not low <= value <= high:  # type: ignore[arg-type]
        raise ValueError(f"{name} lies between {low:g} and {high:g}; got {str(value)[:20]!r}")
    return float(value)  # type: ignore[arg-type]


def _whole(value: object, name: str, low: int, high: int) -> int:
    number = _number(value, name, low, high)
    if not number.is_integer():
        raise ValueError(f"{name} is a whole number; got {number:g}")
    return int(number)
