"""The page's handlers for what is on show: events → values of its outputs, in the order of `app.shown_on`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import gradio as gr

from apps.cat_dog_patching import export, handlers, restore, saved
from apps.cat_dog_patching.analysis import PairResult
from apps.cat_dog_patching.applying import apply_chips
from apps.cat_dog_patching.bench import Bench
from apps.cat_dog_patching.corrupting import FILLS, Hidden, read_shapes
from apps.cat_dog_patching.first import first_plan, opening, other_example
from apps.cat_dog_patching.handlers import PairDesk
from apps.cat_dog_patching.places import read_chips
from apps.cat_dog_patching.plan import Other, Plan, read_plan
from apps.cat_dog_patching.reading import reads
from apps.cat_dog_patching.view import PatchView, carry, first_view, read_view
from apps.common import catalog, checkpoints, pictures, scenes
from apps.common.desk import Session
from apps.common.events import field, sentences
from apps.common.fields import choice, index
from apps.common.opening import waited_for
from apps.common.page import Chosen, Page, composed, model_of
from apps.common.parts import note_value
from apps.common.pictures import Picture
from apps.common.steps import steps_value
from prisma_engine.labels import Vocabulary

Writer = Callable[[PairResult, Bench, PatchView], bytes]
WRITERS: dict[str, tuple[Writer, str]] = {
    "picture": (saved.picture_png, "png"),
    "table": (export.table_csv, "csv"),
    "numbers": (export.numbers_json, "json"),
}


class PatchingPage(Page):
    """The handlers of the page over one desk.

    Of a visitor it keeps the session, which names the pair, and the bench, which holds what was done with it.
    """

    desk: PairDesk

    def rendered(
        self, session: Session, bench: Bench, view: PatchView | None = None, notes: tuple[str, ...] = ()
    ) -> tuple[Any, ...]:
        """Every output of the page but the links."""
        result = self.desk.result(session)
        plan = read_plan(session.variant)
        hiding = result.plan.hidden is not None
        other = plan.other.source if plan.other and plan.other.kind == "example" else None
        return (
            session,
            bench,
            handlers.patching_value(self.desk, session, bench, view),
            handlers.mask_value(result, session.key),
            note_value(sentences(notes)),
            gr.update(visible=result.classes is not None),
            scenes.picker_value(session.source if session.kind == "example" else None, session.model_id),
            scenes.picker_value(other, session.model_id),
            "hide" if hiding else "other",
            gr.update(visible=hiding),
            gr.update(visible=not hiding),
            result.plan.swap,
            *_answer_boxes(result),
            gr.update(value=result.plan.preparation, visible=_may_prepare(session, result.plan)),
            steps_value(session.model_id),
        )

    def shown(self, chosen: Chosen, *state: Any) -> tuple[Any, ...]:
        before: Session | None = state[0]
        waiting, notes = waited_for(chosen.waiting, chosen.picture)
        if waiting is not None:
            return self._restored(waiting, chosen, *state)
        if chosen.how == "step" and before is not None:  # the same question, asked of the model at another time
            plan = self.desk.result(before).plan
            return self._open(chosen.picture, chosen.model, chosen.classes, chosen.upload, plan, *state)
        plan = _plan_of(before).without_answers()
        if chosen.how != "model":
            plan = replace(plan, hidden=None)
        elif before is None or chosen.picture.source != before.source:
            plan = first_plan(chosen.picture, chosen.model)
        return self._open(chosen.picture, chosen.model, chosen.classes, chosen.upload, plan, *state, notes=notes)

    def load(self, request: gr.Request) -> tuple[Any, ...]:
        """What the address asks for."""
        opened = restore.open_page(self.desk, dict(request.query_params))
        session, bench = opened.session, Bench()
        self._put_on(bench, session, opened.view)
        if opened.chips:
            bench.applied = apply_chips(self.desk.model(session), self.desk.result(session), opened.chips)
        shown = self.rendered(session, bench, opened.view, opened.notes)
        return (*shown, opened.waiting, *model_of(session), composed(session))

    def start_over(self, *state: Any) -> tuple[Any, ...]:
        """The opening pair again, with the default model and nothing applied."""
        session, bench = self.desk.show(opening(), catalog.DEFAULT), state[1] or Bench()
        view = first_view(self.desk.result(session).extent)
        self._put_on(bench, session, view)
        return (*self.rendered(session, bench, view), session.model_id, None, composed(session))

    def hide(self, event: gr.EventData, *state: Any) -> Any:
        """Something else is hidden, or filled with something else."""
        fill = choice({"fill": field(event, "fill")}, "fill", FILLS)
        hidden = Hidden(read_shapes(field(event, "shapes")), fill)
        result = self.desk.result(state[0])
        if hidden == result.plan.hidden:
            return gr.skip()
        return self._with_plan(replace(_plan_of(state[0]), hidden=hidden, other=None), *state)

    def second(self, how: str, *state: Any) -> Any:
        """Another way to a second picture: start with what is at hand."""
        session: Session = state[0]
        plan = replace(_plan_of(session).without_answers(), hidden=None, other=None)
        if how == "other":
            plan = replace(plan, other=other_example(session.source, session.model_id))
        return self._with_plan(plan, *state)

    def swap(self, swapped: bool, *state: Any) -> Any:
        """Whose activations are put into whose run; what is hidden stays."""
        session: Session = state[0]
        hidden = self.desk.result(session).plan.hidden
        plan = replace(_plan_of(session).without_answers(), hidden=hidden, swap=bool(swapped))
        return self._with_plan(plan, *state)

    def other_example(self, event: gr.EventData, *state: Any) -> tuple[Any, ...]:
        picture = pictures.example(str(field(event, "name")))
        return (*self._with_other(picture, None, *state), None)

    def other_upload(self, path: str | None, *state: Any) -> Any:
        if path is None:
            return gr.skip()
        return self._with_other(pictures.uploaded(path), path, *state)

    def answers(self, a: Any, b: Any, control: Any, *state: Any) -> Any:
        """Other answers were chosen, by index; the pictures stay."""
        result = self.desk.result(state[0])
        n = len(result.vocabulary.names)
        named = {"a": a, "b": b, "control": control}
        asked = {name: index({"class": value}, "class", n) for name, value in named.items()}
        if tuple(asked.values()) == result.answers:
            return gr.skip()
        return self._with_plan(replace(_plan_of(state[0]), hidden=result.plan.hidden, **asked), *state)

    def answers_shown(self, *state: Any) -> Any:
        """The answers of the pair on show, for boxes whose choice was refused."""
        return _answer_boxes(self.desk.result(state[0])) if state[0] else gr.skip()

    def prepare(self, preparation: str, *state: Any) -> Any:
        """Pictures are prepared in another way."""
        plan = replace(_plan_of(state[0]).without_answers(), preparation=preparation)
        return self._with_plan(plan, *state)

    def apply(self, event: gr.EventData, *state: Any) -> Any:
        """The visitor's list of patches, as it is now, put in at once."""
        session, bench = state
        result = self.desk.result(session)
        chips = read_chips(field(event, "chips"), result.extent)
        bench.applied = apply_chips(self.desk.model(session), result, chips)
        return self.canvas(*state)

    def reads(self, event: gr.EventData, *state: Any) -> Any:
        """What one head reads on both pictures."""
        session, bench = state
        result = self.desk.result(session)
        data = {name: field(event, name) for name in ("layer", "head")}
        layer, head = index(data, "layer", result.n_layers), index(data, "head", result.n_heads)
        bench.reads = reads(self.desk.model(session), result, layer, head)
        return self.canvas(*state)

    def evolution(self, event: gr.EventData, *state: Any) -> Any:
        """Another token through the residual stream; nothing is run."""
        session, bench = state
        if session is None:
            return gr.skip()
        n = self.desk.result(session).n_tokens
        bench.evolution_token = index({"token": field(event, "token")}, "token", n)
        return self.canvas(*state)

    def view_change(self, event: gr.EventData, *state: Any) -> Any:
        """The visitor has looked elsewhere; nothing is run."""
        session, bench = state
        if session is None:
            return gr.skip()
        bench.view = read_view(field(event, "view"), self.desk.result(session).extent, bench.view)
        return self.links(*state)

    def canvas(self, *state: Any) -> dict[str, Any]:
        """The canvas with all that the bench holds now."""
        session, bench = state
        return handlers.patching_value(self.desk, session, bench)

    def links(self, *state: Any) -> Any:
        """The address, the link and the Python of what the page holds now."""
        session, bench = state
        if session is None or bench is None:
            return gr.skip()
        result = self.desk.result(session)
        link = handlers.link_of(self.desk, session, bench, bench.view)
        return {"query": link}, link, export.python_code(result, bench, bench.view)

    def written(self, name: str, *state: Any) -> tuple[str, bytes]:
        session, bench = state
        write, suffix = WRITERS[name]
        return f"patching-{name}-{bench.view.site}.{suffix}", write(self.desk.result(session), bench, bench.view)

    def _with_other(self, picture: Picture, path: str | None, *state: Any) -> tuple[Any, ...]:
        session: Session = state[0]
        if (picture.kind, picture.source) == (session.kind, session.source):
            raise ValueError("that is the first picture; choose another one to compare it with")
        other = Other(picture.kind, picture.source, path)
        return self._with_plan(replace(_plan_of(session).without_answers(), hidden=None, other=other), *state)

    def _with_plan(self, plan: Plan, *state: Any) -> tuple[Any, ...]:
        """The same first picture and model with another plan."""
        session: Session = state[0]
        picture = self.desk.picture(session)
        return self._open(picture, session.model_id, session.classes, session.upload, plan, *state)

    def _open(
        self,
        picture: Picture,
        model: str,
        classes: str,
        upload: str | None,
        plan: Plan,
        *state: Any,
        notes: tuple[str, ...] = (),
    ) -> tuple[Any, ...]:
        """Run the pair and show it; patches that were applied stay applied where the model is the same."""
        before, bench = state
        bench = bench or Bench()
        session = self.desk.show(picture, model, classes, upload, plan.text)
        same = before is not None and _is_same_model(before, session)
        result, chips = self.desk.result(session), bench.chips if same else ()
        # A link's view or a fresh one; otherwise the canvas keeps the one that the visitor has.
        view = None if same else first_view(result.extent)
        self._put_on(bench, session, view or carry(bench.view, result.extent))
        if chips:
            bench.applied = apply_chips(self.desk.model(session), result, chips)
        return self.rendered(session, bench, view, notes)

    def _restored(self, waiting: restore.Waiting, chosen: Chosen, *state: Any) -> tuple[Any, ...]:
        """The picture that a link waited for has come: show what the link asked for."""
        link = waiting.link
        classes, model = link.classes or chosen.classes, link.model or chosen.model
        session = self.desk.show(chosen.picture, model, classes, chosen.upload, waiting.plan.text)
        result, bench = self.desk.result(session), state[1] or Bench()
        view, chips, notes = restore.view_of_upload(waiting, result)
        self._put_on(bench, session, view)
        if chips:
            bench.applied = apply_chips(self.desk.model(session), result, chips)
        return self.rendered(session, bench, view, notes)

    def _put_on(self, bench: Bench, session: Session, view: PatchView) -> None:
        """The pair on the bench, nothing done with it yet."""
        bench.opens(session.key)
        bench.view, bench.evolution_token = view, view.evolution_token


def class_choices(vocabulary: Vocabulary) -> list[tuple[str, int]]:
    """Every class for a dropdown, with its emoji."""
    named = zip(vocabulary.names, vocabulary.emoji, strict=True)
    return [(f"{emoji} {name}".strip(), i) for i, (name, emoji) in enumerate(named)]


def _answer_boxes(result: PairResult) -> tuple[Any, ...]:
    choices = class_choices(result.vocabulary)
    return tuple(gr.update(choices=choices, value=index) for index in result.answers)


def _plan_of(session: Session | None) -> Plan:
    return read_plan(session.variant) if session else Plan()


def _is_same_model(before: Session, session: Session) -> bool:
    """Whether both show one model, whatever its step, so that patches and a view mean the same in both."""
    return checkpoints.is_same(before.model_id, session.model_id) and before.classes == session.classes


def _may_prepare(session: Session, plan: Plan) -> bool:
    """Whether the preparation is a choice: not for the scenes of our own model, unless a link has chosen otherwise."""
    return plan.preparation != "checkpoint" or checkpoints.base_of(session.model_id) not in {
        offer.id for offer in catalog.EMBEDDED
    }
