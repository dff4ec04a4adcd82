"""Do latents learned from text know images? `python -m prisma_engine.studies.llava_transfer <folders of SAEs>`.

For each object class the latent is taken whose label, from text alone, is that class (`studies.llava_saes` labels).
Then the model sees scenes of one object each, asked a question that names none, and the latents are looked at on the
image tokens: is the class' latent among the most active ones where its object is, and only there?
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean, median
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prisma_engine import vlm
from prisma_engine.analysis.detection import auroc
from prisma_engine.analysis.intervals import Interval, mean_interval, share_interval
from prisma_engine.sae import files
from prisma_engine.sae.features.facts import Facts, facts
from prisma_engine.sae.model import SAE
from prisma_engine.studies.command import table
from prisma_engine.studies.llava_scenes import held_out_scenes, image_activations
from prisma_engine.toy.llava.nouns import WORDS
from prisma_engine.vlm.hooked import HookedVLM

FILE = "transfer.json"
TOP, SHOWN = 10, 5
"""A latent transfers when it is among so many; so many are shown of each class."""
SPLIT = "single"


@dataclass(frozen=True)
class Shown:
    """A latent among the most active ones on a class' image tokens.

    Attributes:
        label: what it is about in text; None for no label.
        f1: of that label in text.
        more: its mean activation there less its mean over the objects of all classes.
    """

    latent: int
    label: str | None
    f1: float
    more: float


@dataclass(frozen=True)
class OfClass:
    """One object class.

    Attributes:
        latent: the one whose text label is this class, of several the one with the best F1; None if there is none.
        f1: of the label in text.
        rank: its place, 1 being the first, among all latents by mean activation on this class' image tokens.
        rank_more: the same by how much more active it is there than on the objects of all classes.
        active: share of the class' image tokens at which it is active.
        auroc: probability that it is more active at an image token of the class than at any other image token.
        auroc_objects: the same against image tokens of other objects alone.
        shuffled: mean AUROC of the other classes' latents for this class.
        top: the latents that are most active there, compared with the objects of all classes.
    """

    name: str
    n_tokens: int
    latent: int | None
    f1: float
    rank: int | None
    rank_more: int | None
    active: float
    auroc: float
    auroc_objects: float
    shuffled: float
    top: tuple[Shown, ...]


@dataclass(frozen=True)
class Transfer:
    """One SAE.

    Attributes:
        sae: its folder's name.
        alive: latents that are active in text.
        labelled: classes that have a latent.
        in_top: share of all classes whose latent is among the first `TOP` by mean activation; `in_top_more` compared
            with the objects of all classes.
        random: what share random latents that are active in text would reach; `shuffled` what the latents of other
            classes reach (by mean activation), `shuffled_more` compared with the objects of all classes.
        auroc: mean over classes that have a latent; auroc_median, auroc_objects, auroc_shuffled likewise.
    """

    sae: str
    alive: int
    labelled: int
    in_top: Interval
    in_top_more: Interval
    random: float
    shuffled: float
    shuffled_more: float
    auroc: Interval
    auroc_median: float
    auroc_objects: Interval
    auroc_shuffled: float
    classes: tuple[OfClass, ...]


def class_latents(known: Facts) -> list[int | None]:
    """The latent of each object class: of those labelled so, the one with the best F1 on text."""
    assert known.f1 is not None, "labels come with scores"
    found: list[int | None] = []
    for word in WORDS:
        index = known.classes.index(word) if word in known.classes else None
        mine = (known.label == index).nonzero()[:, 0] if index is not None else torch.empty(0, dtype=torch.long)
        found.append(int(mine[known.f1[mine].argmax()]) if len(mine) else None)
    return found


@dataclass(frozen=True)
class Gathered:
    """Activations on image tokens of scenes of one object each.

    Attributes:
        kinds: class of each token, -1 for background.
        of_latents: activation of each class' latent at each token.
        means: mean activation of every latent over the image tokens of each class.
    """

    kinds: Int[Tensor, " token"]
    of_latents: Float[Tensor, "token class"]
    means: Float[Tensor, "class latent"]


@torch.no_grad()
def gather(
    model: HookedVLM,
    saes: Sequence[SAE],
    latents: Sequence[Sequence[int | None]],
    each: int = 16,
    of: Sequence[int] = range(len(WORDS)),
) -> list[Gathered]:
    """Run `each` scenes of every class through the model, and encode their image tokens with every SAE.

    Args:
        of: the classes that are shown.
    """
    hooks = [sae.config.hook_name for sae in saes]
    kinds: list[Tensor] = []
    of_latents: list[list[Tensor]] = [[] for _ in saes]
    means = [torch.zeros(len(WORDS), sae.config.d_sae) for sae in saes]
    for kind in of:
        scenes = held_out_scenes(model, SPLIT, kind, each, classes=(kind,))
        kinds.append(scenes.patches.flatten())
        cache = image_activations(model, scenes.prompt, hooks)
        for i, sae in enumerate(saes):
            acts = sae.encode(cache[hooks[i]]).flatten(0, 1)
            chosen = torch.tensor([0 if latent is None else latent for latent in latents[i]])
            of_latents[i].append(acts[:, chosen])
            mine = acts[kinds[-1] == kind]
            means[i][kind] = mine.mean(0) if len(mine) else 0.0
        print(f"\r{len(kinds)} of {len(of)} classes", end="", flush=True)
    return [Gathered(torch.cat(kinds), torch.cat(of_latents[i]), means[i]) for i in range(len(saes))]


def transfer(name: str, known: Facts, latents: Sequence[int | None], found: Gathered) -> Transfer:
    """What an SAE's latents make of the image tokens."""
    more = found.means - found.means.mean(0)
    alive = known.frequency > 0
    classes = [_of_class(kind, known, latents, found, more) for kind in range(len(WORDS))]
    having = [one for one in classes if one.latent is not None]
    n = len(classes)
    return Transfer(
        sae=name,
        alive=int(alive.sum()),
        labelled=len(having),
        in_top=share_interval(sum((one.rank or TOP + 1) <= TOP for one in classes), n),
        in_top_more=share_interval(sum((one.rank_more or TOP + 1) <= TOP for one in classes), n),
        random=TOP / max(1, int(alive.sum())),
        shuffled=_shuffled(latents, found.means),
        shuffled_more=_shuffled(latents, more),
        auroc=mean_interval([one.auroc for one in having]),
        auroc_median=median([one.auroc for one in having] or [0.5]),
        auroc_objects=mean_interval([one.auroc_objects for one in having]),
        auroc_shuffled=fmean([one.shuffled for one in having] or [0.5]),
        classes=tuple(classes),
    )


def _of_class(kind: int, known: Facts, latents: Sequence[int | None], found: Gathered, more: Tensor) -> OfClass:
    assert known.f1 is not None
    positive, latent, f1 = found.kinds == kind, latents[kind], known.f1
    acts = found.of_latents[:, kind]
    others = [column for column, other in enumerate(latents) if other is not None and column != kind]
    top = tuple(
        Shown(i, known.name(i), round(float(f1[i]), 3), round(float(more[kind, i]), 3))
        for i in more[kind].topk(SHOWN).indices.tolist()
    )
    return OfClass(
        name=WORDS[kind],
        n_tokens=int(positive.sum()),
        latent=latent,
        f1=0.0 if latent is None else round(float(f1[latent]), 3),
        rank=None if latent is None else rank(found.means[kind], latent),
        rank_more=None if latent is None else rank(more[kind], latent),
        active=0.0
        if latent is None or not bool(positive.any())
        else round(float((acts[positive] > 0).float().mean()), 4),
        auroc=0.5 if latent is None else round(_area(acts, positive), 4),
        auroc_objects=0.5 if latent is None else round(_area(acts[found.kinds >= 0], positive[found.kinds >= 0]), 4),
        shuffled=round(fmean([_area(found.of_latents[:, other], positive) for other in others] or [0.5]), 4),
        top=top,
    )


def rank(values: Float[Tensor, " latent"], latent: int) -> int:
    """The place of a latent when all are ordered by value, the largest first; of equals, the last place."""
    return int((values >= values[latent]).sum())


def _shuffled(latents: Sequence[int | None], values: Float[Tensor, "class latent"]) -> float:
    """Share of pairs of different classes in which one's latent is among the first of the other."""
    every = [latent for latent in latents if latent is not None]
    within = [
        rank(values[kind], other) <= TOP
        for kind, own in enumerate(latents)
        for other in every
        if other != own and own is not None
    ]
    return sum(within) / max(1, len(within))


def _area(acts: Float[Tensor, " token"], positive: Tensor) -> float:
    active = acts > 0
    n = int(positive.sum())
    return auroc(acts[active], positive[active], n, len(positive) - n)


def study(model: HookedVLM, folders: Sequence[Path], each: int = 16) -> list[Transfer]:
    """Measure the SAEs in some folders, all of one model, on the same scenes.

    Raises:
        ValueError: if one has no labels.
    """
    known = [facts(folder) for folder in folders]
    if any(one is None or one.f1 is None for one in known):
        raise ValueError("label the latents first: python -m prisma_engine.studies.llava_saes")
    told = [one for one in known if one is not None]
    latents = [class_latents(one) for one in told]
    found = gather(model, [files.load(folder) for folder in folders], latents, each)
    names = [folder.resolve().name for folder in folders]
    return [transfer(*one) for one in zip(names, told, latents, found, strict=True)]


def report(every: Sequence[Transfer]) -> str:
    """A line an SAE."""
    head = ("SAE", "classes with a latent", f"in top {TOP}", "compared", "other class", "random", "AUROC", "objects")
    rows = [
        (
            one.sae,
            f"{one.labelled} of {len(one.classes)}",
            percent(one.in_top),
            percent(one.in_top_more),
            f"{one.shuffled_more:.1%}",
            f"{one.random:.1%}",
            f"{one.auroc.value:.3f} (shuffled {one.auroc_shuffled:.3f})",
            f"{one.auroc_objects.value:.3f}",
        )
        for one in every
    ]
    return table(head, rows)


def percent(interval: Interval) -> str:
    """A share with its interval: "91 % [81, 96]"."""
    return f"{100 * interval.value:.0f} % [{100 * interval.low:.0f}, {100 * interval.high:.0f}]"


def to_json(every: Sequence[Transfer], n_scenes: int) -> str:
    """What `transfer.json` holds."""
    told: dict[str, Any] = {"scenes_a_class": n_scenes, "top": TOP, "saes": [asdict(one) for one in every]}
    return json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="+", help="folders with an SAE each, all of one model")
    parser.add_argument("--weights", type=Path, help="the model's weights on this machine, if not under its own name")
    parser.add_argument("--each", type=int, default=16, help="scenes of each class")
    parser.add_argument("--out", type=Path, help="a file for the numbers")
    given = parser.parse_args()
    model = vlm.load(given.weights or files.opened(given.folder[0]).config.model)
    every = study(model, given.folder, given.each)
    if given.out is not None:
        given.out.write_text(to_json(every, given.each), encoding="utf-8")
    print(f"\n{report(every)}")


if __name__ == "__main__":
    main()
