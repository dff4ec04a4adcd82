"""What is asked of a picture and a model besides the two: which SAE, at which revision."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from apps.common.saes import MAX_NAME


@dataclass(frozen=True)
class Plan:
    """The SAE of a run.

    Attributes:
        sae: a shipped name, a folder, or a Hub id.
        revision: of a Hub id; None for the newest, and for what is on this machine.
    """

    sae: str
    revision: str | None = None

    @property
    def text(self) -> str:
        """All of it as text, for `Session.variant`."""
        return json.dumps(asdict(self), sort_keys=True)


def read_plan(text: str) -> Plan:
    """The reverse of `Plan.text`."""
    return Plan(**json.loads(text))


def plan_to_fields(plan: Plan, revision: str | None) -> tuple[tuple[str, str], ...]:
    """The fields of a link that say it; `revision` is the commit that was resolved."""
    fields = {"sae": plan.sae, "sae-revision": revision or plan.revision}
    return tuple((name, value) for name, value in fields.items() if value)


def plan_from_params(params: Mapping[str, str]) -> tuple[Plan | None, list[str]]:
    """The SAE that an address asks for, or None, and one sentence for each part that is not readable."""
    name, revision = params.get("sae"), params.get("sae-revision")
    if name is None:
        return None, []
    if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
        return None, ["the link's SAE is not readable; the model's own is used"]
    if revision is not None and not (revision.isascii() and revision.replace("-", "").replace(".", "").isalnum()):
        return Plan(name.strip()), ["the link's SAE revision is not readable; the newest is used"]
    return Plan(name.strip(), revision or None), []
