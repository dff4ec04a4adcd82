"""A recipe to try first with an SAE: a picture, a rack, what changes and what does not, and on how many scenes it did.

It lies as `guide.json` beside the weights; `prisma_engine.sae.features.finding` finds one by measurement and writes it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8

from prisma_engine.hub import LoadError
from prisma_engine.load import read_json
from prisma_engine.plain import from_plain
from prisma_engine.sae import files
from prisma_engine.sae.features.facts import facts
from prisma_engine.sae.features.rack import Dial, Rack
from prisma_engine.sae.features.start import Start
from prisma_engine.sae.features.steer import steer_run
from prisma_engine.sae.model import SAE
from prisma_engine.toy.compose import EXAMPLES, Placement, render_example, render_scene
from prisma_engine.toy.emoji_scenes import seeded_scene
from prisma_engine.vit import HookedViT

FILE = "guide.json"


@dataclass(frozen=True)
class Picture:
    """A picture that everybody can draw again.

    Attributes:
        kind: "example", "seed" or "scene".
        source: the example's name; the seed; or a composed scene as links have it: background, then for each emoji
            its class, x, y, size and angle, the last four in tenths, such as "5_50.480.480.700.0".
        title: for people.
    """

    kind: str
    source: str
    title: str

    def draw(self) -> UInt8[np.ndarray, "height width 3"]:
        """The picture.

        Raises:
            ValueError: for a kind or source that there is none of.
        """
        if self.kind == "example":
            return render_example(self.source).image
        if self.kind == "seed":
            return seeded_scene(int(self.source)).image
        if self.kind != "scene":
            raise ValueError(f"a picture is an example, a seed or a scene, got {self.kind!r}")
        background, *objects = self.source.split("_")
        rows = [[int(number) for number in item.split(".")] for item in objects]
        placed = [Placement(index, x / 10, y / 10, size / 10, angle / 10) for index, x, y, size, angle in rows]
        return render_scene(placed, int(background)).image


def example(name: str) -> Picture:
    """A shipped example as a picture."""
    return Picture("example", name, next(each.title for each in EXAMPLES if each.name == name))


@dataclass(frozen=True)
class Share:
    """A share or mean with its 95 % interval, and of how many."""

    value: float
    low: float
    high: float
    n: int

    @property
    def said(self) -> str:
        """A share in words: "93 % [89, 96] of 200"."""
        return f"{self.value:.0%} [{100 * self.low:.0f}, {100 * self.high:.0f}] of {self.n}".replace("%", " %")


@dataclass(frozen=True)
class Measured:
    """What the rack did to held-out scenes.

    Attributes:
        scenes: which ones, in words.
        answer: what the answer should become on them; None for any other one.
        answered: share whose answer does.
        change: mean change of the watched class' logit.
        control: share whose answer changes as much with as many random latents, moved as far.
        control_change: their mean change of the watched logit.
        others: on which other scenes it should do nothing, in words.
        kept: share of those whose answer stays.
    """

    scenes: str
    answer: str | None
    answered: Share
    change: Share
    control: Share
    control_change: Share
    others: str
    kept: Share


@dataclass(frozen=True)
class Guide:
    """What to do, and what then happens.

    Attributes:
        picture: what to look at.
        rack: what to steer.
        before, after: names of the model's answer, and of what it becomes.
        change: the watched logit, that of `before`, changes at least so much; the sign says whether up or down.
        unchanged: other pictures, and the answers that they keep under the same rack.
        measured: on how many scenes this was so.
    """

    picture: Picture
    rack: Rack
    before: str
    after: str
    change: float
    unchanged: tuple[tuple[Picture, str], ...]
    measured: Measured

    @property
    def title(self) -> str:
        """What it is about, in a few words."""
        to = f" to {self.after}" if self.measured.answer else " to something else"
        return f"{self.picture.title}: from {self.before}{to}"

    @property
    def steps(self) -> tuple[str, ...]:
        """What to do, in sentences."""
        where = {"all": "everywhere", "cls": "on CLS", "patches": "on all patches"}.get(str(self.rack.where), "there")
        latents = [_done(dial) for dial in self.rack.dials]
        return (f"Open “{self.picture.title}”.", f"Put into the rack: {', '.join(latents)}; {where}.")

    @property
    def expect(self) -> tuple[str, ...]:
        """What should change, in sentences."""
        turn = "falls" if self.change < 0 else "rises"
        return (
            f"The answer changes from {self.before} to {self.after}.",
            f"The logit of {self.before} {turn} by at least {abs(self.change):.1f}.",
        )

    @property
    def unlike(self) -> tuple[str, ...]:
        """What should not change, in sentences."""
        return tuple(f"“{picture.title}” is still called {answer}." for picture, answer in self.unchanged)

    @property
    def measured_said(self) -> str:
        """The measurement in one sentence."""
        m = self.measured
        becomes = m.answer or "another one"
        return (
            f"The answer becomes {becomes} on {m.answered.said} {m.scenes}, with random latents moved as far on "
            f"{m.control.said}; it stays on {m.kept.said} {m.others}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` is its inverse."""
        return asdict(self) | {"rack": self.rack.to_dict(), "unchanged": [[asdict(p), a] for p, a in self.unchanged]}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Guide:
        """Read what `to_dict` wrote.

        Raises:
            ValueError: for a missing or unknown field, which it names.
        """
        measured = {k: from_plain(Share, v, k) if isinstance(v, dict) else v for k, v in values["measured"].items()}
        read = {
            "picture": _picture(values["picture"]),
            "rack": Rack.from_dict(values["rack"]),
            "unchanged": tuple((_picture(picture), answer) for picture, answer in values["unchanged"]),
            "measured": from_plain(Measured, measured, "what was measured"),
        }
        return from_plain(cls, {**values, **read}, "the guide")

    def save(self, folder: Path) -> None:
        """Write it beside an SAE's weights."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        (folder / FILE).write_text(text + "\n", encoding="utf-8")


def guide(name: str | Path) -> Guide | None:
    """The guide beside an SAE's weights, or None if there is none.

    Args:
        name: as `prisma_engine.sae.files.load` takes it.

    Raises:
        LoadError: if there is no such SAE, or the guide is damaged.
    """
    path = files.find(name) / FILE
    if not path.exists():
        return None
    try:
        return Guide.from_dict(read_json(path))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise LoadError(f"{FILE} of {path.parent.name} is damaged: {error}") from None


@torch.no_grad()
def broken(guide: Guide, name: str | Path, sae: SAE, model: HookedViT) -> tuple[str, ...]:
    """What a guide says and is not so, a sentence each; empty where all of it holds.

    Args:
        name: of the SAE, beside which its typical activations are known.
    """
    known = facts(name)
    assert known is not None, "a guide counts in typical activations"
    names, faults = model.vocabulary.names, []
    start = Start(sae, model, model.preprocess(guide.picture.draw()))
    run = steer_run(start, guide.rack, known.typical, None)
    said = [names[run.answer(column)] for column in ("original", "steered")]
    if said != [guide.before, guide.after]:
        faults.append(f"{guide.picture.title}: from {said[0]} to {said[1]}, not {guide.before} to {guide.after}")
    change = run.change(names.index(guide.before))
    if (change - guide.change) * guide.change < 0:
        faults.append(f"the logit of {guide.before} changes by {change:.2f}, not at least {guide.change:.2f}")
    for picture, answer in guide.unchanged:
        other = steer_run(Start(sae, model, model.preprocess(picture.draw())), guide.rack, known.typical, None)
        said = [names[other.answer(column)] for column in ("original", "steered")]
        if said != [answer, answer]:
            faults.append(f"{picture.title}: from {said[0]} to {said[1]}, not always {answer}")
    return tuple(faults)


def _picture(values: Mapping[str, Any]) -> Picture:
    return from_plain(Picture, values, "a picture")


def _done(dial: Dial) -> str:
    amount = f"{dial.amount:g}".replace("-", "−")
    return {
        "ablate": f"ablate latent {dial.latent}",
        "scale": f"scale latent {dial.latent} by {amount}",
        "clamp": f"clamp latent {dial.latent} to {amount} typical activations",
        "add": f"add {amount} typical activations of latent {dial.latent}",
    }[dial.how]
