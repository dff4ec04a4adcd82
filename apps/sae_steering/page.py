"""The page's handlers for what is on show: events → values of its outputs, in the order of `app.page`'s `shown`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import gradio as gr

from apps.common import catalog, scenes
from apps.common.desk import Session
from apps.common.events import field, sentences
from apps.common.fields import index
from apps.common.opening import waited_for
from apps.common.page import Chosen, Page, composed
from apps.common.parts import note_value
from apps.common.saebox import sae_box
from apps.common.saes import first_for, shipped_models
from apps.sae_steering import export, handlers, restore, saved
from apps.sae_steering.analysis import SteerResult
from apps.sae_steering.bench import Bench
from apps.sae_steering.first import first_view, guided, opening
from apps.sae_steering.handlers import NoSAE, SteerDesk, is_local
from apps.sae_steering.latents import latent_value
from apps.sae_steering.plan import Plan
from apps.sae_steering.rack import read_rack
from apps.sae_steering.searching import search
from apps.sae_steering.view import SteerView, carry, read_view
from prisma_engine.sae.features import Rack, steer_run
from prisma_engine.sae.features.start import check_hooks

Writer = Callable[[SteerResult, Bench], bytes]
WRITERS: dict[str, tuple[Writer, str]] = {
    "picture": (saved.picture_png, "png"),
    "table": (export.table_csv, "csv"),
    "numbers": (export.numbers_json, "json"),
}
PENDING = "the model {} is kept in mind: name one of its SAEs, by a folder or a Hub id, and press Enter"


class SteeringPage(Page):
    """The handlers of the page over one desk.

    Of a visitor it keeps the session, which names the run, and the bench, which holds what was done with it.
    """

    desk: SteerDesk

    def warm(self) -> None:
        """Compute what the page opens with, so that the first visitor need not wait for it."""
        with suppress(ValueError):  # where nothing ships, the first visitor is told so
            self.start_over(None, None)

    def rendered(
        self, session: Session, bench: Bench, view: SteerView | None = None, notes: tuple[str, ...] = ()
    ) -> tuple[Any, ...]:
        """Every output of the page but the links."""
        result = self.desk.result(session)
        return (
            session,
            bench,
            handlers.steering_value(self.desk, session, bench, view),
            note_value(sentences(notes)),
            gr.update(visible=result.classes is not None),
            scenes.picker_value(session.source if session.kind == "example" else None),
            _sae_box(result),
            session.model_id,
        )

    def shown(self, chosen: Chosen, *state: Any) -> tuple[Any, ...]:
        before: Session | None = state[0]
        waiting, notes = waited_for(chosen.waiting, chosen.picture)
        if waiting is not None:
            return self._restored(waiting, chosen, *state)
        if chosen.how != "model" and before is not None:  # a model that is only kept in mind is not on show
            chosen = replace(chosen, model=before.model_id)
        try:
            plan = self._plan_for(chosen.model, before)
        except NoSAE:
            if catalog.on_space() or before is None:
                raise
            return self._pending(chosen, *state)
        session = self.desk.show(chosen.picture, chosen.model, chosen.classes, chosen.upload, plan)
        return self._opened(session, *state, notes=notes)

    def sae(self, name: str | None, model: str | None, classes: str, *state: Any) -> Any:
        """Another SAE: of this model, or else of the model that it was trained on."""
        session, bench = state
        if name is None or session is None:
            return gr.skip()
        loaded = self.desk.saes.get(name)
        session = self.desk.show(
            self.desk.picture(session),
            self._model_for(loaded.config.model, bench.pending or session.model_id),
            classes or session.classes,
            session.upload,
            Plan(loaded.id).text,
        )
        return self._opened(session, *state)

    def sae_shown(self, *state: Any) -> Any:
        """The SAE on show, for a box whose choice was refused."""
        return _sae_box(self.desk.result(state[0])) if state[0] else gr.skip()

    def sae_left(self, text: str | None, *state: Any) -> Any:
        """The SAE on show again, where text was typed and left without Enter."""
        return gr.skip() if text is None else self.sae_shown(*state)

    def load(self, request: gr.Request) -> tuple[Any, ...]:
        """What the address asks for."""
        opened = restore.open_page(self.desk, dict(request.query_params))
        session, bench = opened.session, Bench()
        self._restore(bench, session, opened.view, opened.rack, opened.watched, opened.other)
        shown = self.rendered(session, bench, bench.view, opened.notes)
        classes = session.classes or catalog.default_classes()
        return (*shown, opened.waiting, classes, composed(session))

    def start_over(self, *state: Any) -> tuple[Any, ...]:
        """The opening picture again, with the default model and nothing steered."""
        session, bench = self.desk.show(opening(), catalog.DEFAULT), state[1] or Bench()
        self._restore(bench, session, first_view(self.desk.result(session)), Rack(), None, None)
        return (*self.rendered(session, bench, bench.view), None, composed(session))

    def latent(self, event: gr.EventData, *state: Any) -> Any:
        """Another latent's page."""
        session, bench = state
        if bench.overtaken("latent", field(event, "at")):
            return self.canvas(*state)
        latent = index({"latent": field(event, "index")}, "latent", self.desk.result(session).extent.n_latents)
        bench.view = replace(bench.view, latent=latent)
        bench.latent = latent_value(self.desk, session, bench, latent)
        return self.canvas(*state)

    def search(self, event: gr.EventData, *state: Any) -> Any:
        """Latents by what they are called or by what they write."""
        session, bench = state
        if bench.overtaken("search", field(event, "at")):
            return self.canvas(*state)
        data = {name: field(event, name) for name in ("kind", "text", "index")}
        bench.found = {**search(self.desk, self.desk.result(session), data), "at": field(event, "at")}
        return self.canvas(*state)

    def steer(self, event: gr.EventData, *state: Any) -> Any:
        """The visitor's whole rack, as it is now."""
        session, bench = state
        result = self.desk.result(session)
        is_of_another = field(event, "sae") not in (None, result.loaded.id)  # sent before this SAE was on show
        if is_of_another or bench.overtaken("steer", field(event, "at")):
            return self.canvas(*state)
        data = {name: field(event, name) for name in ("chips", "where", "tokens", "keep_error", "lens")}
        rack = read_rack(data, result.extent, bench.rack)
        lens = read_view({"lens": data["lens"] or bench.view.lens}, result.extent, bench.view).lens
        steered = steer_run(result.start, rack, result.typical, lens)
        bench.steers(rack)
        bench.view, bench.steered = replace(bench.view, lens=lens), steered
        return self.canvas(*state)

    def watch(self, event: gr.EventData, *state: Any) -> Any:
        """Another class whose logit is followed."""
        session, bench = state
        if bench.overtaken("watch", field(event, "at")):
            return self.canvas(*state)
        result = self.desk.result(session)
        chosen = index({"class": field(event, "index")}, "class", result.extent.n_classes)
        bench.watched = None if chosen == result.answer else chosen
        bench.end("controls", "general")
        bench.controls = bench.running = bench.trial = None
        return self.canvas(*state)

    def compare(self, event: gr.EventData, *state: Any) -> Any:
        """Another SAE beside this one, on the same picture; none, to put it away."""
        session, bench = state
        if bench.overtaken("compare", field(event, "at")):
            return self.canvas(*state)
        name = field(event, "id")
        bench.other = None if name is None else handlers.check_other(self.desk, self.desk.result(session), name)
        return self.canvas(*state)

    def guide(self, event: gr.EventData, *state: Any) -> Any:
        """The guided recipe: its picture, and its rack applied; racks sent before it are overtaken."""
        session, bench = state
        bench.overtaken("steer", field(event, "at"))
        result = self.desk.result(session)
        guide = result.loaded.guide
        if guide is None:
            raise ValueError("nobody has written a guide for this SAE yet")
        picture = guided(guide)
        session = self.desk.show(picture, session.model_id, session.classes, None, session.variant)
        result = self.desk.result(session)
        watched = result.vocabulary.index(guide.before)
        view = first_view(result)
        self._restore(bench, session, view, guide.rack, None if watched == result.answer else watched, bench.other)
        return (*self.rendered(session, bench, bench.view), None, composed(session))

    def view_change(self, event: gr.EventData, *state: Any) -> Any:
        """The visitor has looked elsewhere; nothing is run."""
        session, bench = state
        if session is None or bench.overtaken("view", field(event, "at")):
            return gr.skip()
        bench.view = read_view(field(event, "view"), self.desk.result(session).extent, bench.view)
        return self.links(*state)

    def canvas(self, *state: Any) -> dict[str, Any]:
        """The canvas with all that the bench holds now."""
        session, bench = state
        return handlers.steering_value(self.desk, session, bench)

    def refused(self, what: str, *state: Any) -> dict[str, Any]:
        """The canvas after something that could not be done, of which it then waits for nothing."""
        value = self.canvas(*state)
        return {**value, "refused": {"what": what, "nonce": value["nonce"]}}

    def links(self, *state: Any) -> Any:
        """The address bar, the link and the Python of what is on show."""
        session, bench = state
        if session is None:
            return gr.skip()
        link = handlers.link_of(self.desk, session, bench)
        return {"query": link}, link, export.python_code(self.desk.result(session), bench)

    def written(self, name: str, *state: Any) -> tuple[str, bytes]:
        session, bench = state
        write, suffix = WRITERS[name]
        return f"steering-{name}.{suffix}", write(self.desk.result(session), bench)

    def _plan_for(self, model: str, before: Session | None) -> str:
        """The SAE for a model: the one on show where it is of that model, or may be; else the one to begin with."""
        if before is not None and before.model_id == model:
            return before.variant
        name = first_for(model)
        if name is not None:
            return ""
        if before is not None and is_local(model):
            plan = self.desk.plan(before.variant, before.model_id)
            return _fitting(self.desk, plan, model)
        raise NoSAE(model)

    def _model_for(self, of_sae: str, current: str) -> str:
        """The model for an SAE: the one asked for where it is of that model or a path that may be, else its own."""
        return current if current == of_sae or is_local(current) else of_sae

    def _pending(self, chosen: Chosen, *state: Any) -> tuple[Any, ...]:
        """Keep a model in mind that has no SAE here, and say what is missing; what is on show stays."""
        session, bench = state
        offer = catalog.offer_for(chosen.model)
        self.desk.models.get(offer.id, catalog.parse_classes(chosen.classes) if offer.zero_shot else None)
        bench.pending = offer.id
        note = note_value(sentences((PENDING.format(catalog.title_of(offer.id)),)))
        same = (gr.skip(),) * 3
        return (session, bench, gr.skip(), note, gr.update(visible=offer.zero_shot), *same)

    def _opened(self, session: Session, *state: Any, notes: tuple[str, ...] = ()) -> tuple[Any, ...]:
        """Show a run; what is steered stays so where the SAE is the same."""
        before, bench = state
        bench = bench or Bench()
        result = self.desk.result(session)
        same = before is not None and _run_by(before) == _run_by(session)
        rack = bench.rack if same else Rack()
        kept = carry(replace(bench.view, tokens=()), result.extent, first_view(result)) if same else first_view(result)
        view = replace(kept, tokens=first_view(result).tokens)
        self._restore(bench, session, view, rack, bench.watched if same else None, bench.other if same else None)
        return self.rendered(session, bench, view, notes)

    def _restored(self, waiting: restore.Waiting, chosen: Chosen, *state: Any) -> tuple[Any, ...]:
        """The picture that a link waited for has come: show what the link asked for."""
        link, bench = waiting.link, state[1] or Bench()
        plan = waiting.plan.text if waiting.plan else ""
        model = link.model or (restore.model_of(self.desk, waiting.plan) if waiting.plan else chosen.model)
        session = self.desk.show(chosen.picture, model, link.classes or chosen.classes, chosen.upload, plan)
        view, rack, watched, other, notes = restore.looked_at(self.desk, waiting.params, self.desk.result(session))
        self._restore(bench, session, view, rack, watched, other)
        return self.rendered(session, bench, view, tuple(notes))

    def _restore(
        self, bench: Bench, session: Session, view: SteerView, rack: Rack, watched: int | None, other: str | None
    ) -> None:
        """Put a run on the bench, with what is looked at and steered."""
        result = self.desk.result(session)
        bench.opens(session.key)
        bench.pending = None
        bench.view, bench.rack, bench.watched, bench.other = view, rack, watched, other
        bench.steered = steer_run(result.start, rack, result.typical, view.lens)
        if view.latent is not None:
            bench.latent = latent_value(self.desk, session, bench, view.latent)


def _run_by(session: Session) -> tuple[str, str, str]:
    return session.model_id, session.classes, session.variant


def _fitting(desk: SteerDesk, plan: Plan, model: str) -> str:
    """The variant of an SAE that fits a model of another name: the one on show, or one that ships.

    Raises:
        NoSAE: if none does.
    """
    offer = catalog.offer_for(model)
    loaded_model = desk.models.get(offer.id, None if not offer.zero_shot else catalog.ZERO_SHOT_CLASSES)
    shipped = [first_for(name) for name in shipped_models()]
    for name in filter(None, (plan.sae, *shipped)):
        try:
            check_hooks(desk.saes.get(name).sae, loaded_model)
        except ValueError:
            continue
        return Plan(name).text
    raise NoSAE(model)


def _sae_box(result: SteerResult) -> Any:
    return sae_box(result.loaded, result.loaded.config.model)
