"""A run and what was done with it → pictures to keep: the columns for print, the page's card."""

from __future__ import annotations

import numpy as np

from apps.common.desk import Session
from apps.common.dials import dial_said
from apps.vlm_steering import vlms
from apps.vlm_steering.analysis import Talk
from apps.vlm_steering.bench import Bench
from apps.vlm_steering.desk import VlmDesk
from apps.vlm_steering.drawing import SaidView, card_figure, said_figure
from apps.vlm_steering.handlers import plain
from apps.vlm_steering.talking import Said
from apps.vlm_steering.turn import Turn
from prisma_engine.vlm.places import KINDS, WHENS

TITLES = {"original": "original", "reconstruction": "reconstruction only", "steered": "steered"}
GOOD_F1 = 0.5
"""Of a label below this it is said that it may be none."""
CONTROLS = {"random": "random latents, moved as far", "opposite": "the opposite sign"}


def picture_png(desk: VlmDesk, session: Session, bench: Bench) -> bytes:
    """The picture, where the open latent is active, and the columns, for print."""
    talk, latent = desk.result(session), bench.view.latent
    control = bench.said_of[0].control if bench.said_of else "none"
    titles = TITLES | {"control": CONTROLS.get(control, control)}
    return said_figure(
        SaidView(
            title=f"{vlms.title_of(talk.model_id)} · {talk.loaded.title} · {talk.picture.title}",
            subtitle=f"“{talk.plan.prompt}” · {turn_said(bench.turn)}",
            pixels=talk.pixels,
            heat=heat_of(talk, latent),
            about=_about(talk, latent),
            columns=tuple((titles[name], said.text) for name, said in bench.said.items()),
            lines=_lines(bench),
        )
    )


def card(talk: Talk, latent: int | None, original: Said, steered: Said) -> bytes:
    """What the page is about, to stand for it elsewhere."""
    return card_figure(talk.pixels, heat_of(talk, latent), [("as it is", original.text), ("steered", steered.text)])


def heat_of(talk: Talk, latent: int | None) -> np.ndarray:
    """Activation of a latent at every patch, in rows."""
    if latent is None:
        return np.zeros(talk.grid)
    return talk.heard.heat(latent)[: talk.n_patches].reshape(talk.grid).double().numpy()


def turn_said(turn: Turn) -> str:
    """What is turned, where and when, in words."""
    if not turn.dials:
        return "nothing is turned"
    where = "at all tokens" if turn.where == KINDS else f"at {' and '.join(turn.where)} tokens"
    when = "" if turn.when == WHENS else f", {turn.when[0]} only"
    kept = "" if turn.keep_error else ", error not kept"
    return f"{', '.join(map(dial_said, turn.dials))} {where}{when}{kept}"


def _about(talk: Talk, latent: int | None) -> tuple[str, ...]:
    if latent is None:
        return ("No latent is open.",)
    facts, heat = talk.loaded.facts, heat_of(talk, latent)
    label, f1 = (facts.name(latent), facts.f1) if facts else (None, None)
    score = None if f1 is None or label is None else plain(float(f1[latent]))
    scored = "" if score is None else f", F1 {score:.2f} on text"
    doubt = "perhaps " if score is not None and score < GOOD_F1 else ""
    unit = float(talk.typical[latent])
    times = f", {heat.max() / unit:.1f} × typical" if unit > 0 else ""
    said = f"latent {latent}: {doubt}{label}{scored}" if label else f"latent {latent}: no label"
    return (
        said,
        f"at most {heat.max():.2f}{times} at a patch",
        f"active at {int((heat > 0).sum())} of {heat.size} patches",
    )


def _lines(bench: Bench) -> tuple[str, ...]:
    manner = bench.manner
    how = (
        "the likeliest word each time"
        if manner.temperature == 0
        else (f"words drawn at temperature {manner.temperature:g}, seed {manner.seed}")
    )
    drawn = bench.said_of is not None and bench.said_of[0].control == "random"
    control = f"; the control's random latents are drawn by seed {manner.seed}" if drawn else ""
    return (f"Amounts count typical activations of a latent; {how}, the same in every column{control}.",)
