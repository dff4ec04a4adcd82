"""The page's wiring. `build()` makes it an app of its own; the suite adds it as one page of many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from apps.common.desk import Session
from apps.common.events import FOLLOWS, IN_TURN, LEFT, ONCE, QUIET, RUNS_MODEL, runs, spoken, spoken_steps, titled
from apps.common.page import wire_sources, wire_take_away
from apps.common.runtime import DELETE_CACHE
from apps.vlm_steering import saved, vlms
from apps.vlm_steering.bench import JOBS, Bench
from apps.vlm_steering.desk import VlmDesk
from apps.vlm_steering.endpoint import endpoints
from apps.vlm_steering.first import first_view, opening
from apps.vlm_steering.guide import guide_for, turn_of
from apps.vlm_steering.layout import Layout, lay_out
from apps.vlm_steering.page import VlmPage
from apps.vlm_steering.plan import Manner
from apps.vlm_steering.turn import Turn
from apps.vlm_steering.working import Working

DESK = VlmDesk()
# Talking and looking through scenes have queues of their own, so that others may look meanwhile; two talk at once.
TALKS: dict[str, Any] = {"concurrency_id": "vlm-talk", "concurrency_limit": 2, "trigger_mode": "multiple"}
GALLERIES: dict[str, Any] = {"concurrency_id": "vlm-gallery", "concurrency_limit": 1, "trigger_mode": "multiple"}


def page(demo: gr.Blocks, desk: VlmDesk | None = None) -> Layout:
    """Add the page to the current Blocks (or route) of `demo`."""
    work, at = VlmPage(desk or DESK), lay_out()
    session, bench, waiting = (gr.State(None) for _ in range(3))
    state = [session, bench]
    links = [at.address, at.link, at.code]
    shown = [session, bench, at.canvas, at.note, at.picker, at.sae, at.model]
    working = Working(work.desk)
    work.warm_later()
    said = (working.go_on, state, at.canvas, TALKS)
    after: dict[str, Any] = {"after": (work.links, state, links), "steps": said}

    titled(demo, "Steering a LLaVA")
    loading = demo.load(spoken(work.load), None, [*shown, waiting, at.composer], **RUNS_MODEL)
    loading.success(work.links, state, links, **QUIET)
    loading.success(spoken_steps(working.go_on), state, at.canvas, **QUIET, **TALKS)
    wire_sources(work, at, state, shown, waiting, **after)
    changing = runs(at.sae.input, work.sae, [at.sae, at.model, *state], shown, js=ONCE, **after)
    changing.failure(spoken(work.sae_shown), state, at.sae, **QUIET)
    at.sae.blur(work.sae_left, [at.sae, *state], at.sae, js=LEFT, **QUIET)
    if at.labels is not None:
        runs(at.labels.submit, work.labels, [at.labels, *state], shown, **after)
    starting = [*shown, at.photo, at.composer]
    runs(at.buttons["start-over"].click, work.start_over, state, starting, **after)
    asking = {
        "guide": runs(at.canvas.guide, work.guide, state, starting, trigger_mode="multiple", **after),
        "ask": runs(at.canvas.ask, work.ask, state, shown, trigger_mode="multiple", **after),
    }
    for what, event in asking.items():
        event.failure(_refusal(work, what), state, at.canvas, **QUIET)
    _wire_canvas(work, working, at, state, links)
    wire_take_away(work, at, state)
    demo.unload(working.leave)
    endpoints(work.desk)
    return at


def _wire_canvas(work: VlmPage, working: Working, at: Layout, state: list[gr.State], links: list[Any]) -> None:
    """What the canvas asks for: quick answers in the queue of the models, long ones in steps of their own."""
    canvas = at.canvas
    told = (work.links, state, links)
    refused = {what: _refusal(work, what) for what in ("latent", "contrast", *JOBS)}
    for ask, handler, what in (
        (canvas.latent, work.latent, "latent"),
        (canvas.contrast, work.contrast, "contrast"),
    ):
        asking = ask(spoken(handler), state, canvas, trigger_mode="multiple", **RUNS_MODEL)
        asking.success(*told, **FOLLOWS)
        asking.failure(refused[what], state, canvas, **QUIET)
    canvas.view_change(spoken(work.view_change), state, links, **IN_TURN, **QUIET)
    talking = canvas.talk(spoken_steps(_linked(working, work)), state, [canvas, *links], **QUIET, **TALKS)
    talking.success(*told, **FOLLOWS)
    looking = canvas.gallery(spoken_steps(working.gallery), state, canvas, **QUIET, **GALLERIES)
    for what, job in (("talk", talking), ("gallery", looking)):
        job.failure(refused[what], state, canvas, **QUIET)
    canvas.cancel(working.cancel, state[1], None, queue=False, **QUIET)


def _linked(working: Working, work: VlmPage) -> Callable[..., Iterator[Any]]:
    """Speaking, with the address, the link and the Python of the turn as soon as it has begun."""

    def talk(event: gr.EventData, session: Session, bench: Bench, request: gr.Request) -> Iterator[Any]:
        links = None
        for value in working.talk(event, session, bench, request):
            links = (gr.skip(),) * 3 if links else work.links(session, bench)
            yield (value, *links)

    return talk


def _refusal(work: VlmPage, what: str) -> Callable[..., Any]:
    """The handler of an event that failed: the canvas as it is, which stops waiting for `what`."""

    def refused(*state: Any) -> Any:
        return work.refused(what, *state)

    return spoken(refused)


def card_picture() -> bytes:
    """The page's picture for the landing page, drawn by the current code."""
    session = DESK.show(opening(), vlms.DEFAULT)
    talk = DESK.result(session)
    guide = guide_for(talk.loaded)
    turn = turn_of(guide) if guide else Turn()
    said = DESK.said(session, turn, Manner())
    return saved.card(talk, first_view(talk).latent, said["original"], said["steered"])


def build(desk: VlmDesk | None = None) -> gr.Blocks:
    """The page as an app of its own."""
    with gr.Blocks(title="Steering a LLaVA", delete_cache=DELETE_CACHE, analytics_enabled=False) as demo:
        page(demo, desk)
    return demo
