"""The page's wiring. `build()` makes it an app of its own; the suite adds it as one page of many."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import gradio as gr

from apps.common import catalog, checkpoints, pictures, scenes
from apps.common.answers import answer_value
from apps.common.desk import Session
from apps.common.events import IN_TURN, QUIET, RUNS_MODEL, field, sentences, spoken, titled
from apps.common.page import Chosen, Page, model_of, wire_sources, wire_steps, wire_take_away
from apps.common.parts import note_value
from apps.common.runtime import DELETE_CACHE, MODEL_QUEUE
from apps.common.steps import steps_value
from apps.common.upload import photo_input
from apps.dogit_lens import drawing, export, handlers, restore
from apps.dogit_lens.handlers import LensDesk
from apps.dogit_lens.layout import Layout, lay_out
from apps.dogit_lens.view import View, carry, first_view, read_view

WRITERS = {
    "picture": (drawing.picture_png, "png"),
    "strip": (drawing.strip_png, "png"),
    "animation": (drawing.layers_gif, "gif"),
    "numbers": (export.numbers_json, "json"),
}
DESK = LensDesk()


class LensPage(Page):
    """The handlers of the page over one desk; each returns values in the order of `shown`."""

    desk: LensDesk

    def rendered(self, session: Session, view: View, notes: tuple[str, ...] = ()) -> tuple[Any, ...]:
        """session, view, lens, answer, address, link, code, note, classes_box, picker, steps."""
        result = self.desk.result(session)
        link = handlers.link_of(session, view, result)
        return (
            session,
            view,
            handlers.lens_value(result, session.key, view),
            answer_value(result.top5),
            {"query": link},
            link,
            export.python_code(result, view),
            note_value(sentences(notes)),
            gr.update(visible=result.classes is not None),
            scenes.picker_value(session.source if session.kind == "example" else None, session.model_id),
            steps_value(session.model_id),
        )

    def shown(self, chosen: Chosen, *state: Any) -> tuple[Any, ...]:
        before, view = state
        session = self.desk.show(chosen.picture, chosen.model, chosen.classes, upload=chosen.upload)
        extent = self.desk.result(session).extent
        if chosen.how == "upload":
            return self.rendered(session, *restore.view_of_upload(chosen.waiting, session, self.desk))
        same = before is not None and checkpoints.is_same(before.model_id, session.model_id)
        if view is None or (chosen.how == "model" and not same):
            return self.rendered(session, first_view(extent))
        kept = replace(view, token=None) if chosen.how == "example" else view
        return self.rendered(session, carry(kept, extent))

    def load(self, request: gr.Request) -> tuple[Any, ...]:
        opened = restore.open_page(self.desk, dict(request.query_params))
        session = opened.session
        shown = self.rendered(session, opened.view, opened.notes)
        return (*shown, opened.waiting, *model_of(session))

    def view_change(self, event: gr.EventData, session: Session | None, view: View | None) -> Any:
        if session is None:
            return gr.skip()
        result = self.desk.result(session)
        changed = read_view(field(event, "view"), result.extent)
        link = handlers.link_of(session, changed, result)
        return changed, {"query": link}, link, export.python_code(result, changed)

    def endpoint(
        self, image: str, model: str = catalog.DEFAULT, layer: str = "final", classes: str = ""
    ) -> dict[str, Any]:
        """Top-5 classes of every patch at one layer, and the model's own answer.

        Args:
            image: a picture file.
            model: a model of the page's list, or a kept step of its training, "model@step-000064"; where the suite
                runs locally, any Hub id or path.
            layer: a point along the residual stream, "0_pre" … "final", or its index.
            classes: for CLIP, the names to choose from, separated by commas; the page's own list when empty.

        Returns:
            What `handlers.endpoint` documents, field by field.
        """
        if not image:
            raise ValueError("send a picture")
        return handlers.endpoint(self.desk, image, model, layer, classes)

    def written(self, name: str, *state: Any) -> tuple[str, bytes]:
        session, view = state
        result = self.desk.result(session)
        write, suffix = WRITERS[name]
        return f"dogit-lens-{name}-{result.labels[view.layer]}.{suffix}", write(result, carry(view, result.extent))


def page(demo: gr.Blocks, desk: LensDesk | None = None) -> Layout:
    """Add the page to the current Blocks (or route) of `demo`."""
    work, at = LensPage(desk or DESK), lay_out()
    session, view, waiting = gr.State(None), gr.State(None), gr.State(None)
    shown = [
        session, view, at.lens, at.answer, at.address, at.link, at.code, at.note, at.classes_box, at.picker, at.steps,
    ]  # fmt: skip

    titled(demo, "Dogit Lens")
    demo.load(spoken(work.load), None, [*shown, waiting, at.model, at.classes], **RUNS_MODEL)
    wire_sources(work, at, [session, view], shown, waiting)
    wire_steps(work, at.steps, [session, view], shown)
    viewed = [view, at.address, at.link, at.code]
    at.lens.view_change(spoken(work.view_change), [session, view], viewed, **IN_TURN, **QUIET)
    wire_take_away(work, at, [session, view])
    _endpoint(work)
    return at


def _endpoint(work: LensPage) -> None:
    with gr.Group(visible=False):
        image, answer = photo_input(label="image"), gr.JSON(label="lens")
        model, layer = gr.Textbox(catalog.DEFAULT, label="model"), gr.Textbox("final", label="layer")
        classes = gr.Textbox("", label="classes")
        gr.Button("lens").click(
            spoken(work.endpoint),
            [image, model, layer, classes],
            answer,
            api_name="lens",
            concurrency_id=MODEL_QUEUE,
            concurrency_limit=1,
        )


def card_picture() -> bytes:
    """The page's picture for the landing page: four layers of the first example, drawn by the current code."""
    return drawing.card_png(DESK.result(_first_session()))


def miniature() -> dict[str, Any]:
    """A lens value on the first example, for the landing page."""
    session = _first_session()
    result = DESK.result(session)
    return handlers.lens_value(result, session.key, first_view(result.extent))


def _first_session() -> Session:
    return DESK.show(pictures.first(), catalog.DEFAULT)


def build(desk: LensDesk | None = None) -> gr.Blocks:
    """The page as an app of its own."""
    with gr.Blocks(title="Dogit Lens", delete_cache=DELETE_CACHE, analytics_enabled=False) as demo:
        page(demo, desk)
    return demo
