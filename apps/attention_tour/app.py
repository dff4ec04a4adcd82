"""The page's wiring. `build()` makes it an app of its own; the suite adds it as one page of many."""

from __future__ import annotations

from typing import Any

import gradio as gr

from apps.attention_tour import endpoint, saved
from apps.attention_tour.compare import Against
from apps.attention_tour.first import first_view
from apps.attention_tour.handlers import TourDesk
from apps.attention_tour.layout import Layout, lay_out
from apps.attention_tour.measuring import Measuring
from apps.attention_tour.page import NEWEST, TYPED, TourPage, compare_boxes
from apps.common import catalog, checkpoints, pictures, streams
from apps.common.desk import Session
from apps.common.events import IN_TURN, ONCE, QUIET, RUNS_MODEL, runs, spoken, spoken_steps, takes_away, titled
from apps.common.page import restores, wire_sources, wire_steps, wire_take_away
from apps.common.progress import progress_value
from apps.common.runtime import DELETE_CACHE, MODEL_QUEUE
from apps.common.upload import photo_input

DESK = TourDesk()


def page(demo: gr.Blocks, desk: TourDesk | None = None) -> Layout:
    """Add the page to the current Blocks (or route) of `demo`."""
    work, at = TourPage(desk or DESK), lay_out()
    session, against, view, types, waiting = (gr.State(None) for _ in range(5))
    state = [session, against, view, types]
    boxes = [at.compare.what, at.compare.picture_box, at.compare.model_box, at.compare.causal_box]
    links = [at.address, at.link, at.code]
    shown = [
        session, against, view, at.tour, at.answer, at.other_answer, at.note, at.classes_box, at.picker,
        at.compare.picker, at.compare.model, at.compare.layer, at.compare.sees_all, *boxes, at.steps,
    ]  # fmt: skip

    titled(demo, "Attention Tour")
    looked = [session, against, view]
    # The visitor may have looked elsewhere while the model ran, so links are made of what the page holds then.
    linked = (work.links, looked, links)
    loading = demo.load(spoken(work.load), None, [*shown, waiting, at.model, at.classes], **RUNS_MODEL)
    loading.success(work.links, looked, links, **QUIET)
    wire_sources(work, at, state, shown, waiting, after=linked)
    wire_steps(work, at.steps, state, shown, after=linked)
    runs(at.tour.open_picture, work.open_picture, [at.model, at.classes, *state], [*shown, at.photo], after=linked)
    at.tour.view_change(spoken(work.view_change), looked, [view, *links], **IN_TURN, **QUIET)
    _wire_compare(work, at, state, shown, linked)
    with gr.Group(visible=False):
        newest = gr.JSON()
    asked = (work.newest_links, [*looked, newest], [view, *links])
    wire_take_away(work, at, [*looked, newest], js=NEWEST, before=asked)
    _wire_measuring(demo, work, at, state)
    _endpoints(work.desk)
    return at


def _wire_compare(work: TourPage, at: Layout, state: list[gr.State], shown: list[Any], linked: Any) -> None:
    """Everything that runs a second model, picture or what-if beside the first."""
    by, then = at.compare, {"after": linked}
    latest: dict[str, Any] = {"trigger_mode": "always_last", **then}
    by.what.input(lambda what: compare_boxes(what)[1:], by.what, [by.picture_box, by.model_box, by.causal_box], **QUIET)
    causal = [by.layer, by.sees_all]
    asked = [by.what, by.model, *causal, at.classes, *state]
    runs(by.what.input, work.compare_what, asked, shown, js=ONCE, **then)
    runs(by.picker.pick, work.compare_example, state, [*shown, by.photo], **then)
    uploading = runs(by.photo.input, work.compare_upload, [by.photo, *state], shown, **then)
    uploading.failure(lambda: None, None, by.photo, **QUIET)
    changing = runs(by.model.input, work.compare_model, [by.model, at.classes, *state], shown, js=ONCE, **then)
    changing.failure(_other_model_of, state[1], by.model, **QUIET)
    restores(by.model, _other_model_of, state[1])
    with gr.Group(visible=False):
        typed = gr.JSON()
    for change in (by.layer.input, by.sees_all.input):
        runs(change, work.compare_typed, [*causal, typed, *state], shown, js=TYPED, **latest)


def _other_model_of(against: Against | None) -> str | None:
    return checkpoints.base_of(against.session.model_id) if against and against.what == "model" else None


def _wire_measuring(demo: gr.Blocks, work: TourPage, at: Layout, state: list[gr.State]) -> None:
    """Head types over many pictures: one visitor at a time, in small steps, until done or stopped."""
    by, measuring, types = at.measure, Measuring(work.desk), state[3]
    by.source.input(streams.place_box, by.source, by.place, **QUIET)
    waits = by.start.click(measuring.wait, None, [by.progress, by.start, by.stop], **QUIET)
    asked = [by.source, by.place, by.n_images, state[0]]
    shows = [by.progress, types, by.start, by.stop]
    measured = waits.then(
        spoken_steps(measuring.run), asked, shows, concurrency_id="measure", concurrency_limit=1, **QUIET
    )
    refresh = work.refresh_types, [state[0], state[1], types], at.tour
    measured.success(*refresh, **QUIET)
    measured.success(measuring.back, [state[0], types], by.back, **QUIET)
    state[0].change(measuring.back, [state[0], types], by.back, **QUIET)
    measured.failure(measuring.idle, None, [by.progress, by.start, by.stop], **QUIET)
    gone = None, progress_value(""), gr.update(visible=False)
    went = by.back.click(lambda: gone, None, [types, by.progress, by.back], **QUIET)
    went.success(*refresh, **QUIET)
    by.stop.click(measuring.stop, None, None, queue=False, **QUIET)
    demo.unload(measuring.stop)
    takes_away(by.save, measuring.save, [state[0], types], at.file)


def _endpoints(desk: TourDesk) -> None:
    """The page's functions for programs, each with a name and types."""

    def attention(
        image: str,
        model: str = catalog.DEFAULT,
        layer: str = "0",
        head: str = "0",
        token: str = "0",
        kind: str = "pattern",
        causal_from: str = "",
        classes: str = "",
    ) -> dict[str, Any]:
        return endpoint.attention(desk, _sent(image), model, layer, head, token, kind, causal_from, classes)

    def heads(image: str, model: str = catalog.DEFAULT, classes: str = "") -> dict[str, Any]:
        return endpoint.heads(desk, _sent(image), model, classes)

    attention.__doc__, heads.__doc__ = endpoint.attention.__doc__, endpoint.heads.__doc__
    with gr.Group(visible=False):
        answer, image = gr.JSON(), photo_input(label="image")
        model = gr.Textbox(catalog.DEFAULT, label="model")
        where = [gr.Textbox("0", label=name) for name in ("layer", "head", "token")]
        how = [gr.Textbox(value, label=name) for name, value in (("kind", "pattern"), ("causal_from", ""))]
        classes = gr.Textbox("", label="classes")
        one_model: dict[str, Any] = {"concurrency_id": MODEL_QUEUE, "concurrency_limit": 1}
        asked = [image, model, *where, *how, classes]
        gr.Button("attention").click(spoken(attention), asked, answer, api_name="attention", **one_model)
        gr.Button("heads").click(spoken(heads), [image, model, classes], answer, api_name="heads", **one_model)


def _sent(image: str | None) -> str:
    if not image:
        raise ValueError("send a picture")
    return image


def card_picture() -> bytes:
    """The page's picture for the landing page, drawn by the current code."""
    result = DESK.result(_first_session())
    return saved.card(result, first_view(result))


def _first_session() -> Session:
    return DESK.show(pictures.first(), catalog.DEFAULT)


def build(desk: TourDesk | None = None) -> gr.Blocks:
    """The page as an app of its own."""
    with gr.Blocks(title="Attention Tour", delete_cache=DELETE_CACHE, analytics_enabled=False) as demo:
        page(demo, desk)
    return demo
