"""A recipe to try first, measured: `python -m prisma_engine.studies.llava_guide <an SAE's folder>`.

One latent is turned over in one picture, and the description forgets what the latent is about. `guide.json` says on how
many other scenes it does, beside a random direction of the same length, and what becomes of scenes without the thing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from random import Random

import torch

from prisma_engine import vlm
from prisma_engine.analysis.intervals import share_interval
from prisma_engine.sae import files
from prisma_engine.sae.features.facts import Facts, facts
from prisma_engine.sae.features.guide import FILE, Picture, Share
from prisma_engine.sae.features.talk_guide import Guide, Measured
from prisma_engine.sae.model import SAE
from prisma_engine.studies.llava_rows import Way, descriptions
from prisma_engine.studies.llava_scenes import ASKED, Scenes, as_scenes, held_out_scenes, named
from prisma_engine.studies.llava_transfer import class_latents
from prisma_engine.toy.emoji_scenes import SceneBatch
from prisma_engine.toy.llava.nouns import WORDS, class_of
from prisma_engine.vlm.hooked import HookedVLM
from prisma_engine.vlm.prompt import batch

SPLIT, FIRST = "pairs", 2000
WAY = Way("scale")
PICTURE = Picture("scene", "7_3.300.520.400.0_32.680.420.340.0", "A dog beside a banana")


def shown(model: HookedVLM, picture: Picture) -> Scenes:
    """A picture as one scene, of which nobody says what its patches show."""
    drawn = torch.from_numpy(picture.draw()).permute(2, 0, 1)[None]
    nothing = torch.full((1, 1), -1)
    return as_scenes(model, SceneBatch(drawn, nothing, torch.zeros(1, 1, *drawn.shape[-2:], dtype=torch.bool)), ASKED)


def carried_out(model: HookedVLM, sae: SAE, known: Facts, guide: Guide) -> tuple[str, str]:
    """What the model says of the guide's picture, without and with its steering."""
    scenes, way = shown(model, guide.picture), Way(guide.how, guide.where, guide.when)  # type: ignore[arg-type]
    (before,) = descriptions(model, scenes)
    (after,) = descriptions(model, scenes, sae, way, [guide.latent], [_amount(known, guide.latent, way, guide.amount)])
    return before, after


def find(
    model: HookedVLM,
    folder: Path,
    amount: float,
    thing: str = "dog",
    way: Way | None = None,
    n: int = 150,
    picture: Picture = PICTURE,
) -> Guide:
    """Measure a recipe.

    Raises:
        ValueError: if nothing is called so, or no latent is about it.
    """
    sae, known, way = files.load(folder), facts(folder), way or WAY
    kind = class_of(thing)
    latent = None if kind is None or known is None else class_latents(known)[kind]
    if kind is None or known is None or latent is None:
        raise ValueError(f"no latent of {folder.name} is labelled {thing!r}")
    by = _amount(known, latent, way, amount)
    scenes = beside(model, kind, n)
    before = descriptions(model, scenes)
    named_it = [i for i, text in enumerate(before) if kind in named(text)]
    subjects, texts = scenes.rows(named_it), [before[i] for i in named_it]
    random = Random(0)
    others = [i for i in (known.frequency > 0).nonzero()[:, 0].tolist() if i != latent]
    controls = [random.choice(others) for _ in named_it]

    def after(by: float, along: Sequence[int] | None = None) -> list[str]:
        return descriptions(model, subjects, sae, way, [latent] * len(named_it), [by] * len(named_it), along)

    steered = after(by)
    pairs = [(kept, named(new)) for old, new in zip(texts, steered, strict=True) for kept in named(old) - {kind}]
    free = _without(model, kind, n)
    plain = descriptions(model, free)
    same = descriptions(model, free, sae, way, [latent] * len(free), [by] * len(free))
    measured = Measured(
        gone=_gone(kind, steered),
        kept=_share([other in now for other, now in pairs]),
        control=_gone(kind, after(by, controls)),
        wrong_sign=_gone(kind, after(_amount(known, latent, way, -amount))),
        untouched=_share([old == new for old, new in zip(plain, same, strict=True)]),
    )
    draft = Guide(picture, ASKED, thing, latent, way.how, amount, way.where, way.when, "", "", measured)
    first, second = carried_out(model, sae, known, draft)
    return replace(draft, before=first, after=second)


def _amount(known: Facts, latent: int, way: Way, amount: float) -> float:
    return amount if way.how == "scale" else amount * float(known.typical[latent])


def beside(model: HookedVLM, kind: int, n: int) -> Scenes:
    """Held-out scenes that show a thing of this kind beside one other, the others in turn."""
    others = [other for other in range(len(WORDS)) if other != kind]
    parts = [
        held_out_scenes(model, SPLIT, FIRST + i, n // len(others) + 1, classes=(kind, other))
        for i, other in enumerate(others)
    ]
    return joined(parts).rows(Random(kind).sample(range(sum(map(len, parts))), n))


def _without(model: HookedVLM, kind: int, n: int) -> Scenes:
    scenes = held_out_scenes(model, SPLIT, FIRST - 1, n)
    return scenes.rows([i for i, row in enumerate(scenes.objects.tolist()) if kind not in row])


def joined(parts: Sequence[Scenes]) -> Scenes:
    """Several scenes' batches as one."""
    prompts = batch([part.prompt for part in parts])
    width = max(part.objects.shape[1] for part in parts)
    objects = [torch.nn.functional.pad(part.objects, (0, width - part.objects.shape[1]), value=-1) for part in parts]
    return Scenes(prompts, torch.cat(objects), torch.cat([part.patches for part in parts]))


def _gone(kind: int, texts: Sequence[str]) -> Share:
    return _share([kind not in named(text) for text in texts])


def _share(hits: Sequence[bool]) -> Share:
    found = share_interval(sum(hits), len(hits))
    return Share(round(found.value, 4), round(found.low, 4), round(found.high, 4), len(hits))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="a folder with an SAE whose latents have labels")
    parser.add_argument("--amount", type=float, default=-4.0, help="factor to scale the latent by, where it is active")
    parser.add_argument("--thing", default="dog", help="what shall be forgotten")
    parser.add_argument("--n", type=int, default=150, help="how many scenes of each sort")
    parser.add_argument("--weights", type=Path, help="the model's weights on this machine, if not under its own name")
    given = parser.parse_args()
    model = vlm.load(given.weights or files.opened(given.folder).config.model)
    guide = find(model, given.folder, given.amount, given.thing, n=given.n)
    text = json.dumps(guide.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
    (given.folder / FILE).write_text(text + "\n", encoding="utf-8")
    print(f"{guide.before}\n{guide.after}\n{guide.measured}")


if __name__ == "__main__":
    main()
