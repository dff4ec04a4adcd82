"""The page's wiring. `build()` makes it an app of its own; the suite adds it as one page of many."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gradio as gr

from apps.common import catalog, streams
from apps.common.events import FOLLOWS, IN_TURN, LEFT, ONCE, QUIET, RUNS_MODEL, runs, spoken, spoken_steps, titled
from apps.common.page import wire_sources, wire_take_away
from apps.common.runtime import DELETE_CACHE
from apps.sae_steering import saved
from apps.sae_steering.bench import JOBS
from apps.sae_steering.first import first_view, opening
from apps.sae_steering.handlers import SteerDesk
from apps.sae_steering.layout import Layout, lay_out
from apps.sae_steering.page import SteeringPage
from apps.sae_steering.programs import endpoints
from apps.sae_steering.working import Working
from prisma_engine.sae.features import Dial, Rack, steer_run

DESK = SteerDesk()
# Trials and profiles have queues of their own, so that others may steer meanwhile.
TRIALS: dict[str, Any] = {"concurrency_id": "steering-trial", "concurrency_limit": 1, "trigger_mode": "multiple"}
PROFILES: dict[str, Any] = {"concurrency_id": "steering-profile", "concurrency_limit": 1, "trigger_mode": "multiple"}


def page(demo: gr.Blocks, desk: SteerDesk | None = None) -> Layout:
    """Add the page to the current Blocks (or route) of `demo`."""
    work, at = SteeringPage(desk or DESK), lay_out()
    session, bench, waiting = (gr.State(None) for _ in range(3))
    state = [session, bench]
    links = [at.address, at.link, at.code]
    shown = [session, bench, at.steering, at.note, at.classes_box, at.picker, at.sae, at.model]
    working = Working(work.desk)
    work.warm()
    after: dict[str, Any] = {"after": (work.links, state, links)}

    titled(demo, "SAE Steering")
    loading = demo.load(spoken(work.load), None, [*shown, waiting, at.classes, at.composer], **RUNS_MODEL)
    loading.success(work.links, state, links, **QUIET)
    wire_sources(work, at, state, shown, waiting, **after)
    for change in (at.sae.input,):
        changing = runs(change, work.sae, [at.sae, at.model, at.classes, *state], shown, js=ONCE, **after)
        changing.failure(spoken(work.sae_shown), state, at.sae, **QUIET)
    at.sae.blur(work.sae_left, [at.sae, *state], at.sae, js=LEFT, **QUIET)
    starting = [*shown, at.photo, at.composer]
    runs(at.buttons["start-over"].click, work.start_over, state, starting, **after)
    runs(at.steering.guide, work.guide, state, starting, trigger_mode="multiple", **after)
    _wire_canvas(work, working, at, state, links)
    wire_take_away(work, at, state)
    demo.unload(working.leave)
    endpoints(work.desk)
    return at


def _wire_canvas(work: SteeringPage, working: Working, at: Layout, state: list[gr.State], links: list[Any]) -> None:
    """What the canvas asks for: quick answers in the queue of the models, long ones in steps of their own."""
    canvas = at.steering
    told = (work.links, state, links)
    refused = {what: _refusal(work, what) for what in ("latent", "steer", "watch", "other", "found", *JOBS)}
    for ask, handler, what in (
        (canvas.latent, work.latent, "latent"),
        (canvas.steer, work.steer, "steer"),
        (canvas.watch, work.watch, "watch"),
        (canvas.compare, work.compare, "other"),
        (canvas.search, work.search, "found"),
    ):
        asking = ask(spoken(handler), state, canvas, trigger_mode="multiple", **RUNS_MODEL)
        asking.success(*told, **FOLLOWS)
        asking.failure(refused[what], state, canvas, **QUIET)
    canvas.view_change(spoken(work.view_change), state, links, **IN_TURN, **QUIET)
    where = [at.source, at.place, at.n_pictures]
    general = [*where, at.same, *state]
    for what, job in {
        "controls": canvas.controls(spoken_steps(working.controls), state, canvas, **QUIET, **TRIALS),
        "general": canvas.generality(spoken_steps(working.generality), general, canvas, **QUIET, **TRIALS),
        "profile": canvas.profile(spoken_steps(working.profile), [*where, *state], canvas, **QUIET, **PROFILES),
    }.items():
        job.failure(refused[what], state, canvas, **QUIET)
    canvas.cancel(working.cancel, state[1], None, queue=False, **QUIET)
    at.source.input(streams.place_box, at.source, at.place, **QUIET)


def _refusal(work: SteeringPage, what: str) -> Callable[..., Any]:
    """The handler of an event that failed: the canvas as it is, which stops waiting for `what`."""

    def refused(*state: Any) -> Any:
        return work.refused(what, *state)

    return spoken(refused)


def card_picture() -> bytes:
    """The page's picture for the landing page, drawn by the current code."""
    result = DESK.result(DESK.show(opening(), catalog.DEFAULT))
    latent = first_view(result).latent or 0
    guide = result.loaded.guide
    rack = guide.rack if guide else Rack((Dial(latent, "ablate"),))
    return saved.card(result, rack.dials[0].latent, steer_run(result.start, rack, result.typical))


def build(desk: SteerDesk | None = None) -> gr.Blocks:
    """The page as an app of its own."""
    with gr.Blocks(title="SAE Steering", delete_cache=DELETE_CACHE, analytics_enabled=False) as demo:
        page(demo, desk)
    return demo
