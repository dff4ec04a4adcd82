"""The page's handlers: events → values of its outputs, in the order of `app.shown_on`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import gradio as gr

from apps.attention_tour import compare, export, handlers, restore, saved
from apps.attention_tour.analysis import TourResult
from apps.attention_tour.compare import Against
from apps.attention_tour.evidence import Measured
from apps.attention_tour.first import first_view
from apps.attention_tour.handlers import TourDesk
from apps.attention_tour.head_types import example_picture, types_url
from apps.attention_tour.view import TourView, carry, read_view
from apps.attention_tour.whatif import WhatIf
from apps.common import catalog, checkpoints, pictures, scenes
from apps.common.answers import answer_value
from apps.common.desk import Session
from apps.common.events import field, sentences
from apps.common.page import Chosen, Page, meant
from apps.common.parts import note_value
from apps.common.steps import steps_value

# The canvas tells of a view after a pause; a button pressed before it asks the canvas itself, into its last input.
NEWEST = """(...asked) => {
  const state = document.querySelector('#tour .pl-attention')?.__attention?.getState() ?? {};
  const names = NAMES;
  const view = Object.fromEntries(names.filter((name) => name in state).map((name) => [name, state[name]]));
  return [...asked.slice(0, -1), Object.keys(view).length ? view : null];
}""".replace("NAMES", json.dumps([one.name for one in fields(TourView)]))
# Gradio refuses a number outside a slider and leaves it standing: it comes as the third input, the nearest as the first
TYPED = """(layer, seesAll, _, ...rest) => {
  const last = Number(document.querySelector('#causal-from input[type=range]')?.max ?? layer);
  return [Math.min(Math.max(layer ?? 0, 0), last), seesAll, layer, ...rest];
}"""
NO_CLASSIFIER = "This model has no classifier, so it gives no answer; its heads are here all the same."
WRITERS: dict[str, tuple[Callable[[TourResult, TourView, TourResult | None], bytes], str]] = {
    "picture": (saved.picture_png, "png"),
    "animation": (saved.animation_gif, "gif"),
    "matrix": (export.matrix_file, "npy"),
    "numbers": (export.numbers_json, "json"),
}


class TourPage(Page):
    """The handlers of the page over one desk.

    Of a visitor it keeps the session, what it is compared with, the view, and head types that were measured here.
    """

    desk: TourDesk

    def rendered(
        self,
        session: Session,
        against: Against | None,
        view: TourView | None,
        types: Measured | None,
        notes: tuple[str, ...] = (),
        dropped: bool = False,
    ) -> tuple[Any, ...]:
        """Every output of the page but the links.

        Args:
            view: a new one; None leaves the visitor's as it is.
            dropped: whether a comparison came to its end.
        """
        result = self.desk.result(session)
        beside = self.desk.result(against.session) if against else None
        own_classes = result.classes is not None or (beside is not None and beside.classes is not None)
        return (
            session,
            against,
            view or gr.skip(),
            handlers.tour_value(self.desk, session, against, view, types_url(session, types)),
            answer_value(result.top5, _caption(result, beside)),
            answer_value(beside.top5, _caption(beside, result)) if beside else None,
            note_value(sentences(notes)),
            gr.update(visible=own_classes),
            scenes.picker_value(session.source if session.kind == "example" else None, session.model_id),
            *_compare_values(against, result),
            *(compare_boxes(against.what if against else "nothing") if against or dropped else [gr.skip()] * 4),
            steps_value(session.model_id),
        )

    def shown(self, chosen: Chosen, *state: Any) -> tuple[Any, ...]:
        before, against, view, types = state
        session = self.desk.show(chosen.picture, chosen.model, chosen.classes, upload=chosen.upload)
        followed, notes = self._follow(against, before, session, chosen.classes)
        dropped = against is not None and followed is None
        opened = None
        if chosen.waiting is not None:
            opened, more = restore.view_of_upload(chosen.waiting, session, self.desk)
            notes += more
        elif view is None or before is None or not checkpoints.is_same(before.model_id, session.model_id):
            opened = first_view(self.desk.result(session))
        return self.rendered(session, followed, opened, types, notes, dropped)

    def load(self, request: gr.Request) -> tuple[Any, ...]:
        """What the address asks for."""
        opened = restore.open_page(self.desk, dict(request.query_params))
        session, against = opened.session, opened.against
        classes = session.classes or (against.session.classes if against else "") or catalog.default_classes()
        shown = self.rendered(session, against, opened.view, None, opened.notes)
        return (*shown, opened.waiting, checkpoints.base_of(session.model_id), classes)

    def open_picture(self, event: gr.EventData, model: str, classes: str, *state: Any) -> tuple[Any, ...]:
        """An example of a head type was chosen."""
        picture, upload = example_picture(self.desk.shelf, str(field(event, "ref")), state[3])
        chosen = Chosen(picture, meant(model, state[0]), classes, "example", upload)
        return (*self.shown(chosen, *state), None)

    def view_change(
        self, event: gr.EventData, session: Session | None, against: Against | None, view: TourView | None
    ) -> Any:
        """The visitor has looked elsewhere; nothing is run."""
        if session is None:
            return gr.skip()
        result = self.desk.result(session)
        changed = read_view(field(event, "view"), result.extent, view or first_view(result))
        return changed, *self.links(session, against, changed)

    def links(self, session: Session | None, against: Against | None, view: TourView | None) -> Any:
        """The address, the link and the Python of what the page holds now."""
        if session is None or view is None:
            return gr.skip()
        result = self.desk.result(session)
        view = carry(view, result.extent)
        link = handlers.link_of(self.desk, session, against, view)
        beside = self.desk.result(against.session) if against else None
        return {"query": link}, link, export.python_code(result, view, beside)

    def newest_links(
        self, session: Session | None, against: Against | None, view: TourView | None, newest: object
    ) -> Any:
        """The links of what the canvas shows at this moment, and that view: see `NEWEST`."""
        if session is None or view is None:
            return gr.skip()
        view = _newest(newest, self.desk.result(session), view)
        return view, *self.links(session, against, view)

    def compare_what(
        self, what: str | None, other_model: str | None, layer: float, sees_all: bool, classes: str, *state: Any
    ) -> Any:
        """Another way to compare was chosen: start with what is at hand."""
        if what is None:
            return gr.skip()
        session: Session = state[0]
        if what == "causal":
            last = self.desk.result(session).maps.n_layers - 1
            return self.compare_causal(min(layer, last), sees_all, *state)
        if what == "picture":
            return self._beside(compare.with_picture(self.desk, session, compare.other_example(session)), *state)
        if what == "model" and other_model and other_model != session.model_id:
            return self.compare_model(other_model, classes, *state)
        return self._beside(None, *state)

    def compare_example(self, event: gr.EventData, *state: Any) -> tuple[Any, ...]:
        picture = pictures.example(str(field(event, "name")))
        return (*self._beside(compare.with_picture(self.desk, state[0], picture), *state), None)

    def compare_upload(self, path: str | None, *state: Any) -> Any:
        if path is None:
            return gr.skip()
        return self._beside(compare.with_picture(self.desk, state[0], pictures.uploaded(path), path), *state)

    def compare_model(self, model: str | None, classes: str, *state: Any) -> Any:
        if model is None:
            return gr.skip()
        return self._beside(compare.with_model(self.desk, state[0], model, classes), *state)

    def compare_typed(self, layer: float, sees_all: bool, typed: object, *state: Any) -> tuple[Any, ...]:
        """Attention causal from the layer beside the slider, which may be any number: see `TYPED`."""
        if isinstance(typed, (int, float)) and abs(typed) < 10**6:
            layer = typed
        return self.compare_causal(layer, sees_all, *state)

    def compare_causal(self, layer: float, sees_all: bool, *state: Any) -> tuple[Any, ...]:
        """Attention causal from a layer on, as it was typed or dragged: the nearest that there is."""
        result = self.desk.result(state[0])
        last = result.maps.n_layers - 1
        what_if = WhatIf(min(max(int(layer or 0), 0), last), bool(sees_all))
        name, notes = catalog.title_of(result.model_id), ()
        if what_if.causal_from != int(layer or 0):
            notes = (f"{name} has layers 0 to {last}, so attention is causal from layer {what_if.causal_from} on",)
        return self._beside(compare.with_causal(self.desk, state[0], what_if), *state, notes=notes)

    def refresh_types(self, session: Session | None, against: Against | None, types: Measured | None) -> Any:
        """The canvas with head types just measured."""
        if session is None:
            return gr.skip()
        return handlers.tour_value(self.desk, session, against, None, types_url(session, types))

    def written(self, name: str, *state: Any) -> tuple[str, bytes]:
        session, against, view, *newest = state
        result = self.desk.result(session)
        view = _newest(newest[0] if newest else None, result, view)
        beside = self.desk.result(against.session) if against else None
        write, suffix = WRITERS[name]
        suffix = "npz" if suffix == "npy" and beside else suffix
        return f"{export.file_name(name, result, view, beside)}.{suffix}", write(result, view, beside)

    def _beside(self, against: Against | None, *state: Any, notes: tuple[str, ...] = ()) -> tuple[Any, ...]:
        session, _, _, types = state
        return self.rendered(session, against, None, types, notes)

    def _follow(
        self, against: Against | None, before: Session | None, session: Session, classes: str
    ) -> tuple[Against | None, tuple[str, ...]]:
        """The comparison with the new run, or none with a sentence that says why."""
        if against is None:
            return None, ()
        try:
            return compare.follow(self.desk, against, before, session, classes), ()
        except ValueError as error:
            return None, (f"the comparison is left out: {error}",)


def _newest(newest: object, result: TourResult, view: TourView) -> TourView:
    """What the canvas says that it shows, which the server may not have been told yet; else what it was told last."""
    view = carry(view, result.extent)
    try:
        return view if newest is None else read_view(newest, result.extent, view)
    except ValueError:  # the canvas still shows another run
        return view


def compare_boxes(what: str) -> tuple[Any, ...]:
    """The choice of a comparison, and which of its three boxes is open."""
    return what, *(gr.update(visible=what == box) for box in ("picture", "model", "causal"))


def _compare_values(against: Against | None, result: TourResult) -> tuple[Any, ...]:
    """What the comparison's own controls show: example, model, first causal layer, whether CLS sees all."""
    last, what = max(1, result.maps.n_layers - 1), against.what if against else None
    session = against.session if against else None
    what_if = against.what_if if against else None
    example = session.source if session and what == "picture" and session.kind == "example" else None
    return (
        scenes.picker_value(example, result.model_id),
        checkpoints.base_of(session.model_id) if session and what == "model" else gr.skip(),
        gr.update(maximum=last, value=what_if.causal_from) if what_if else gr.update(maximum=last),
        gr.update(value=what_if.prefix_sees_all) if what_if else gr.skip(),
    )


def _caption(run: TourResult, other: TourResult | None) -> str:
    if not run.top5:
        return NO_CLASSIFIER
    return "" if other is None else f"{run.title}: {run.picture.title}"
