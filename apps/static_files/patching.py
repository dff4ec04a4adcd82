"""Pairs of pictures, and all that the page can be asked about them: sweeps, patches put in, searches, a trial."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

import prisma_engine as pe
from apps.cat_dog_patching import cases, handlers
from apps.cat_dog_patching.analysis import PairResult
from apps.cat_dog_patching.applying import n_numbers
from apps.cat_dog_patching.bench import Bench
from apps.cat_dog_patching.first import TITLE, opening
from apps.cat_dog_patching.flipping import find_flip
from apps.cat_dog_patching.general import general_steps
from apps.cat_dog_patching.handlers import PairDesk
from apps.cat_dog_patching.places import BY, BY_ID, TOKENS, Chip
from apps.cat_dog_patching.reading import reads
from apps.cat_dog_patching.sweeping import Ask, first_ask, sweep_steps
from apps.cat_dog_patching.view import first_view
from apps.common import catalog, payload, pictures
from apps.common.blobs import Result
from apps.common.desk import Session
from apps.common.pictures import Picture
from apps.static_files.scope import Scope
from apps.static_files.store import DATA, Store
from prisma_engine import HookedViT

FOLDER = "patching"
FIRST = "a-cat-and-a-small-dog"
BY_HEAD, BY_TOKEN = BY[0], BY[1]
SEARCHED = ("cls", "all")  # tokens at which the page searches among heads
TOGETHER = (3, 2)  # heads at CLS that may be put in at once: of the pair that opens a whole site, of any other
FAILURES = "failures"


@dataclass(frozen=True)
class Pair:
    """One pair on the desk."""

    desk: PairDesk
    session: Session
    result: PairResult
    model: HookedViT
    asks: tuple[Ask, ...]  # the sweeps that the page has, the one that it opens with first
    together: int  # heads at CLS that may be put in at once


def named(scope: Scope) -> dict[str, tuple[str, Picture]]:
    """Name, title and first picture of every pair."""
    shipped = {name: pictures.example(name) for name in scope.examples if scope.is_whole}
    return {FIRST: (TITLE, opening()), **{name: (picture.title, picture) for name, picture in shipped.items()}}


def write(store: Store, scope: Scope) -> None:
    """One folder for each pair: `value.json`, `answers.json`, `evolution.json`, and `applied`, float32 [set][class]."""
    desk = PairDesk()
    for name, (_, picture) in named(scope).items():
        session = desk.show(picture, catalog.DEFAULT)
        result = desk.result(session)
        is_first = name == FIRST
        n_tried = scope.n_tried if is_first else 0
        asks = tuple(_asks(result, scope.is_whole, is_first))
        together = TOGETHER[0 if is_first and scope.is_whole else 1]
        pair = Pair(desk, session, result, desk.model(session), asks, together)
        _write_pair(store, pair, f"{DATA}/{FOLDER}/{name}", n_tried)


def _asks(result: PairResult, is_whole: bool, is_first: bool) -> Iterator[Ask]:
    """The sweeps of a pair: every kind of heads at CLS, all tokens and patches; the stream by token."""
    yield first_ask(result.extent)
    heads = [site for site in result.sites if BY_ID[site].of_heads][: None if is_whole else 2]
    yield from (Ask(site, BY_HEAD, None, token) for site in heads for token in TOKENS if (site, token) != ("z", "cls"))
    if is_whole:
        streams = [site for site in result.sites if site.startswith("resid")]
        yield from (Ask(site, BY_TOKEN, None, "all") for site in (streams if is_first else streams[-1:]))


def _write_pair(store: Store, pair: Pair, home: str, n_tried: int) -> None:
    result, model = pair.result, pair.model
    store.home(pair.session.key, home)
    swept = {_key(ask): _swept(pair, ask) for ask in pair.asks}
    flips = {_key(ask): find_flip(model, result, ask) for ask in pair.asks if ask.site == "z" and ask.token in SEARCHED}
    head_reads = {
        f"{layer}.{head}": reads(model, result, layer, head)
        for layer in range(result.n_layers)
        for head in range(result.n_heads)
    }
    bench = Bench(view=first_view(result.extent), sweep=swept[_key(pair.asks[0])])
    strongest = divmod(int(bench.sweep.denoise.effect.nan_to_num().argmax()), result.n_heads)  # type: ignore[union-attr]
    bench.reads = head_reads["{}.{}".format(*strongest)]
    value = handlers.patching_value(pair.desk, pair.session, bench, bench.view)
    value["run"] |= {"sites": _sites(value["run"]["sites"], pair.asks), "tokens": list(TOKENS)}
    store.put_value(f"{home}/value.json", value)
    sets = list(_sets(pair))
    store.put(f"{home}/applied", _applied(pair, sets))
    trial = _trial(store, pair, flips[_key(pair.asks[0])].chips, home, n_tried) if n_tried else None
    answers = {
        "sweeps": {key: each.as_dict() for key, each in swept.items()},
        "flips": {key: flip.as_dict(result) for key, flip in flips.items()},
        "reads": head_reads,
        "sets": ["_".join(sorted(chip.text for chip in chips)) for chips in sets],
        "numbers": _numbers(pair, sets),
        "general": trial,
    }
    store.put_value(f"{home}/answers.json", answers)
    evolution = [handlers.evolution_value(result, token) for token in range(result.n_tokens)]
    store.put(f"{home}/evolution.json", evolution)


def _key(ask: Ask) -> str:
    return f"{ask.site}|{','.join(ask.by)}|{ask.token}"


def _swept(pair: Pair, ask: Ask) -> Any:
    *_, last = sweep_steps(pair.model, pair.result, ask)
    return last


def _sites(sites: list[dict[str, Any]], asks: tuple[Ask, ...]) -> list[dict[str, Any]]:
    """The kinds of which there are sweeps, each with the axes that it was swept by."""
    by = {
        site["id"]: [list(each) for each in dict.fromkeys(a.by for a in asks if a.site == site["id"])] for site in sites
    }
    return [site | {"by": by[site["id"]]} for site in sites if by[site["id"]]]


def _sets(pair: Pair) -> Iterator[tuple[Chip, ...]]:
    """What can be put in: nothing, each cell of every sweep by itself, and a few heads at CLS together."""
    result = pair.result
    yield ()
    for ask in pair.asks:
        for layer in range(result.n_layers):
            if ask.by == BY_HEAD:
                yield from ((Chip(ask.site, layer, head, ask.token),) for head in range(result.n_heads))
            else:
                tokens = range(result.n_tokens)
                yield from ((Chip(ask.site, layer, None, result.extent.token(token)),) for token in tokens)
    site, token = pair.asks[0].site, pair.asks[0].token
    heads = [Chip(site, layer, head, token) for layer in range(result.n_layers) for head in range(result.n_heads)]
    for n in range(2, pair.together + 1):
        yield from combinations(heads, n)


def _applied(pair: Pair, sets: list[tuple[Chip, ...]]) -> bytes:
    """The corrupt run's logits with each set of the clean run put in."""
    result = pair.result
    places = [tuple(chip.site_in_model for chip in chips) for chips in sets]
    logits = pe.apply_patches(pair.model, result.corrupt.x, result.clean.x, places)[:, 0]
    return np.ascontiguousarray(logits.float().numpy(), "<f4").tobytes()


def _numbers(pair: Pair, sets: list[tuple[Chip, ...]]) -> list[int]:
    """How many numbers each set replaces; patches of one kind at one token, or at the same ones, replace as many."""
    known: dict[tuple[str, object], int] = {}

    def of(chip: Chip) -> int:
        kind = chip.site, chip.token if chip.token in ("all", "patches") else "one"
        if kind not in known:
            known[kind] = n_numbers(pair.model, pair.result, [chip])
        return known[kind]

    return [sum(map(of, chips)) for chips in sets]


def _trial(store: Store, pair: Pair, chips: tuple[Chip, ...], home: str, n: int) -> dict[str, Any]:
    """What the search found, on `n` other pairs."""
    model, result = pair.model, pair.result
    pairs, said = cases.scene_cases(model, result), cases.scenes_said(result, n)
    *_, general = general_steps(model, result, chips, pairs, n, said)
    files = {failure.file: failure.png for failure in general.failures}
    key = pair.desk.shelf.put(Result(files, None, sum(map(len, files.values()))))
    store.home(key, f"{home}/{FAILURES}")
    value = general.as_dict(result, f"{handlers.routes.PREFIX}/{key}/")
    return value | {"sets": "_".join(sorted(chip.text for chip in chips))}


def thumbnail(name: str) -> bytes:
    """The first picture of a pair that is not a shipped example, as a PNG."""
    image = opening().image
    assert name == FIRST and image is not None, "only the pair that opens the page has no thumbnail of its own"
    return payload.pack_png(np.asarray(image))
