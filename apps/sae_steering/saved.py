"""A run and what was done with it → pictures to keep: the three columns for print, the page's card."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np

from apps.common import catalog
from apps.common.answers import top_answers
from apps.common.dials import dial_said
from apps.common.overlay import Frame, draw_frame, heated
from apps.sae_steering.analysis import SteerResult
from apps.sae_steering.bench import Bench
from apps.sae_steering.drawing import CELL, Column, SteeredView, card_figure, steered_figure
from apps.sae_steering.handlers import watched
from apps.sae_steering.trying import RANDOM
from prisma_engine.sae.features import COLUMNS, SteerRun, steer_run

N_SHOWN = 6
LEAST = 0.3
"""Patches whose lens is less sure than this are left blank."""
_MINUS = re.compile(r"(?<=\s)-(?=\d)")
TITLES = {"original": "original", "reconstruction": "reconstruction only", "steered": "steered"}


def picture_png(result: SteerResult, bench: Bench) -> bytes:
    """The picture, where the open latent is active, the three columns and what was found, for print."""
    run = bench.steered or steer_run(result.start, bench.rack, result.typical, bench.view.lens)
    latent = bench.view.latent
    return steered_figure(
        SteeredView(
            title=f"{catalog.title_of(result.model_id)} · {result.loaded.title} · {result.picture.title}",
            subtitle=_subtitle(result, bench),
            pixels=result.pixels,
            about=_about(result, bench),
            heat=heat_of(result, latent),
            chosen=_cells(result, bench.view.tokens),
            columns=tuple(_column(result, run, name) for name in COLUMNS),
            lines=_lines(result, bench),
        )
    )


def card(result: SteerResult, latent: int, run: SteerRun) -> bytes:
    """What the page is about, to stand for it elsewhere: the picture, a latent on it, two lenses."""
    frames = [frame_of(result, run, name) for name in ("original", "steered")]
    lenses = [draw_frame(result.pixels, result.grid, frame, CELL) for frame in frames if frame is not None]
    return card_figure([result.pixels, heated(result.pixels, heat_of(result, latent)), *lenses])


def heat_of(result: SteerResult, latent: int | None) -> np.ndarray:
    """Activation of a latent at every patch, in rows."""
    first = len(result.prefix_names)
    if latent is None:
        return np.zeros(result.grid)
    return result.features.heat(latent)[first:].reshape(result.grid).double().numpy()


def frame_of(result: SteerResult, run: SteerRun, name: str) -> Frame | None:
    """What the lens reads in one of the columns."""
    if run.lens is None:
        return None
    first, words = len(result.prefix_names), result.vocabulary
    column = COLUMNS.index(name)
    sure = (run.lens.probability[column, first:] >= LEAST).tolist()
    best = [i if known else None for i, known in zip(run.lens.index[column, first:].tolist(), sure, strict=True)]
    drawn = [("", "") if i is None else (words.emoji[i], words.colors[i]) for i in best]
    return Frame(run.lens.label, tuple(emoji for emoji, _ in drawn), tuple(tint for _, tint in drawn))


def latent_said(result: SteerResult, latent: int) -> str:
    """A latent in words, with its label and how well that holds."""
    facts = result.loaded.facts
    label = facts.name(latent) if facts else None
    if facts is None or label is None:
        return f"Latent {latent}: no label"
    score = "" if facts.f1 is None else f" (F1 {float(facts.f1[latent]):.2f})"
    return f"Latent {latent}: {label}{score}"


def _about(result: SteerResult, bench: Bench) -> tuple[str, ...]:
    """What is known of the open latent, line by line."""
    latent, page = bench.view.latent, bench.latent
    if latent is None:
        return ("No latent is open.",)
    most = float(result.features.heat(latent).max())
    unit = float(result.typical[latent])
    times = f", {most / unit:.1f} × typical" if unit > 0 else ""
    said = [latent_said(result, latent), f"here at most {most:.2f}{times}"]
    if page is None or page["index"] != latent:
        return tuple(said)
    density, classes = page["density"]["tokens"], page["classes"]
    said += [] if density is None else [f"active at {density:.2%} of tokens"]
    for name, verb in (("top", "raises"), ("bottom", "lowers")):
        rows = (classes or {}).get(name, [])[:3]
        said += [f"{verb} {row['name']} {row['value']:+.2f}".replace("-", "−") for row in rows]
    return tuple(said)


def _column(result: SteerResult, run: SteerRun, name: str) -> Column:
    logits, before = run.column(name), run.column("original")
    rows = []
    for answer in top_answers(logits.float(), result.vocabulary, N_SHOWN):
        change = None if name == "original" else answer.logit - float(before[answer.index])
        rows.append((answer.name, answer.logit, change))
    frame = frame_of(result, run, name)
    return Column(TITLES[name], frame if frame is None else replace(frame, title=""), tuple(rows))


def _subtitle(result: SteerResult, bench: Bench) -> str:
    fit = f"explained variance {result.features.explained_variance:.3f}, L0 {result.features.l0:.1f}"
    if not bench.rack.dials:
        return f"nothing is steered; {fit}"
    where = {"all": "everywhere", "cls": "at CLS", "patches": "at all patches"}
    at = where[bench.rack.where] if isinstance(bench.rack.where, str) else f"at {len(bench.rack.where)} tokens"
    kept = "error kept" if bench.rack.keep_error else "error not kept"
    return f"{', '.join(dial_said(dial) for dial in bench.rack.dials)} {at}, {kept}; {fit}"


def _cells(result: SteerResult, tokens: tuple[int, ...]) -> frozenset[tuple[int, int]]:
    first = len(result.prefix_names)
    return frozenset(divmod(token - first, result.grid[1]) for token in tokens if token >= first)


def _lines(result: SteerResult, bench: Bench) -> tuple[str, ...]:
    found = []
    name = result.vocabulary.names[watched(result, bench)]
    if bench.rack.dials:
        found.append("Amounts count typical activations of a latent; changes are of logits, against the original.")
    if bench.controls is not None:
        random, steered = bench.controls.random, bench.controls.steered.change[0]
        low, high = random.spread
        found.append(
            f"Logit of {name}: {steered:+.2f}; {len(random)} times with {RANDOM.split(',')[0]} of the same length "
            f"{random.mean.value:+.2f} (95 % between {low:+.2f} and {high:+.2f}), with the opposite sign "
            f"{bench.controls.opposite.change[0]:+.2f}."
        )
    if bench.trial is not None and bench.trial.found.done:
        effect, rate = bench.trial.found.effect.mean, bench.trial.found.effect.rate
        found.append(
            f"{bench.trial.said}: logit of {name} {effect.value:+.2f} (95 % interval {effect.low:+.2f} to "
            f"{effect.high:+.2f}), answer changed in {rate.value:.0%} ({rate.low:.0%} to {rate.high:.0%})."
        )
    return tuple(_MINUS.sub("−", line) for line in found)
