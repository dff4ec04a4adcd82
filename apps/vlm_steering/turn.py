"""What is turned, where and when, and what stands beside it as a control: checked, since anyone can send anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from apps.common.dials import dials_from_text, dials_to_text, read_dials
from apps.common.fields import choice
from prisma_engine.sae.features import Dial, Rack
from prisma_engine.vlm.places import KINDS, WHENS, Kind, When

CONTROLS = ("none", "random", "opposite")
NOWHERE = (
    "as it is ticked, the latents are turned nowhere: generated words are decoded, and all others belong to the prefill"
)


@dataclass(frozen=True)
class Turn:
    """What one visitor does to a run.

    Attributes:
        dials: the latents that are changed, and how far.
        where: kinds of tokens at which they are.
        when: "prefill" are tokens of the prompt, image included, "decode" those that are generated.
        keep_error: what the SAE cannot reconstruct stays as it is.
        control: what the fourth column holds: "random" latents moved as far, the "opposite" sign, or "none".
    """

    dials: tuple[Dial, ...] = ()
    where: tuple[Kind, ...] = KINDS
    when: tuple[When, ...] = WHENS
    keep_error: bool = True
    control: str = "none"

    @property
    def rack(self) -> Rack:
        """The dials as a rack, which knows their units."""
        return Rack(self.dials)

    def changes(self, typical: Float[Tensor, " latent"]) -> dict[int, tuple[str, float]]:
        """What `SAE.steer` takes; see `Rack.changes`."""
        return self.rack.changes(typical)

    @property
    def acts(self) -> bool:
        """Whether any token is of the kinds and the time that are chosen."""
        given = {"decode" if kind == "generated" else "prefill" for kind in self.where}
        return bool(given & set(self.when))

    def as_dict(self) -> dict[str, Any]:
        """The JSON that the canvas reads."""
        return {
            "chips": [{"latent": dial.latent, "how": dial.how, "amount": dial.amount} for dial in self.dials],
            "where": list(self.where),
            "when": list(self.when),
            "keep_error": self.keep_error,
            "control": self.control,
        }


def read_turn(data: Mapping[str, Any], n_latents: int, before: Turn) -> Turn:
    """A turn from an event of the browser; what it leaves out stays as it was.

    Raises:
        ValueError: one sentence, if a field has the wrong type or names what there is not.
    """
    given = {**before.as_dict(), **{name: value for name, value in data.items() if value is not None}}
    if not isinstance(given["keep_error"], bool):
        raise ValueError("whether the error is kept is true or false")
    turn = Turn(
        read_dials(given["chips"], n_latents),
        _some(given["where"], KINDS, "where"),
        _some(given["when"], WHENS, "when"),
        given["keep_error"],
        choice(given, "control", CONTROLS),
    )
    return checked(turn)


def checked(turn: Turn) -> Turn:
    """The turn, if it acts at some token.

    Raises:
        ValueError: one sentence, if not.
    """
    if not turn.acts:
        raise ValueError(NOWHERE)
    return turn


def _some(value: object, known: tuple[Any, ...], name: str) -> tuple[Any, ...]:
    is_list = isinstance(value, Sequence) and not isinstance(value, str)
    if not is_list or not value or any(one not in known for one in value):  # type: ignore[union-attr]
        raise ValueError(f"{name} is one or several of {', '.join(known)}; tick at least one")
    return tuple(one for one in known if one in value)  # type: ignore[operator]


def turn_to_fields(turn: Turn) -> tuple[tuple[str, str], ...]:
    """The fields of a link that say it: none where nothing was chosen."""
    fields: dict[str, str] = {}
    if turn.dials:
        fields["steer"] = dials_to_text(turn.dials)
    if turn.where != KINDS:
        fields["where"] = ".".join(turn.where)
    if turn.when != WHENS:
        fields["when"] = ".".join(turn.when)
    if not turn.keep_error:
        fields["error"] = "replaced"
    if turn.control != "none":
        fields["control"] = turn.control
    return tuple(fields.items())


def turn_from_params(params: Mapping[str, str], n_latents: int) -> tuple[Turn, list[str]]:
    """The turn that an address asks for, and one sentence for each part that is not readable."""
    problems: list[str] = []
    dials: tuple[Dial, ...] = ()
    try:
        dials = dials_from_text(params.get("steer", "")[:1000], n_latents)
    except ValueError as error:
        problems.append(f"{error}; nothing is steered")
    if params.get("error", "kept") not in ("kept", "replaced"):
        problems.append("whether the link keeps the error is not readable; it is kept")
    places: dict[str, Any] = {}
    for name, known in (("where", KINDS), ("when", WHENS)):
        if name not in params:
            continue
        try:
            places[name] = _some(params[name][:100].split("."), known, name)
        except ValueError as error:
            problems.append(f"{str(error).split(';')[0]}; all are taken")
    control = params.get("control", "none")
    if control not in CONTROLS:
        control = "none"
        problems.append("the link's control is not readable; there is none")
    turn = Turn(dials, **places, keep_error=params.get("error") != "replaced", control=control)
    if not turn.acts:
        return Turn(dials, keep_error=turn.keep_error, control=control), [*problems, f"{NOWHERE}; all are taken"]
    return turn, problems
