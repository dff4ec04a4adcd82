"""A pair and what was done with it → pictures to keep: the map for print, the page's card."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from apps.cat_dog_patching.analysis import PairResult
from apps.cat_dog_patching.bench import Bench
from apps.cat_dog_patching.drawing import PairView, Panel, card_figure, pair_figure
from apps.cat_dog_patching.places import BY_ID, Chip
from apps.cat_dog_patching.sweeping import Swept
from apps.cat_dog_patching.view import PatchView
from apps.common import catalog
from apps.common.answers import Answer, top_answers
from prisma_engine import PatchSweep, Site

N_SHOWN = 5
TITLES = {"denoise": "clean put into corrupt", "noise": "corrupt put into clean", "preview": "estimate"}


def picture_png(result: PairResult, bench: Bench, view: PatchView) -> bytes:
    """Both pictures, the answers, the map on show and what was found, for print."""
    swept = bench.sweep
    panels = _panels(swept)
    first = (swept.denoise or swept.preview) if swept else None
    a, b, _ = result.answers
    names = f"{result.name(a)} − logit of {result.name(b)}"
    clean, corrupt = result.clean.metric, result.corrupt.metric
    return pair_figure(
        PairView(
            title=f"{catalog.title_of(result.model_id)} · {result.picture.title} · {BY_ID[view.site].title}",
            subtitle=f"logit of {names}: clean {clean:.3f}, corrupt {corrupt:.3f}".replace("-", "−"),
            pictures=(result.clean.pixels, result.corrupt.pixels),
            names=("clean", "corrupt"),
            captions=(_said(result.clean.top), _said(result.corrupt.top)),
            patched=_patched(result, bench),
            panels=panels,
            rows=first.labels[0] if first else (),
            columns=first.labels[1] if first else (),
            axes=swept.ask.by if swept else ("layer", "head"),
            marked=_marked(swept, bench.chips),
            lines=_lines(bench),
        )
    )


def card(result: PairResult, swept: Swept, chips: Sequence[Chip]) -> bytes:
    """What the page is about, to stand for it elsewhere."""
    assert swept.denoise is not None, "a card is drawn of a finished sweep"
    pictures = (result.corrupt.pixels, result.clean.pixels)
    maps = [_moved(sweep) for sweep in (swept.denoise, swept.noise) if sweep is not None]
    return card_figure(pictures, maps, _marked(swept, chips))


def _panels(swept: Swept | None) -> tuple[Panel, ...]:
    if swept is None:
        return ()
    exact = [name for name in ("denoise", "noise") if getattr(swept, name) is not None]
    return tuple(Panel(TITLES[name], _moved(getattr(swept, name))) for name in exact or ["preview"])


def _moved(sweep: PatchSweep) -> np.ndarray:
    """How far towards the run that the patch comes from: 0 as before, 1 as that one."""
    effect = sweep.effect.double().numpy()
    return effect if sweep.direction == "denoise" else 1 - effect


def _marked(swept: Swept | None, chips: Sequence[Chip]) -> frozenset[tuple[int, int]]:
    """Cells of the map that are applied."""
    sweep = (swept.denoise or swept.preview) if swept else None
    if swept is None or sweep is None:
        return frozenset()
    width, sites = sweep.metric.shape[1], {_plain(chip.site_in_model) for chip in chips}
    found = (cell for cell, chosen in enumerate(sweep.grid.sets) if {_plain(site) for site in chosen} <= sites)
    return frozenset(divmod(cell, width) for cell in found)


def _plain(site: Site) -> Site:
    """CLS by its position, as a sweep by token names it."""
    return replace(site, token=0) if site.token == "cls" else site


def _said(top: Sequence[Answer]) -> tuple[str, ...]:
    return tuple(f"{answer.name}  {answer.logit:.2f}  {answer.probability:.1%}" for answer in top[:N_SHOWN])


def _patched(result: PairResult, bench: Bench) -> tuple[str, tuple[str, ...]] | None:
    applied = bench.applied
    if applied is None or not applied.chips:
        return None
    names = " + ".join(chip.label(result.prefix_names) for chip in applied.chips[:3])
    more = f" and {len(applied.chips) - 3} more" if len(applied.chips) > 3 else ""
    top = top_answers(applied.logits, result.vocabulary, 3)
    return f"corrupt with {names}{more}:", tuple(f"{answer.name} {answer.logit:.2f}" for answer in top)


def _lines(bench: Bench) -> tuple[str, ...]:
    found = []
    if bench.sweep is not None and bench.sweep.correlation is not None:
        found.append(f"Attribution patching's estimate correlates with the exact map by {bench.sweep.correlation:.3f}.")
    general = bench.general
    if general is not None and general.done:
        rate, chance = general.outcome.rate, general.control.rate
        found.append(
            f"{general.said}: {rate.value:.0%} flip (95 % interval {rate.low:.0%} to {rate.high:.0%}); "
            f"at random {chance.value:.0%} ({chance.low:.0%} to {chance.high:.0%})."
        )
    return tuple(found)
