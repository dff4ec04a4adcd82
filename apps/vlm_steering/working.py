"""The page's work in steps: columns spoken word by word, and scenes looked through; each can be stopped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakValueDictionary

import gradio as gr

from apps.common.desk import Session
from apps.common.events import field
from apps.vlm_steering.analysis import Talk
from apps.vlm_steering.bench import JOBS, Bench
from apps.vlm_steering.desk import VlmDesk
from apps.vlm_steering.gallery import Gallery
from apps.vlm_steering.handlers import canvas_value
from apps.vlm_steering.latents import latent_value
from apps.vlm_steering.plan import Manner, read_manner
from apps.vlm_steering.turn import read_turn

FIELDS = ("chips", "where", "when", "keep_error", "control")


class Working:
    """The handlers of work in steps over one desk; jobs belong to a visitor's bench."""

    def __init__(self, desk: VlmDesk) -> None:
        self.desk = desk
        self._benches: WeakValueDictionary[str, Bench] = WeakValueDictionary()

    def talk(self, event: gr.EventData, session: Session, bench: Bench, request: gr.Request) -> Iterator[Any]:
        """Take the visitor's turn and manner, and speak the columns that they change; all of them, if asked again.

        Raises:
            ValueError: one sentence, for a turn that is not possible.
        """
        is_of_another = field(event, "run") not in (None, session.key)  # sent before this run was on show
        if (
            is_of_another
            or bench.overtaken("talk", field(event, "at"))
            or bench.is_cancelled("talk", field(event, "at"))
        ):
            yield gr.skip()
            return
        talk = self.desk.result(session)
        turn = read_turn({name: field(event, name) for name in FIELDS}, talk.loaded.config.d_sae, bench.turn)
        turn.changes(talk.typical)
        manner = read_manner({name: field(event, name) for name in bench.manner.as_dict()}, bench.manner)
        bench.turn, bench.manner, bench.guided = turn, manner, False
        yield from self.speak(session, bench, request, again=field(event, "again") is True)

    def go_on(self, session: Session | None, bench: Bench | None, request: gr.Request) -> Iterator[Any]:
        """Speak what is on show and was not said yet."""
        if session is None or bench is None:
            yield gr.skip()
            return
        yield from self.speak(session, bench, request)

    def speak(self, session: Session, bench: Bench, request: gr.Request | None, again: bool = False) -> Iterator[Any]:
        """The columns of the bench, those from memory at once, all of them anew if asked `again`."""
        if request is not None:
            self._benches[str(request.session_hash)] = bench
        stop, (turn, manner) = bench.start("talk"), (bench.turn, bench.manner)
        talk = self.desk.result(session)
        bench.said_of = (turn, manner)
        try:
            for found in self.desk.speaking(session, turn, manner, stop, again):
                if not bench.is_current("talk", stop, session.key):
                    return
                bench.said = found
                self._listen(session, bench, talk, manner)
                yield canvas_value(self.desk, session, bench)
        finally:
            stop.now()

    def gallery(self, event: gr.EventData, session: Session, bench: Bench, request: gr.Request) -> Iterator[Any]:
        """Look for the open latent in many scenes."""
        if bench.is_cancelled("gallery", field(event, "at")):
            yield gr.skip()
            return
        self._benches[str(request.session_hash)] = bench
        talk, stop = self.desk.result(session), bench.start("gallery")
        try:
            for found in self.desk.galleries.make(session.model_id, talk.model, talk.loaded):
                if stop() or not bench.is_current("gallery", stop, session.key):
                    break
                done = isinstance(found, Gallery)
                bench.gallery = None if done else f"{found} of {self.desk.galleries.n} scenes"
                self._reopen(session, bench)
                yield canvas_value(self.desk, session, bench)
        finally:
            stop.now()
            bench.gallery = None
        self._reopen(session, bench)
        yield canvas_value(self.desk, session, bench)

    def cancel(self, event: gr.EventData, bench: Bench | None) -> None:
        """End what the event names, or all of it."""
        what = field(event, "what")
        if bench is not None:
            bench.cancel(field(event, "at"), *([str(what)] if what in JOBS else JOBS))

    def leave(self, request: gr.Request) -> None:
        """The visitor has left: nothing is worked on for nobody."""
        bench = self._benches.get(str(request.session_hash))
        if bench is not None:
            bench.end()

    def _listen(self, session: Session, bench: Bench, talk: Talk, manner: Manner) -> None:
        """Once the original has ended, what the SAE reads of it takes the place of what it reads of the prompt."""
        original = bench.said.get("original")
        if original is not None and original.state != "speaking" and bench.listened is not original:
            bench.listened = original
            bench.reading = self.desk.hear(session.key, talk, manner, original)

    def _reopen(self, session: Session, bench: Bench) -> None:
        if bench.latent is not None and bench.key == session.key:
            bench.latent = latent_value(self.desk, session, bench, bench.latent["index"])
