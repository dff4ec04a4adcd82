"""What steering a text latent does to descriptions: `python -m prisma_engine.studies.llava_steering <an SAE's folder>`.

An object of each held-out scene is to be forgotten: its class' latent is turned over where it is active ("scale"), or
subtracted everywhere ("add", in units of its typical activation on text). Or another object, which the scene does not
show, is to be seen: its latent is added. Beside it stand what tells an effect from damage: a random latent's direction,
as far and at the same tokens, the wrong sign, and the reconstruction alone.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from statistics import fmean
from typing import Any, Literal

import torch

from prisma_engine import vlm
from prisma_engine.analysis.intervals import Interval, mean_interval, share_interval
from prisma_engine.load import read_json
from prisma_engine.sae import files
from prisma_engine.sae.features.facts import Facts, facts
from prisma_engine.sae.model import SAE
from prisma_engine.studies.command import table
from prisma_engine.studies.llava_rows import Fluency, Way, descriptions
from prisma_engine.studies.llava_scenes import Scenes, held_out_scenes, named
from prisma_engine.studies.llava_transfer import class_latents, percent
from prisma_engine.vlm.hooked import HookedVLM
from prisma_engine.vlm.places import KINDS

FILE = "steering.json"
SPLIT, MIXTURE = "pairs", (0.0, 0.0, 0.5, 0.5)
"""Held-out scenes of two or three objects, so that there are others to keep."""
STRENGTHS = (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
Task = Literal["forget", "see"]
Latent = Literal["own", "random"]
FEW = (2.0, 4.0, 8.0)
"""Strengths of controls."""
TEXT_ONLY, TUNED = "the text-only decoder", "the same model, without the picture"
"""Who reads what was said and tells its perplexity."""


@dataclass(frozen=True)
class Point:
    """What one strength does, over scenes.

    Attributes:
        strength: times the typical activation; negative to subtract; of "scale", the factor.
        n: scenes.
        done: share in which the object is gone ("forget") or named ("see").
        kept: mean share of the other objects that are still named.
        invented: share in which something else is named that was not before.
        unchanged: share of descriptions that stay word for word.
        nats: mean per token of the steered text, as an unsteered model without the picture has it.
        perplexity: e to that mean.
    """

    strength: float
    n: int
    done: Interval
    kept: Interval
    invented: Interval
    unchanged: Interval
    nats: Interval
    perplexity: float


@dataclass(frozen=True)
class Curve:
    """One way of steering, at several strengths."""

    task: Task
    latent: Latent
    way: Way
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Case:
    """A scene in which something is to be forgotten or seen.

    Attributes:
        scene: its number.
        kind: the emoji class that it is about.
        before: classes that are named without steering.
        text: the description without steering.
        latent, control: of the class, and a random one that no object class owns.
        unit: the typical activation of the class' latent; both are moved by multiples of it.
    """

    scene: int
    kind: int
    before: frozenset[int]
    text: str
    latent: int
    control: int
    unit: float


class Bench:
    """Scenes with their descriptions as they are, ready to be steered."""

    def __init__(self, model: HookedVLM, text_model: HookedVLM, sae: SAE, known: Facts, scenes: Scenes) -> None:
        self.model, self.sae, self.known, self.scenes = model, sae, known, scenes
        self.fluency = Fluency(text_model)
        self.latents = class_latents(known)
        self.texts = descriptions(model, scenes)

    def cases(self, task: Task, n: int, seed: int = 0) -> list[Case]:
        """At most `n` scenes in which one object can be forgotten, or another seen.

        To be forgotten is an object that the scene shows, the description names, and a latent knows; to be seen, one
        that the scene does not show, the description does not name, and a latent knows.
        """
        random, found = Random(f"{task} {seed}"), []
        having = [kind for kind, latent in enumerate(self.latents) if latent is not None]
        own = {latent for latent in self.latents if latent is not None}
        alive = [i for i in (self.known.frequency > 0).nonzero()[:, 0].tolist() if i not in own]
        for scene, text in enumerate(self.texts):
            before, shown = named(text), set(self.scenes.objects[scene].tolist())
            right = before & shown
            possible = [k for k in having if (k in right if task == "forget" else k not in before | shown)]
            if possible and right and len(found) < n:
                kind = random.choice(possible)
                latent = self.latents[kind]
                assert latent is not None
                unit = float(self.known.typical[latent])
                found.append(Case(scene, kind, before, text, latent, random.choice(alive), unit))
        return found

    def curve(self, task: Task, cases: Sequence[Case], way: Way, strengths: Sequence[float], latent: Latent) -> Curve:
        """Steer all cases at each strength."""
        return Curve(task, latent, way, tuple(self.point(task, cases, way, s, latent) for s in strengths))

    def point(self, task: Task, cases: Sequence[Case], way: Way, strength: float, latent: Latent) -> Point:
        """Steer all cases at one strength."""
        scenes = self.scenes.rows([case.scene for case in cases])
        amounts = [strength if way.how == "scale" else strength * case.unit for case in cases]
        along = [case.control for case in cases] if latent == "random" else None
        said = descriptions(self.model, scenes, self.sae, way, [case.latent for case in cases], amounts, along)
        return measured(task, strength, cases, said, self.fluency.nats(said))


def measured(task: Task, strength: float, cases: Sequence[Case], said: Sequence[str], nats: Sequence[float]) -> Point:
    """What became of the descriptions."""
    n, now = len(cases), [named(text) for text in said]
    gone = sum((case.kind in after) == (task == "see") for case, after in zip(cases, now, strict=True))
    kept = [
        len(others & after) / len(others)
        for case, after in zip(cases, now, strict=True)
        if (others := case.before - {case.kind})
    ]
    invented = sum(bool(after - case.before - {case.kind}) for case, after in zip(cases, now, strict=True))
    same = sum(text == case.text for case, text in zip(cases, said, strict=True))
    return Point(
        strength=strength,
        n=n,
        done=_short(share_interval(gone, n)),
        kept=_short(mean_interval(kept)),
        invented=_short(share_interval(invented, n)),
        unchanged=_short(share_interval(same, n)),
        nats=_short(mean_interval(nats)),
        perplexity=round(math.exp(fmean(nats)), 3),
    )


def _short(interval: Interval) -> Interval:
    return Interval(*(round(value, 4) for value in (interval.value, interval.low, interval.high)))


@dataclass(frozen=True)
class Plan:
    """One curve of a task."""

    latent: Latent
    way: Way
    strengths: tuple[float, ...]


@dataclass(frozen=True)
class Found:
    """Everything that was measured of one task.

    Attributes:
        sae: the SAE's folder.
        n: scenes.
        judge: the model whose perplexity is given: it reads what was said, unsteered and without a picture.
        nats: per token of the descriptions without steering.
        perplexity: e to its mean.
        chosen: the strength at which places, times and ways are compared.
        curves: dose and response, and the variants at the chosen strength.
    """

    task: Task
    sae: str
    n: int
    judge: str
    nats: Interval
    perplexity: float
    chosen: float
    curves: tuple[Curve, ...]
    variants: tuple[Curve, ...]


IMAGE, PROMPT, GENERATED = (Way("add", (kind,)) for kind in KINDS)


def plans(task: Task, chosen: float) -> tuple[tuple[Plan, ...], tuple[Plan, ...]]:
    """The curves of a task, and its variants at one strength."""
    sign = -1.0 if task == "forget" else 1.0
    doses, few = (tuple(sign * s for s in every) for every in (STRENGTHS, FEW))
    wrong = tuple(-s for s in few)
    by = Way("add")
    add = (Plan("own", by, doses), Plan("own", by, wrong), Plan("random", by, few))
    at = (sign * chosen,)
    places = (*(Plan("own", way, at) for way in (IMAGE, PROMPT, GENERATED)),)
    times = Plan("own", Way("add", when=("prefill",)), at), Plan("own", Way("add", when=("decode",)), at)
    recon = Plan("own", Way("splice"), (0.0,))
    if task == "see":
        return add, (*places, *times, recon)
    turned = Way("scale")
    scale = (Plan("own", turned, doses), Plan("own", turned, wrong), Plan("random", turned, few))
    clamped = Plan("own", Way("clamp"), (0.0,)), Plan("own", Way("clamp"), at)
    return (*scale, *add), (Plan("own", Way("scale", ("image",)), at), *places, *times, *clamped, recon)


def study(model: HookedVLM, text_model: HookedVLM, folder: Path, task: Task, n: int, chosen: float = 4.0) -> Found:
    """Measure dose and response, and the variants at one strength.

    Raises:
        ValueError: if the SAE's latents have no labels.
    """
    known = facts(folder)
    if known is None or known.f1 is None:
        raise ValueError("label the latents first: python -m prisma_engine.studies.llava_saes")
    scenes = held_out_scenes(model, SPLIT, 1000, n + n // 2, MIXTURE)
    bench = Bench(model, text_model, files.load(folder), known, scenes)
    cases = bench.cases(task, n)
    done = []
    for every in plans(task, chosen):
        done.append([])
        for plan in every:
            done[-1].append(bench.curve(task, cases, plan.way, plan.strengths, plan.latent))
            _tell(done[-1][-1])
    nats = bench.fluency.nats([case.text for case in cases])
    return Found(
        task=task,
        sae=folder.resolve().name,
        n=len(cases),
        judge=TEXT_ONLY if text_model.sight is None else TUNED,
        nats=_short(mean_interval(nats)),
        perplexity=round(math.exp(fmean(nats)), 3),
        chosen=chosen,
        curves=tuple(done[0]),
        variants=tuple(done[1]),
    )


def _tell(curve: Curve) -> None:
    print(f"{curve.task} · {curve.latent} · {curve.way.how} · {curve.way.said}: ", end="", flush=True)
    print(", ".join(f"{p.strength:+g}: {p.done.value:.0%}/{p.kept.value:.0%}" for p in curve.points), flush=True)


def report(found: Found) -> str:
    """A line for each strength of each curve."""
    head = ("latent", "way", "strength", "n", "done", "others kept", "invented", "unchanged", "perplexity")
    rows = [
        (
            curve.latent,
            f"{curve.way.how}, {curve.way.said}",
            f"{point.strength:+g}",
            f"{point.n}",
            percent(point.done),
            percent(point.kept),
            percent(point.invented),
            percent(point.unchanged),
            f"{point.perplexity:.2f}",
        )
        for curve in (*found.curves, *found.variants)
        for point in curve.points
    ]
    return f"{found.task}\n{table(head, rows)}\nwithout steering: perplexity {found.perplexity:.2f}"


def write(found: Found, path: Path) -> None:
    """Put a task's numbers into `steering.json`, beside those of the other task where it is there."""
    told: dict[str, Any] = (read_json(path) if path.exists() else {}) | {found.task: asdict(found)}
    path.write_text(json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder with an SAE whose latents have labels")
    parser.add_argument("--task", choices=("forget", "see"), required=True, help="what is to happen")
    parser.add_argument("--weights", type=Path, help="the model's weights on this machine, if not under its own name")
    parser.add_argument("--text-model", type=Path, help="the text-only decoder, judge of fluency (default: the model)")
    parser.add_argument("--n", type=int, default=300, help="how many scenes")
    parser.add_argument("--chosen", type=float, default=4.0, help="strength at which variants are compared")
    parser.add_argument("--out", type=Path, help="a file for the numbers")
    given = parser.parse_args()
    torch.set_grad_enabled(False)
    model = vlm.load(given.weights or files.opened(given.folder).config.model)
    text_model = vlm.load(given.text_model) if given.text_model else model
    found = study(model, text_model, given.folder, given.task, given.n, given.chosen)
    if given.out is not None:
        write(found, given.out)
    print(report(found))


if __name__ == "__main__":
    main()
