"""The SAE of the opening page on every example: its latents, and the answers with one of them turned."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from apps.common import catalog, pictures
from apps.common.desk import Session
from apps.sae_steering import handlers
from apps.sae_steering.analysis import SteerResult
from apps.sae_steering.bench import Bench
from apps.sae_steering.cases import pictures_for
from apps.sae_steering.first import first_view, opening
from apps.sae_steering.handlers import SteerDesk
from apps.sae_steering.latents import latent_value
from apps.sae_steering.searching import search
from apps.sae_steering.trying import Trial, controls_value, logits_before
from apps.sae_steering.working import N_DRAWS
from apps.static_files.scope import Scope
from apps.static_files.store import DATA, Store
from prisma_engine import HookedViT
from prisma_engine.sae import SAE
from prisma_engine.sae.features import (
    Dial,
    FeatureMap,
    Guide,
    Rack,
    activations,
    controls,
    generality_steps,
    steer_many,
)

FOLDER = "steering"
LATENTS = f"{DATA}/{FOLDER}/latents"
TURNS = (("add", -5.0), ("add", -2.0), ("add", 5.0), ("ablate", 0.0))
STEPS = tuple(step / 2 for step in range(-6, 7))  # of the recipe's own dial, in typical activations
EXEMPLARS = 3
AT_ONCE = 16
CHANCE = 65535  # codes of a probability


@dataclass(frozen=True)
class Run:
    """One example on the desk."""

    desk: SteerDesk
    session: Session
    result: SteerResult
    home: str

    @property
    def guide(self) -> Guide:
        """The recipe, which every SAE that ships has."""
        assert self.result.loaded.guide is not None, "this SAE has no recipe"
        return self.result.loaded.guide


def write(store: Store, scope: Scope) -> None:
    """One folder for each example, and one for the pages of the latents that are active on any of them.

    An example has `value.json`, `answers.json`, `effects` (float32 [class][entry]) and `turns`: for each rack of
    `answers.json`'s "racks" float32 logits[class], float32 length and share of what is written, then all racks'
    uint16 probability[patch] of the lens, from 0 to 65,535, then uint8 class[patch].
    """
    desk, active = SteerDesk(), set()
    for name in sorted(scope.examples, key=lambda each: each != opening().source):
        session = desk.show(opening() if name == opening().source else pictures.example(name), catalog.DEFAULT)
        run = Run(desk, session, desk.result(session), f"{DATA}/{FOLDER}/{name}")
        active |= _write_run(store, run, scope)
    _write_latents(store, run, sorted(active))
    found = {"kind": "class", "text": ""}
    n_classes = run.result.extent.n_classes
    answers = [search(desk, run.result, found | {"text": str(i), "index": i}) for i in range(n_classes)]
    store.put(f"{DATA}/{FOLDER}/index.json", {"latents": sorted(active), "by_class": answers})


def _write_run(store: Store, run: Run, scope: Scope) -> set[int]:
    result, guide = run.result, run.guide
    store.home(run.session.key, run.home)
    view = first_view(result)
    active = set(result.features.latents.tolist()) if scope.is_whole else {view.latent or 0}
    active |= {dial.latent for dial in guide.rack.dials}
    turned = [latent for latent in sorted(active) if result.typical[latent] > 0]  # others have no unit to turn by
    bench = Bench(view=view, steered=steer_many(result.start, [Rack()], result.typical, view.lens)[0])
    value = handlers.steering_value(run.desk, run.session, bench, view)
    value["run"] |= {"lens_labels": [result.lens_labels[-1]], "any_sae": False, **_offered(guide)}
    value["run"]["effect"] = {"url": f"./effect/{result.answer}"}  # made by the page, from `effects`
    store.put_value(f"{run.home}/value.json", value)
    names = range(result.extent.n_classes)
    store.put(f"{run.home}/effects", b"".join(handlers.pack_effect(result, index) for index in names))
    racks = [*_racks(guide, turned)]
    store.put(f"{run.home}/turns", _turns(result, [Rack(), Rack(keep_error=False), *racks]))
    others = [row["id"] for row in value["table"] if row["id"] != result.loaded.id]
    answers = {
        "racks": ["original", "reconstruction", *map(_rack_text, racks)],
        "others": {name: handlers.other_value(run.desk, result, name) for name in others},
        "recipe": _recipe(store, run, scope.n_tried) if result.picture.source == guide.picture.source else None,
    }
    store.put_value(f"{run.home}/answers.json", answers)
    return active


def _offered(guide: Guide) -> dict[str, list[str]]:
    """Where latents can be turned on the page, and how."""
    return {
        "wheres": list(_places(guide)),
        "hows": list(dict.fromkeys([*(how for how, _ in TURNS), guide.rack.dials[0].how])),
    }


def _places(guide: Guide) -> tuple[str, ...]:
    """Everywhere, and where the recipe turns its dial."""
    own = guide.rack.where
    assert isinstance(own, str), "a recipe names its tokens by a word"
    return tuple(dict.fromkeys(("all", own)))


def _racks(guide: Guide, active: Iterable[int]) -> Iterable[Rack]:
    """One latent turned, everywhere; the recipe's own dial besides at its own place, at every step."""
    for latent in active:
        yield from (Rack((Dial(latent, how, amount),)) for how, amount in TURNS)
    (dial,) = guide.rack.dials
    for where in _places(guide):
        yield from (Rack((replace(dial, amount=step),), where) for step in STEPS)


def _rack_text(rack: Rack) -> str:
    (dial,) = rack.dials
    return f"{dial.latent}.{dial.how}.{dial.amount:g}.{rack.where}"


def _turns(result: SteerResult, racks: Sequence[Rack]) -> bytes:
    first_patch, label = len(result.prefix_names), result.lens_labels[-1]
    numbers, classes, chances = [], [], []
    for first in range(0, len(racks), AT_ONCE):
        for run in steer_many(result.start, racks[first : first + AT_ONCE], result.typical, label):
            assert run.lens is not None, "a model with classes has a lens"
            numbers.append(torch.cat([run.column("steered"), torch.tensor([run.norm, run.share])]).numpy())
            classes.append(run.lens.index[2, first_patch:].numpy())
            chances.append((run.lens.probability[2, first_patch:].double() * CHANCE).round().numpy())
    assert result.extent.n_classes <= 256, "classes are told by a byte"
    parts = (np.stack(numbers).astype("<f4"), np.stack(chances).astype("<u2"), np.stack(classes).astype("u1"))
    return b"".join(part.tobytes() for part in parts)


def _recipe(store: Store, run: Run, n: int) -> dict[str, Any]:
    """What was tried with the recipe as it is written: against chance, and on other pictures."""
    result, rack = run.result, run.guide.rack
    watched = result.vocabulary.index(run.guide.before)
    drawn = controls(result.start, rack, result.typical, watched, N_DRAWS, seed=0)
    said, others = pictures_for(result, "scenes", "", n, same=True)
    steps = generality_steps(
        result.loaded.sae, result.model, rack, result.typical, watched, others, n, answered=result.answer
    )
    *_, found = steps
    trial = Trial(found, said, "", logits_before(result, rack, watched, found))
    key = run.desk.shelf.put(trial.files())
    store.home(key, f"{run.home}/tried")
    general = trial.as_dict(f"{handlers.routes.PREFIX}/{key}/failure/", result.named)
    return {"controls": controls_value(drawn, result.named), "general": general, "watched": watched}


def _write_latents(store: Store, run: Run, latents: Sequence[int]) -> None:
    """The page of each latent, on no picture in particular."""
    bench, heats = Bench(), Heats()
    for latent in latents:
        value = latent_value(run.desk, run.session, bench, latent, EXEMPLARS, heats)
        store.put_value(f"{LATENTS}/{latent}.json", value | {"address": f"?latent={latent}"})


class Heats:
    """`heat`, which runs a picture once for all latents that it is an exemplar of."""

    def __init__(self) -> None:
        self._known: dict[bytes, FeatureMap] = {}

    def __call__(self, sae: SAE, model: HookedViT, x: Tensor, latent: int) -> Tensor:
        keys = [hashlib.sha256(picture.numpy().tobytes()).digest() for picture in x]
        for key, picture in zip(keys, x, strict=True):
            if key not in self._known:
                self._known[key] = activations(sae, model, picture[None])
        return torch.stack([self._known[key].heat(latent) for key in keys])
