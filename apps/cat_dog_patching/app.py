"""The page's wiring. `build()` makes it an app of its own; the suite adds it as one page of many."""

from __future__ import annotations

from typing import Any

import gradio as gr

from apps.cat_dog_patching import saved
from apps.cat_dog_patching.first import opening
from apps.cat_dog_patching.flipping import find_flip
from apps.cat_dog_patching.handlers import PairDesk
from apps.cat_dog_patching.layout import Layout, lay_out
from apps.cat_dog_patching.page import PatchingPage
from apps.cat_dog_patching.programs import endpoints
from apps.cat_dog_patching.sweeping import first_ask, sweep_steps
from apps.cat_dog_patching.working import Working
from apps.common import catalog, streams
from apps.common.events import FOLLOWS, IN_TURN, QUIET, RUNS_MODEL, runs, spoken, spoken_steps, titled
from apps.common.page import wire_sources, wire_steps, wire_take_away
from apps.common.runtime import DELETE_CACHE

DESK = PairDesk()
# Sweeps and searches have a queue of their own, so that others may look at other things meanwhile; trials another.
SWEEPS: dict[str, Any] = {"concurrency_id": "patching-sweep", "concurrency_limit": 2, "trigger_mode": "multiple"}
TRIALS: dict[str, Any] = {"concurrency_id": "patching-trial", "concurrency_limit": 1, "trigger_mode": "multiple"}


def page(demo: gr.Blocks, desk: PairDesk | None = None) -> Layout:
    """Add the page to the current Blocks (or route) of `demo`."""
    work, at = PatchingPage(desk or DESK), lay_out()
    session, bench, waiting = (gr.State(None) for _ in range(3))
    state = [session, bench]
    links = [at.address, at.link, at.code]
    shown = [
        session, bench, at.patching, at.mask, at.note, at.classes_box, at.picker, at.other_picker,
        at.how, at.hide_box, at.other_box, at.swap, *at.answers, at.prepare, at.steps,
    ]  # fmt: skip
    working = Working(work.desk)
    after: dict[str, Any] = {
        "after": (work.links, state, links),
        "steps": (working.caught_up, state, at.patching, SWEEPS),
    }

    titled(demo, "Cat–Dog Patching")
    opened = [*shown, waiting, at.model, at.classes, at.composer]
    loading = demo.load(spoken(work.load), None, opened, **RUNS_MODEL)
    loading.success(work.links, state, links, **QUIET)
    loading.success(spoken_steps(working.swept), state, at.patching, **QUIET, **SWEEPS)
    wire_sources(work, at, state, shown, waiting, **after)
    wire_steps(work, at.steps, state, shown, **after)
    starting = [*shown, at.model, at.photo, at.composer]
    runs(at.buttons["start-over"].click, work.start_over, state, starting, **after)
    _wire_pair(work, at, state, shown, after)
    _wire_canvas(work, working, at, state, links)
    wire_take_away(work, at, state)
    demo.unload(working.leave)
    endpoints(work.desk)
    return at


def _wire_pair(work: PatchingPage, at: Layout, state: list[gr.State], shown: list[Any], after: dict[str, Any]) -> None:
    """Everything that changes the second picture, the answers or how pictures are prepared."""
    runs(at.mask.mask, work.hide, state, shown, trigger_mode="multiple", **after)
    runs(at.how.input, work.second, [at.how, *state], shown, **after)
    runs(at.swap.input, work.swap, [at.swap, *state], shown, **after)
    runs(at.other_picker.pick, work.other_example, state, [*shown, at.other_photo], **after)
    uploading = runs(at.other_photo.input, work.other_upload, [at.other_photo, *state], shown, **after)
    uploading.failure(lambda: None, None, at.other_photo, **QUIET)
    for box in at.answers:
        changing = runs(box.input, work.answers, [*at.answers, *state], shown, **after)
        changing.failure(spoken(work.answers_shown), state, list(at.answers), **QUIET)
    runs(at.prepare.input, work.prepare, [at.prepare, *state], shown, **after)


def _wire_canvas(work: PatchingPage, working: Working, at: Layout, state: list[gr.State], links: list[Any]) -> None:
    """What the canvas asks for: quick answers in the queue of the models, long ones in steps of their own."""
    canvas = at.patching
    told = (work.links, state, links)
    applying = canvas.apply(spoken(work.apply), state, canvas, trigger_mode="multiple", **RUNS_MODEL)
    applying.success(*told, **FOLLOWS)
    canvas.reads(spoken(work.reads), state, canvas, trigger_mode="multiple", **RUNS_MODEL)
    canvas.evolution(spoken(work.evolution), state, canvas, **IN_TURN, **QUIET)
    canvas.view_change(spoken(work.view_change), state, links, **IN_TURN, **QUIET)
    canvas.sweep(spoken_steps(working.sweep), state, canvas, **QUIET, **SWEEPS)
    flipping = canvas.flip(spoken_steps(working.flip), state, canvas, **QUIET, **SWEEPS)
    flipping.success(*told, **FOLLOWS)
    asked = [at.source, at.place, at.n_cases, *state]
    trying = canvas.generality(spoken_steps(working.general), asked, canvas, **QUIET, **TRIALS)
    trying.failure(spoken(working.idle), state, canvas, **QUIET)
    canvas.cancel(working.cancel, state[1], None, queue=False, **QUIET)
    at.source.input(streams.place_box, at.source, at.place, **QUIET)


def card_picture() -> bytes:
    """The page's picture for the landing page, drawn by the current code."""
    session = DESK.show(opening(), catalog.DEFAULT)
    result, model = DESK.result(session), DESK.model(session)
    ask = first_ask(result.extent)
    *_, swept = sweep_steps(model, result, ask)
    return saved.card(result, swept, find_flip(model, result, ask).chips)


def build(desk: PairDesk | None = None) -> gr.Blocks:
    """The page as an app of its own."""
    with gr.Blocks(title="Cat–Dog Patching", delete_cache=DELETE_CACHE, analytics_enabled=False) as demo:
        page(demo, desk)
    return demo
