"""The page's handlers for what is on show: events → values of its outputs, in the order of `app.page`'s `shown`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from threading import Timer
from typing import Any

import gradio as gr

from apps.common import catalog, pictures, scenes
from apps.common.desk import Session
from apps.common.events import field, sentences
from apps.common.fields import index
from apps.common.opening import waited_for
from apps.common.page import Chosen, Page, composed
from apps.common.parts import note_value
from apps.common.pictures import Picture
from apps.common.saebox import sae_box
from apps.vlm_steering import export, handlers, restore, saved, vlms
from apps.vlm_steering.bench import Bench
from apps.vlm_steering.contrast import contrast_value
from apps.vlm_steering.desk import NoSAE, VlmDesk
from apps.vlm_steering.first import first_sae, first_view, guided, opening
from apps.vlm_steering.guide import guide_for, turn_of
from apps.vlm_steering.latents import latent_value
from apps.vlm_steering.plan import Manner, Plan, check_prompt, read_plan
from apps.vlm_steering.prompts import prompts_for
from apps.vlm_steering.turn import Turn
from apps.vlm_steering.view import View, carry, read_view

PENDING = "the model {} is kept in mind: name one of its SAEs, by a folder or a Hub id, and press Enter"
SOON = 1.0  # seconds
Writer = Callable[[VlmDesk, Session, Bench], bytes]
LABELLED = "{n:,} latents are named as in {source}, for you alone; how well that holds was not measured here"
UNLABELLED = "the latents have the labels that come with the SAE"
WRITERS: dict[str, tuple[Writer, str]] = {
    "picture": (saved.picture_png, "png"),
    "numbers": (export.numbers_json, "json"),
}


class VlmPage(Page):
    """The handlers of the page over one desk.

    Of a visitor it keeps the session, which names the run, and the bench, which holds what was done with it.
    """

    desk: VlmDesk

    def warm(self) -> None:
        """Compute and say what the page opens with, so that the first visitor need not wait for it."""
        if not vlms.ships(vlms.DEFAULT):
            return
        with suppress(ValueError):  # where it has no SAE, the first visitor is told so
            session, bench = self.start_over(None, None)[:2]
            talk = self.desk.result(session)
            guide = guide_for(talk.loaded)
            for turn in (bench.turn, *([turn_of(guide)] if guide else [])):
                original = self.desk.said(session, turn, bench.manner)["original"]
                self.desk.hear(session.key, talk, bench.manner, original)
            for _ in self.desk.galleries.make(session.model_id, talk.model, talk.loaded):
                pass

    def warm_later(self) -> None:
        """The same beside everything else, since the library that holds the model takes seconds to come up.

        A moment later, so that whoever only builds the page and ends loads nothing.
        """
        later = Timer(SOON, self.warm)
        later.daemon = True
        later.start()

    def rendered(
        self, session: Session, bench: Bench, view: View | None = None, notes: tuple[str, ...] = ()
    ) -> tuple[Any, ...]:
        """Every output of the page but the links."""
        return (
            session,
            bench,
            handlers.canvas_value(self.desk, session, bench, view),
            note_value(sentences(notes)),
            scenes.picker_value(session.source if session.kind == "example" else None),
            sae_box(self.desk.result(session).loaded, session.model_id),
            session.model_id,
        )

    def shown(self, chosen: Chosen, *state: Any) -> tuple[Any, ...]:
        before: Session | None = state[0]
        waiting, notes = waited_for(chosen.waiting, chosen.picture)
        if waiting is not None:
            return self._restored(waiting, chosen, *state)
        if chosen.how != "model" and before is not None:  # a model that is only kept in mind is not on show
            chosen = replace(chosen, model=before.model_id)
        elif before is not None and chosen.model != before.model_id and first_sae(chosen.model) is None:
            return self._pending(chosen.model, *state)
        plan = "" if before is None or before.model_id != chosen.model else before.variant
        session = self.desk.show(chosen.picture, chosen.model, "", chosen.upload, plan)
        return self._opened(session, *state, notes=notes)

    def model(self, model: str | None, classes: str, *state: Any) -> Any:
        """Another model, asked about the same picture."""
        session: Session | None = state[0]
        if model is None:
            return gr.skip()
        picture = self.desk.picture(session) if session else opening()
        return self.shown(Chosen(picture, model, "", "model", session.upload if session else None), *state)

    def model_shown(self, session: Session | None) -> str:
        """The model on show, for a list whose choice was refused."""
        return session.model_id if session else vlms.DEFAULT

    def sae(self, name: str | None, model: str | None, *state: Any) -> Any:
        """Another SAE, of the model on show or of the one that waits for an SAE."""
        session, bench = state
        if name is None or session is None:
            return gr.skip()
        plan = read_plan(session.variant)
        loaded = self.desk.saes.get(name)
        shown = bench.pending or session.model_id
        prompt = plan.prompt if shown == session.model_id else prompts_for(shown)[0]
        variant = Plan(loaded.id, prompt).text
        session = self.desk.show(self.desk.picture(session), shown, "", session.upload, variant)
        return self._opened(session, state[0], bench)

    def sae_shown(self, *state: Any) -> Any:
        """The SAE on show, for a box whose choice was refused."""
        return sae_box(self.desk.result(state[0]).loaded, state[0].model_id) if state[0] else gr.skip()

    def sae_left(self, text: str | None, *state: Any) -> Any:
        """The SAE on show again, where text was typed and left without Enter."""
        return gr.skip() if text is None else self.sae_shown(*state)

    def labels(self, where: str, *state: Any) -> Any:
        """Labels of others for the latents on show; none brings those of the SAE back."""
        session, bench = state
        if session is None:
            return (gr.skip(),) * 7
        plan = replace(self.desk.plan(session.variant, session.model_id), labels=where.strip())
        before = self.desk.result(session).loaded
        labels = self.desk.labelled(replace(before, labels=None), plan.labels, anew=True).labels
        session = self.desk.show(self.desk.picture(session), session.model_id, "", session.upload, plan.text)
        note = LABELLED.format(n=len(labels.of), source=labels.source) if labels else UNLABELLED
        return self._opened(session, state[0], bench, notes=(note,))

    def ask(self, event: gr.EventData, *state: Any) -> Any:
        """Another prompt about the same picture."""
        session, bench = state
        if session is None or bench.overtaken("ask", field(event, "at")):
            return (gr.skip(),) * 7
        plan = replace(self.desk.plan(session.variant, session.model_id), prompt=check_prompt(field(event, "text")))
        session = self.desk.show(self.desk.picture(session), session.model_id, "", session.upload, plan.text)
        return self._opened(session, *state)

    def load(self, request: gr.Request) -> tuple[Any, ...]:
        """What the address asks for."""
        opened = restore.open_page(self.desk, dict(request.query_params))
        session, bench = opened.session, Bench()
        self._restore(bench, session, opened.view, opened.turn, opened.manner)
        shown = self.rendered(session, bench, bench.view, opened.notes)
        return (*shown, opened.waiting, composed(session))

    def start_over(self, *state: Any) -> tuple[Any, ...]:
        """The opening picture and prompt again, with the default model and nothing turned."""
        session, bench = self.desk.show(opening(), vlms.DEFAULT), state[1] or Bench()
        self._restore(bench, session, first_view(self.desk.result(session)), Turn(), Manner())
        return (*self.rendered(session, bench, bench.view), None, composed(session))

    def guide(self, event: gr.EventData, *state: Any) -> tuple[Any, ...]:
        """The guided recipe: its picture and prompt, and its latents turned; turns sent before it are overtaken."""
        session, bench = state
        bench.overtaken("guide", field(event, "at"))
        bench.overtaken("talk", field(event, "at"))
        talk = self.desk.result(session)
        guide = guide_for(talk.loaded)
        if guide is None:
            raise ValueError("nobody has written a recipe for this SAE yet; open the page's first one with Start over")
        plan = replace(self.desk.plan(session.variant, session.model_id), prompt=guide.asked)
        session = self.desk.show(guided(guide), session.model_id, "", None, plan.text)
        self._restore(bench, session, first_view(self.desk.result(session)), turn_of(guide), Manner())
        bench.guided = True
        return (*self.rendered(session, bench, bench.view), None, composed(session))

    def latent(self, event: gr.EventData, *state: Any) -> Any:
        """Another latent's page."""
        session, bench = state
        if bench.overtaken("latent", field(event, "at")):
            return self.canvas(*state)
        n_latents = self.desk.result(session).loaded.config.d_sae
        latent = index({"latent": field(event, "index")}, "latent", n_latents)
        bench.view = replace(bench.view, latent=latent)
        bench.latent = latent_value(self.desk, session, bench, latent)
        return self.canvas(*state)

    def contrast(self, event: gr.EventData, *state: Any) -> Any:
        """What is active in this picture and not in another; without a name, nothing is compared any more."""
        session, bench = state
        if bench.overtaken("contrast", field(event, "at")):
            return self.canvas(*state)
        name = field(event, "name")
        bench.contrast = (
            None if name is None else contrast_value(self.desk.result(session), other_picture(name), str(name))
        )
        return self.canvas(*state)

    def view_change(self, event: gr.EventData, *state: Any) -> Any:
        """The visitor has looked elsewhere; nothing is run."""
        session, bench = state
        if session is None or bench.overtaken("view", field(event, "at")):
            return gr.skip()
        bench.view = read_view(field(event, "view"), handlers.extent_of(self.desk.result(session)), bench.view)
        return self.links(*state)

    def canvas(self, *state: Any) -> dict[str, Any]:
        """The canvas with all that the bench holds now."""
        session, bench = state
        return handlers.canvas_value(self.desk, session, bench)

    def refused(self, what: str, *state: Any) -> Any:
        """The canvas after something that could not be done, of which it then waits for nothing."""
        if state[0] is None:
            return gr.skip()
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
        return f"llava-steering-{name}.{suffix}", write(self.desk, session, bench)

    def _pending(self, model: str, *state: Any) -> tuple[Any, ...]:
        """Keep a model in mind that has no SAE here, and say what it asks and what is missing; the rest stays."""
        session, bench = state
        offer = vlms.offer_for(model)
        if catalog.on_space():
            raise NoSAE(offer.id)
        needs = vlms.needs_of(offer.id)
        bench.pending = offer.id
        note = note_value(sentences((PENDING.format(vlms.title_of(offer.id)) + (f"; {needs}" if needs else ""),)))
        return (session, bench, gr.skip(), note, gr.skip(), gr.skip(), gr.skip())

    def _opened(self, session: Session, *state: Any, notes: tuple[str, ...] = ()) -> tuple[Any, ...]:
        """Show a run; what is turned stays so where the SAE is the same."""
        before, bench = state
        bench = bench or Bench()
        talk = self.desk.result(session)
        same = before is not None and _run_by(before) == _run_by(session)
        first = first_view(talk)
        kept = carry(replace(bench.view, tokens=(), word=None), handlers.extent_of(talk), first) if same else first
        is_same_picture = before is not None and (before.kind, before.source) == (session.kind, session.source)
        tokens = tuple(t for t in bench.view.tokens if t < talk.n_patches) if same and is_same_picture else first.tokens
        view = replace(kept, tokens=tokens)
        self._restore(bench, session, view, bench.turn if same else Turn(), bench.manner)
        return self.rendered(session, bench, view, notes)

    def _restored(self, waiting: restore.Waiting, chosen: Chosen, *state: Any) -> tuple[Any, ...]:
        """The picture that a link waited for has come: show what the link asked for."""
        bench = state[1] or Bench()
        model = waiting.link.model or chosen.model
        session = self.desk.show(chosen.picture, model, "", chosen.upload, waiting.plan.text)
        view, turn, manner, notes = restore.looked_at(waiting.params, self.desk.result(session))
        self._restore(bench, session, view, turn, manner)
        return self.rendered(session, bench, view, tuple(notes))

    def _restore(self, bench: Bench, session: Session, view: View, turn: Turn, manner: Manner) -> None:
        """Put a run on the bench, with what is looked at and turned; what was said of it before is there at once."""
        talk = self.desk.result(session)
        bench.opens(session.key)
        bench.guided, bench.pending = False, None
        bench.reading = self.desk.put_heard(talk, talk.heard)
        bench.view, bench.turn, bench.manner = view, turn, manner
        self.desk.recall(session, bench)
        if view.latent is not None:
            bench.latent = latent_value(self.desk, session, bench, view.latent)


def _run_by(session: Session) -> tuple[str, str]:
    return session.model_id, read_plan(session.variant).sae


def other_picture(name: object) -> Picture:
    """A shipped example by its name.

    Raises:
        ValueError: one sentence, if there is none.
    """
    if not isinstance(name, str) or name not in pictures.example_names():
        raise ValueError("choose one of the example pictures to compare with")
    return pictures.example(name)
