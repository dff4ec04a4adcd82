"""How a picture and a model reach a page: one set of handlers and events for every page that shows a run."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import gradio as gr

from apps.common import catalog, checkpoints, pictures, scenes
from apps.common.desk import Desk, Session
from apps.common.events import LEFT, ONCE, QUIET, copies, field, runs, saved_file, takes_away
from apps.common.fields import index
from apps.common.jobs import Workbench
from apps.common.pictures import Picture
from apps.common.scene_text import read_scene
from apps.common.steps import MAX_STEP, steps_value


@dataclass(frozen=True)
class Chosen:
    """A picture and a model that a visitor has just asked for."""

    picture: Picture
    model: str
    classes: str  # as typed, for a zero-shot model
    how: Literal["example", "upload", "scene", "model", "step"]  # what the visitor changed
    upload: str | None = None  # path of an upload in Gradio's temporary folder
    waiting: Any = None  # what the page knows of a link that asks for an upload which only the visitor has


class Page(ABC):
    """The handlers behind `controls.picture_sources` and `controls.model_choice`.

    `state` is what the page keeps of one visitor: the session first, then whatever else the page needs.
    """

    def __init__(self, desk: Desk[Any]) -> None:
        self.desk = desk

    @abstractmethod
    def shown(self, chosen: Chosen, *state: Any) -> tuple[Any, ...]:
        """Run the model on what was chosen and return the page's outputs in their order.

        Raises:
            ValueError: one sentence for the visitor.
        """

    @abstractmethod
    def written(self, name: str, *state: Any) -> tuple[str, bytes]:
        """The file that the button "save-<name>" gives: what it is called, and its bytes."""

    def saver(self, name: str) -> Callable[..., str]:
        """A handler that writes that file into Gradio's temporary folder and returns its path."""

        def save(*state: Any) -> str:
            if state[0] is None:
                raise ValueError("there is no result to save yet")
            return saved_file(*self.written(name, *state))

        return save

    def example(self, event: gr.EventData, model: str, classes: str, *state: Any) -> tuple[Any, ...]:
        name = str(field(event, "name"))
        chosen = Chosen(pictures.example(name), meant(model, state[0]), classes, "example")
        return (*self.shown(chosen, *state), None, scenes.composer_value(scenes.scene_of(name)))

    def upload(self, path: str | None, model: str, classes: str, waiting: Any, *state: Any) -> Any:
        if path is None:
            return gr.skip()
        chosen = Chosen(pictures.uploaded(path), meant(model, state[0]), classes, "upload", path, waiting)
        return (*self.shown(chosen, *state), None)

    def compose(self, event: gr.EventData, model: str, classes: str, *state: Any) -> tuple[Any, ...]:
        scene = read_scene(event._data, len(pictures.NAMES), pictures.FRAME)
        chosen = Chosen(pictures.composed(scene), meant(model, state[0]), classes, "scene")
        return (*self.shown(chosen, *state), None, scenes.composer_value(scene))

    def model(self, model: str | None, classes: str, *state: Any) -> Any:
        if model is None:
            return gr.skip()
        session: Session | None = state[0]
        if checkpoints.parted(model)[1] is None:  # a step that was typed is meant
            model = meant(model, session)
        picture = pictures.for_model(self.desk.picture(session), model) if session else pictures.first(model)
        return self.shown(Chosen(picture, model, classes, "model", session.upload if session else None), *state)

    def step(self, event: gr.EventData, turn: Workbench, *state: Any) -> Any:
        """The model on show at another step of its training, on the same picture; a late event changes nothing."""
        session: Session | None = state[0]
        if session is None or turn.overtaken("step", field(event, "at")):
            return gr.skip()
        base = checkpoints.base_of(session.model_id)
        if field(event, "model") != base:  # sent before another model was on show
            return gr.skip()
        step = index({"step": field(event, "step")}, "step", MAX_STEP)
        at = checkpoints.at_stop(base, step)
        return self.shown(Chosen(self.desk.picture(session), at, session.classes, "step", session.upload), *state)

    def step_refused(self, session: Session | None) -> Any:
        """The scrubber back at the step on show, where another one was refused."""
        return steps_value(session.model_id, refused=True) if session else gr.skip()


def meant(model: str, session: Session | None) -> str:
    """The model that a page's list names: at the step on show, where it is the one on show."""
    if session is None or not isinstance(model, str):  # an emptied list names none
        return model
    return session.model_id if checkpoints.is_same(session.model_id, model) else model


class Layout(Protocol):
    """The components that every page has: where a picture and a model are chosen, and a view saved or copied."""

    @property
    def picker(self) -> Any: ...
    @property
    def photo(self) -> Any: ...
    @property
    def composer(self) -> Any: ...
    @property
    def model(self) -> Any: ...
    @property
    def classes(self) -> Any: ...
    @property
    def buttons(self) -> dict[str, gr.Button]: ...
    @property
    def link(self) -> Any: ...
    @property
    def code(self) -> Any: ...
    @property
    def file(self) -> Any: ...


def wire_sources(
    work: Page, at: Layout, state: Sequence[gr.State], shown: Sequence[Any], waiting: gr.State, **more: Any
) -> None:
    """Run the model whenever a picture, a model or its classes are chosen; `more` goes to every such event."""
    asked = [at.model, at.classes]
    in_tabs = [*shown, at.photo, at.composer]
    runs(at.picker.pick, work.example, [*asked, *state], in_tabs, **more)
    uploading = runs(at.photo.input, work.upload, [at.photo, *asked, waiting, *state], [*shown, waiting], **more)
    uploading.failure(lambda: None, None, at.photo, **QUIET)
    runs(at.composer.compose, work.compose, [*asked, *state], in_tabs, trigger_mode="multiple", **more)
    restores(at.model, lambda session: model_of(session)[0], state[0])
    for change in (at.model.input, at.classes.submit):
        changing = runs(change, work.model, [*asked, *state], shown, js=ONCE, **more)
        changing.failure(model_of, state[0], asked, **QUIET)


def wire_steps(work: Page, scrubber: gr.HTML, state: Sequence[gr.State], shown: Sequence[Any], **more: Any) -> None:
    """Run the model at another step of its training whenever the scrubber asks; `more` goes to that event."""
    turn = gr.State(Workbench())
    asking = runs(scrubber.step, work.step, [turn, *state], shown, trigger_mode="multiple", **more)  # type: ignore[attr-defined]
    asking.failure(work.step_refused, state[0], scrubber, **QUIET)


def restores(choice: Any, handler: Callable[[Any], Any], state: gr.State) -> None:
    """Give a list that takes any text its value back where text was typed and left without Enter."""

    def left(text: str | None, held: Any) -> Any:
        return gr.skip() if text is None else handler(held)

    choice.blur(left, [choice, state], choice, js=LEFT, **QUIET)


def composed(session: Session) -> dict[str, Any]:
    """What the composer shows beside a run: its scene, or the first one where it is of another picture."""
    if session.kind == "example":
        return scenes.composer_value(scenes.scene_of(session.source))
    if session.kind == "scene":
        return scenes.composer_value(scenes.scene_in_text(session.source))
    return scenes.composer_value(scenes.first_scene())


def model_of(session: Session | None) -> tuple[str, str]:
    """The model, whatever its step, and the classes that the page shows, for controls whose choice was refused."""
    if session is None:
        return catalog.DEFAULT, catalog.default_classes()
    return checkpoints.base_of(session.model_id), session.classes or catalog.default_classes()


def wire_take_away(
    work: Page,
    at: Layout,
    state: Sequence[Any],
    js: str | None = None,
    before: tuple[Callable[..., Any], Any, Any] | None = None,
) -> None:
    """Buttons that save a file, "save-…", and those that copy the link and the Python.

    `js` is run on what goes to the server, in the browser; `before` is a quick handler with its inputs and outputs
    that brings the link and the Python up to date, before they are copied.
    """
    for name in (button.removeprefix("save-") for button in at.buttons if button.startswith("save-")):
        takes_away(at.buttons[f"save-{name}"], work.saver(name), list(state), at.file, js=js)
    copies(at.buttons["copy-link"], at.link, is_link=True, before=before, js=js)
    copies(at.buttons["copy-code"], at.code, before=before, js=js)
