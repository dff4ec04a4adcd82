"""The page's wiring. `build()` makes it an app of its own; the suite adds it as one page of many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from apps.common import catalog, pictures, scenes
from apps.common.answers import answer_value
from apps.common.desk import Session
from apps.common.events import (
    ONCE,
    QUIET,
    RUNS_MODEL,
    copies,
    field,
    runs,
    saved_file,
    sentences,
    spoken,
    takes_away,
    titled,
)
from apps.common.parts import note_value
from apps.common.pictures import Picture
from apps.common.runtime import DELETE_CACHE, MODEL_QUEUE
from apps.common.scene_text import read_scene
from apps.common.share import Link
from apps.common.upload import photo_input
from apps.dogit_lens import drawing, export, handlers, restore
from apps.dogit_lens.handlers import LensDesk
from apps.dogit_lens.layout import Layout, lay_out
from apps.dogit_lens.view import View, carry, first_view, read_view

SAVERS = (
    ("picture", drawing.picture_png, "png"),
    ("strip", drawing.strip_png, "png"),
    ("animation", drawing.layers_gif, "gif"),
    ("numbers", export.numbers_json, "json"),
)
DESK = LensDesk()


class Page:
    """The handlers of one page over one desk; each returns values in the order of `shown`."""

    def __init__(self, desk: LensDesk) -> None:
        self.desk = desk

    def rendered(self, session: Session, view: View, notes: tuple[str, ...] = ()) -> tuple[Any, ...]:
        """session, view, lens, answer, address, link, code, note, classes_box, picker."""
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
            scenes.picker_value(session.source if session.kind == "example" else None),
        )

    def _shown(self, picture: Picture, model: str, classes: str, view: View | None, **kept: Any) -> tuple[Any, ...]:
        session = self.desk.show(picture, model, classes, **kept)
        extent = self.desk.result(session).extent
        return self.rendered(session, carry(view, extent) if view else first_view(extent))

    def load(self, request: gr.Request) -> tuple[Any, ...]:
        opened = restore.open_page(self.desk, dict(request.query_params))
        session = opened.session
        shown = self.rendered(session, opened.view, opened.notes)
        return (*shown, opened.waiting, session.model_id, session.classes or catalog.default_classes())

    def example(self, event: gr.EventData, model: str, classes: str, view: View | None) -> tuple[Any, ...]:
        name = str(field(event, "name"))
        shown = self._shown(pictures.example(name), model, classes, replace(view, token=None) if view else None)
        return (*shown, None, scenes.composer_value(scenes.scene_of(name)))

    def upload(self, path: str | None, model: str, classes: str, waiting: Link | None) -> Any:
        if path is None:
            return gr.skip()
        session = self.desk.show(pictures.uploaded(path), model, classes, upload=path)
        view, notes = restore.view_of_upload(waiting, session, self.desk)
        return (*self.rendered(session, view, notes), None)

    def compose(self, event: gr.EventData, model: str, classes: str, view: View | None) -> tuple[Any, ...]:
        scene = read_scene(event._data, len(pictures.NAMES), pictures.FRAME)
        return (*self._shown(pictures.composed(scene), model, classes, view), None, scenes.composer_value(scene))

    def model(self, model: str | None, classes: str, session: Session | None, view: View | None) -> Any:
        if model is None:
            return gr.skip()
        picture = self.desk.picture(session) if session else pictures.first()
        upload = session.upload if session else None
        same = session is not None and session.model_id == model
        return self._shown(picture, model, classes, view if same else None, upload=upload)

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
            model: a model of the page's list; where the suite runs locally, any Hub id or path.
            layer: a point along the residual stream, "0_pre" … "final", or its index.
            classes: for CLIP, the names to choose from, separated by commas; the page's own list when empty.

        Returns:
            What `handlers.endpoint` documents, field by field.
        """
        if not image:
            raise ValueError("send a picture")
        return handlers.endpoint(self.desk, image, model, layer, classes)

    def saver(self, name: str, write: Callable[..., bytes], suffix: str) -> Callable[..., str]:
        """A handler that writes one kind of file into Gradio's temporary folder, from where it is removed later."""

        def save(session: Session | None, view: View | None) -> str:
            if session is None or view is None:
                raise ValueError("there is no result to save yet")
            result = self.desk.result(session)
            data = write(result, carry(view, result.extent))
            return saved_file(f"dogit-lens-{name}-{result.labels[view.layer]}.{suffix}", data)

        return save


def page(demo: gr.Blocks, desk: LensDesk | None = None) -> Layout:
    """Add the page to the current Blocks (or route) of `demo`."""
    work, at = Page(desk or DESK), lay_out()
    session, view, waiting = gr.State(None), gr.State(None), gr.State(None)
    shown = [session, view, at.lens, at.answer, at.address, at.link, at.code, at.note, at.classes_box, at.picker]
    asked = [at.model, at.classes]

    titled(demo, "Dogit Lens")
    demo.load(spoken(work.load), None, [*shown, waiting, at.model, at.classes], **RUNS_MODEL)
    runs(at.picker.pick, work.example, [*asked, view], [*shown, at.photo, at.composer])
    uploading = runs(at.photo.input, work.upload, [at.photo, *asked, waiting], [*shown, waiting])
    uploading.failure(lambda: None, None, at.photo, **QUIET)
    scene_outputs = [*shown, at.photo, at.composer]
    runs(at.composer.compose, work.compose, [*asked, view], scene_outputs, trigger_mode="always_last")
    for change in (at.model.input, at.classes.submit):
        changing = runs(change, work.model, [*asked, session, view], shown, js=ONCE)
        changing.failure(_model_of, session, asked, **QUIET)
    viewed = [view, at.address, at.link, at.code]
    at.lens.view_change(spoken(work.view_change), [session, view], viewed, trigger_mode="always_last", **QUIET)
    _take_away(work, at, session, view)
    _endpoint(work)
    return at


def _model_of(session: Session | None) -> tuple[str, str]:
    if session is None:
        return catalog.DEFAULT, catalog.default_classes()
    return session.model_id, session.classes or catalog.default_classes()


def _take_away(work: Page, at: Layout, session: gr.State, view: gr.State) -> None:
    for name, write, suffix in SAVERS:
        takes_away(at.buttons[f"save-{name}"], work.saver(name, write, suffix), [session, view], at.file)
    copies(at.buttons["copy-link"], at.link, is_link=True)
    copies(at.buttons["copy-code"], at.code)


def _endpoint(work: Page) -> None:
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
