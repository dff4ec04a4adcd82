"""What is asked of a picture and a model: which second picture, which two answers, and how both are prepared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from apps.cat_dog_patching.corrupting import FILLS, Hidden, shapes_from_text
from apps.common.share import SourceKind
from prisma_engine.preprocess import PREPARATIONS


@dataclass(frozen=True)
class Other:
    """The second picture, where it is not the first one with something hidden."""

    kind: SourceKind
    source: str
    upload: str | None = None  # path of an upload in Gradio's temporary folder


@dataclass(frozen=True)
class Plan:
    """None in a field leaves the choice to the page, which makes it when it knows the model's answers.

    Attributes:
        hidden: what is hidden of the first picture to make the second; by default the object that the model names.
        other: another picture instead.
        a, b: classes, by index: what the first picture is called, and what the second one is.
        control: a class that should not care.
        swap: whether the second picture's activations are put into the first's run, as in the tutorial, instead of the
            first's into the second's.
        preparation: "checkpoint", as the model was trained; or "tutorial": squashed, and not normalised.
    """

    hidden: Hidden | None = None
    other: Other | None = None
    a: int | None = None
    b: int | None = None
    control: int | None = None
    swap: bool = False
    preparation: str = "checkpoint"

    @property
    def text(self) -> str:
        """All of it as text, for `Session.variant`; it may name an upload's path, so it stays on the server."""
        plain = asdict(self)
        plain["hidden"] = None if self.hidden is None else [self.hidden.text, self.hidden.fill]
        return "" if self == Plan() else json.dumps(plain, sort_keys=True)

    def without_answers(self) -> Plan:
        """The same pictures, the answers to be chosen anew."""
        return replace(self, a=None, b=None, control=None)


def read_plan(text: str) -> Plan:
    """The reverse of `Plan.text`."""
    if not text:
        return Plan()
    plain = json.loads(text)
    hidden, other = plain.pop("hidden"), plain.pop("other")
    return Plan(
        hidden=None if hidden is None else Hidden(shapes_from_text(hidden[0]), hidden[1]),
        other=None if other is None else Other(**other),
        **plain,
    )


def plan_to_fields(plan: Plan) -> tuple[tuple[str, str], ...]:
    """The fields of a link that say it."""
    fields: dict[str, Any] = {name: getattr(plan, name) for name in ("a", "b", "control")}
    if plan.other is not None:
        fields[f"with-{plan.other.kind}"] = plan.other.source
    elif plan.hidden is not None:
        fields |= {"hide": plan.hidden.text, "fill": plan.hidden.fill}
    if plan.swap:
        fields["swap"] = 1
    if plan.preparation != "checkpoint":
        fields["prepare"] = plan.preparation
    return tuple((name, str(value)) for name, value in fields.items() if value is not None)


def plan_from_params(params: Mapping[str, str]) -> tuple[Plan, list[str]]:
    """What an address asks for apart from a second picture, and one sentence for each part that is not readable."""
    problems: list[str] = []
    found: dict[str, Any] = {}
    for name in ("a", "b", "control"):
        if name not in params:
            continue
        if params[name].isascii() and params[name].isdigit() and len(params[name]) < 7:
            found[name] = int(params[name])
        else:
            problems.append(f"the link's answer {name} is not readable; another one is chosen")
    fill = params.get("fill", "black")
    if "hide" in params:
        try:
            found["hidden"] = Hidden(shapes_from_text(params["hide"][:8000]), FILLS[FILLS.index(fill)])
        except ValueError:
            problems.append("what the link hides is not readable; the page chooses for you")
    if params.get("swap", "0") in ("0", "1"):
        found["swap"] = params.get("swap") == "1"
    else:
        problems.append("whether the link swaps its pictures is not readable; they are not swapped")
    if params.get("prepare", "checkpoint") not in PREPARATIONS:
        problems.append("the link's preparation is not readable; the checkpoint's own is used")
    elif "prepare" in params:
        found["preparation"] = params["prepare"]
    return Plan(**found), problems
