"""Find a guide for an SAE by measurement: `python -m prisma_engine.sae.features.finding model_cards/emoji-vit-sae/…`.

For each picture that is tried: which latents hold its answer up, by activation × gradient on scenes of the same
emoji; racks of the first few of them, ablated, turned round or pushed down, on those scenes and on others; then the
rack that does most on the ones, more than random latents do, and least on the others is measured again on scenes that
had no part in choosing it.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int
from PIL import Image
from torch import Tensor

from prisma_engine.analysis.intervals import Interval, share_interval
from prisma_engine.load import load as load_model
from prisma_engine.sae import files
from prisma_engine.sae.features.controls import random_change, with_change
from prisma_engine.sae.features.facts import Facts, facts
from prisma_engine.sae.features.generality import generality
from prisma_engine.sae.features.guide import Guide, Measured, Picture, Share, broken, example, guide
from prisma_engine.sae.features.outcome import Outcome
from prisma_engine.sae.features.rack import Dial, Rack
from prisma_engine.sae.features.start import Start, Where, positions
from prisma_engine.sae.features.steer import Placed, placed, steer_run
from prisma_engine.sae.model import SAE
from prisma_engine.sae.probe import check
from prisma_engine.toy.compose import EXAMPLES
from prisma_engine.toy.emoji_classes import NAMES, class_index
from prisma_engine.toy.emoji_scenes import sample_scenes
from prisma_engine.vit import HookedViT

CHOOSE, MEASURE = 2**30 + 2**20, 2**30 + 2**22
"""Numbers of the first batches of scenes that choose a rack, and that measure it."""
FEW, MANY = (1, 2, 3, 5), (8, 12, 20)
"""How many latents a rack has: first few, and more only where no rack of few is of use."""
WAYS = (("ablate", 0.0), ("scale", -1.0), ("clamp", -1.0), ("add", -2.0))
PLACES = ("cls", "all")
TRIED, MEASURED = 32, 200
WORTH = 0.5
"""Racks that change fewer of the scenes than this are not looked at further."""
SINGLE = 6
SURE = 0.5
"""Only pictures that the model is at least so sure of are tried on their own."""
NAMED = 0.1
"""A rack whose first latent is labelled with what the picture shows may be worse by this."""
ENOUGH = 0.9
"""A picture whose rack is as good ends the search."""
SPARED = 0.02
"""A larger or stronger rack must be better by this share of scenes."""


@dataclass(frozen=True)
class Subject:
    """A picture that is tried: its emoji, the model's answer, and the answer it may become, where that is named."""

    picture: Picture
    emoji: tuple[int, ...]
    before: int
    after: int | None


def find(name: str | Path, sae: SAE, model: HookedViT, n: int = MEASURED) -> Guide | None:
    """The best guide there is, rather of a latent whose label fits, or None if no rack changes a picture's answer.

    Raises:
        ValueError: if nothing was measured of the SAE's latents.
    """
    known = facts(name)
    if known is None:
        raise ValueError(f"{name} has no latents.json; measure it first")
    found = subjects(model)
    for several in (FEW, MANY):
        tried = []
        for subject in found:
            if (each := _tried(sae, model, known.typical, subject, several)) is not None:
                tried.append((each[0] + NAMED * _named(known, *each[1:]), *each[1:]))
                if tried[-1][0] >= ENOUGH:
                    break
        for _, subject, rack in sorted(tried, key=lambda each: -each[0]):
            made = _measured(sae, model, known.typical, subject, rack, found, n)
            if not broken(made, name, sae, model):
                return made
    return None


def _named(known: Facts, subject: Subject, rack: Rack) -> bool:
    """Whether the first latent of a rack is labelled with an emoji of the picture."""
    return known.name(rack.dials[0].latent) in {NAMES[i] for i in subject.emoji}


@torch.no_grad()
def subjects(model: HookedViT) -> list[Subject]:
    """Pictures to try. For a model that knows our emoji the examples, where it names one of the two in them; for
    another the `SINGLE` emoji on their own that it is surest of, the surest first."""
    if model.vocabulary.names == NAMES:
        shown = [
            (example(each.name), tuple(class_index(o.kind) for o in each.placements)) for each in reversed(EXAMPLES)
        ]
        answers = model(model.preprocess([picture.draw() for picture, _ in shown])).argmax(-1).tolist()
        return [
            Subject(picture, emoji, before, emoji[1 - emoji.index(before)])
            for (picture, emoji), before in zip(shown, answers, strict=True)
            if before in emoji
        ]
    pictures = [Picture("scene", f"5_{i}.480.480.700.0", f"One {name}") for i, name in enumerate(NAMES)]
    logits = torch.cat([model(model.preprocess(picture.draw())) for picture in pictures])
    sure = logits.softmax(-1).amax(-1)
    best = [i for i in sure.argsort(descending=True).tolist() if float(sure[i]) >= SURE][:SINGLE]
    return [Subject(pictures[i], (i,), int(logits[i].argmax()), None) for i in best]


def scenes(emoji: Sequence[int], first: int) -> Iterator[tuple[str, Image.Image]]:
    """Held-out scenes of exactly these emoji, without end."""
    for number in itertools.count(first):
        order = tuple(emoji) if number % 2 else tuple(reversed(emoji))
        drawn = sample_scenes("pairs", number, 16, classes=order).images.permute(0, 2, 3, 1).numpy()
        yield from ((f"batch {number}, scene {i}", Image.fromarray(image)) for i, image in enumerate(drawn))


@torch.no_grad()
def other_scenes(model: HookedViT, subject: Subject, first: int) -> Iterator[tuple[str, Image.Image]]:
    """Held-out scenes of one emoji that is not in a picture, without end.

    For a model that was not trained on our emoji, only those that it is at least as sure of as `SURE`.
    """
    for number in itertools.count(first):
        drawn = sample_scenes("single", number, 16, (0.0, 1.0))
        images = [Image.fromarray(image) for image in drawn.images.permute(0, 2, 3, 1).numpy()]
        sure = [True] * len(images)
        if subject.after is None:
            sure = (model(model.preprocess(images)).softmax(-1).amax(-1) >= SURE).tolist()
        for i, (image, kind) in enumerate(zip(images, drawn.objects[:, 0].tolist(), strict=True)):
            if kind not in subject.emoji and sure[i]:
                yield f"batch {number}, scene {i}", image


def _tried(
    sae: SAE, model: HookedViT, typical: Tensor, subject: Subject, several: Sequence[int] = FEW
) -> tuple[float, Subject, Rack] | None:
    """The simplest of the best racks for one picture, and how good it is (see `_score`)."""
    target = _start(sae, model, scenes(subject.emoji, CHOOSE), subject.before)
    if target is None:
        return None
    others = _start(sae, model, other_scenes(model, subject, CHOOSE), None)
    assert others is not None
    own = Start(sae, model, model.preprocess(subject.picture.draw()))
    best: tuple[float, Subject, Rack] | None = None
    for where in PLACES:
        order = supports(target, subject.before, subject.after, where).argsort(descending=True).tolist()
        order = [latent for latent in order if typical[latent] > 0]
        for k, (how, amount) in itertools.product(several, WAYS):
            rack = Rack(tuple(Dial(latent, how, amount) for latent in order[:k]), where)
            if not _does(own, rack, typical, subject).all():
                continue
            score = _score(target, others, rack, typical, subject)
            if score > (0.0 if best is None else best[0] + SPARED):
                best = (score, subject, rack)
    return best


@torch.no_grad()
def _start(sae: SAE, model: HookedViT, images: Iterator[tuple[str, Image.Image]], before: int | None) -> Start | None:
    """A run of `TRIED` scenes, of those that the model answers with `before`; None if that is rare."""
    kept: list[Tensor] = []
    for _ in range(8):  # more would take long where the model seldom answers so
        x = model.preprocess([image for _, image in itertools.islice(images, TRIED)])
        kept += list(x if before is None else x[model(x).argmax(-1) == before])
        if len(kept) >= TRIED:
            return Start(sae, model, torch.stack(kept[:TRIED]))
    return None


def supports(start: Start, before: int, after: int | None, where: Where = "all") -> Float[Tensor, " latent"]:
    """How much each latent holds an answer up: Σ over tokens of activation × gradient of logit differences, mean.

    The other class of the difference is `after`, or where that is None each image's second.
    """
    activation = start.target.clone().requires_grad_()
    point = start.sae.config.writes
    with torch.enable_grad():
        logits = start.model.run_with_hooks(start.x, {point: lambda x, _: activation})
        if after is None:
            rest = logits.detach().clone()
            rest[:, before] = -torch.inf
            other = logits.gather(1, rest.argmax(-1, keepdim=True))[:, 0]
        else:
            other = logits[:, after]
        (gradient,) = torch.autograd.grad((logits[:, before] - other).sum(), activation)
    chosen = positions(start.sae, start.model, where)
    per_unit = start.sae.written(gradient[:, chosen], start.read[:, chosen]) @ start.sae.W_dec.T
    return (start.sae.encode(start.read[:, chosen]) * per_unit).sum((0, 1)) / len(start.x)


def _answers(start: Start, put: Placed, activation: Tensor) -> Int[Tensor, " image"]:
    return start.answers(activation, put.tokens, range(len(start.x))).argmax(-1)


def _does(start: Start, rack: Rack, typical: Tensor, subject: Subject) -> Bool[Tensor, " image"]:
    """On which images of a run a rack does what it should."""
    put = placed(start, rack, typical)
    return _as_said(_answers(start, put, put.steered), subject)


def _as_said(answers: Int[Tensor, " image"], subject: Subject) -> Bool[Tensor, " image"]:
    return answers != subject.before if subject.after is None else answers == subject.after


def _score(target: Start, others: Start, rack: Rack, typical: Tensor, subject: Subject) -> float:
    """Share of scenes where a rack does what it should, or of others that it spares, less that of random latents.

    The smaller of the first two counts; −1 where the first is under `WORTH`, or the logit of the answer does not fall.
    """
    put = placed(target, rack, typical)
    logits = target.answers(put.steered, put.tokens, range(len(target.x)))
    done = float(_as_said(logits.argmax(-1), subject).float().mean())
    fallen = float((logits - target.logits)[:, subject.before].mean()) < 0
    if done < WORTH or not fallen:
        return -1.0
    drawn = random_change(target.sae, rack, typical, put, torch.Generator().manual_seed(0))
    chance = float(_as_said(_answers(target, put, with_change(put, drawn)), subject).float().mean())
    elsewhere = placed(others, rack, typical)
    kept = float((_answers(others, elsewhere, elsewhere.steered) == others.logits.argmax(-1)).float().mean())
    return min(done, kept) - chance


def _measured(
    sae: SAE, model: HookedViT, typical: Tensor, subject: Subject, rack: Rack, every: list[Subject], n: int
) -> Guide:
    names = model.vocabulary.names
    run = steer_run(Start(sae, model, model.preprocess(subject.picture.draw())), rack, typical, None)
    before, after = subject.before, run.answer("steered")
    on = generality(sae, model, rack, typical, before, scenes(subject.emoji, MEASURE), n, answered=before)
    off = generality(sae, model, rack, typical, before, other_scenes(model, subject, MEASURE), n)
    emoji = " and ".join(_with_article(NAMES[i]) for i in subject.emoji)
    measured = Measured(
        scenes=f"held-out scenes of {emoji} that the model calls {names[before]}",
        answer=None if subject.after is None else names[subject.after],
        answered=_share(_done(on.effect, subject)),
        change=_share_of(on.effect.mean, len(on.effect)),
        control=_share(_done(on.control, subject)),
        control_change=_share_of(on.control.mean, len(on.control)),
        others="held-out scenes of one other emoji"
        + f" that it is {100 * SURE:.0f} % sure of" * (subject.after is None),
        kept=_share([not changed for changed in off.effect.changed]),
    )
    least = round(0.8 * run.change(before), 2)
    unchanged = _unchanged(sae, model, typical, subject, rack, every)
    return Guide(subject.picture, rack, names[before], names[after], least, unchanged, measured)


def _with_article(name: str) -> str:
    return f"{'an' if name[0] in 'aeio' else 'a'} {name}"


def _unchanged(
    sae: SAE, model: HookedViT, typical: Tensor, subject: Subject, rack: Rack, every: list[Subject]
) -> tuple[tuple[Picture, str], ...]:
    """Up to four other pictures whose answer stays."""
    found = []
    for other in every:
        if not set(other.emoji) & set(subject.emoji):
            seen = steer_run(Start(sae, model, model.preprocess(other.picture.draw())), rack, typical, None)
            if seen.answer("steered") == seen.answer("original"):
                found.append((other.picture, model.vocabulary.names[other.before]))
    return tuple(found[:4])


def _done(outcome: Outcome, subject: Subject) -> list[bool]:
    """Whether each answer became what it should: the class that is named, or any other."""
    return _as_said(torch.tensor(outcome.answers), subject).tolist()


def _share(done: list[bool]) -> Share:
    return _share_of(share_interval(sum(done), len(done)), len(done))


def _share_of(interval: Interval, n: int) -> Share:
    return Share(round(interval.value, 4), round(interval.low, 4), round(interval.high, 4), n)


def measured_again(name: str | Path, sae: SAE, model: HookedViT, n: int = MEASURED) -> Guide:
    """The guide that an SAE has, with its figures from the scenes of `MEASURE`.

    Raises:
        ValueError: if it has none, or one of a picture that is not among those tried.
    """
    standing, known, found = guide(name), facts(name), subjects(model)
    if standing is None or known is None:
        raise ValueError(f"{name} has no guide yet, or no latents.json")
    same = [subject for subject in found if subject.picture == standing.picture]
    if not same:
        raise ValueError(f"the guide of {name} is of a picture that is not among those tried")
    return _measured(sae, model, known.typical, same[0], standing.rack, found, n)


def write_guide(folder: Path, weights: Path | None = None, again: bool = False) -> Guide | None:
    """Find a guide for the SAE in a folder and write it there; None, and no file, if there is none to be had.

    Args:
        weights: where the model is on this machine, if not under its own name.
        again: keep the guide that is there, and only measure it.
    """
    sae = files.load(folder)
    model = load_model(weights or sae.config.model, None if weights else sae.config.revision)
    check(sae, model, same_weights=weights is not None)
    found = measured_again(folder, sae, model) if again else find(folder, sae, model)
    if found is not None:
        found.save(folder)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="+", help="folders with an SAE each, measured")
    parser.add_argument("--weights", type=Path, help="the model's weights on this machine, if not under its own name")
    parser.add_argument("--again", action="store_true", help="keep the guides that are there, and only measure them")
    given = parser.parse_args()
    for folder in given.folder:
        try:
            found = write_guide(folder, given.weights, given.again)
        except ValueError as error:
            parser.error(str(error))
        said = "no rack changes a picture's answer" if found is None else f"{found.title}\n{found.measured_said}"
        print(f"{folder.name}: {said}", flush=True)


if __name__ == "__main__":
    main()
