"""Measuring head types over many pictures from the page: in the background, with a bar, until done or stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from apps.attention_tour.evidence import MIN_IMAGES, Measured, Stream, TooFew, check_model, measure
from apps.attention_tour.handlers import TourDesk
from apps.attention_tour.head_types import shipped, types_json
from apps.common import catalog
from apps.common.desk import Session
from apps.common.events import saved_file
from apps.common.progress import progress_value

PAUSE = 0.3  # seconds between two looks at how far it has come
N_IMAGES, FIRST_N, N_ON_SPACE = (MIN_IMAGES, 2000), 200, 300


@dataclass
class Job:
    """One visitor's measurement."""

    done: int = 0
    stopped: threading.Event = field(default_factory=threading.Event)

    def count(self, done: int) -> None:
        """So many pictures are done."""
        self.done = done

    def said(self, title: str, n: int) -> str:
        """How far it has come."""
        if self.stopped.is_set() or self.done == n:
            return f"{title}: comparing {self.done} pictures with chance…"
        return f"{title}: {self.done} of {n} pictures"


class Measuring:
    """The handlers of the measuring box; jobs belong to the browser's session."""

    def __init__(self, desk: TourDesk) -> None:
        self.desk = desk
        self._jobs: dict[str, Job] = {}

    def wait(self, request: gr.Request) -> tuple[Any, ...]:
        """Before it is this visitor's turn; it may be stopped already."""
        self._jobs[str(request.session_hash)] = Job()
        return progress_value("Waiting for its turn…"), gr.update(interactive=False), gr.update(interactive=True)

    def idle(self) -> tuple[Any, ...]:
        """After it has failed."""
        return progress_value(""), gr.update(interactive=True), gr.update(interactive=False)

    def back(self, session: Session | None, types: Measured | None) -> Any:
        """The button that leads from what was measured to what ships with the model, where there are both."""
        model_id = session.model_id if session else None
        measured = types is not None and types.model_id == model_id
        return gr.update(visible=measured and shipped(str(model_id)) is not None)

    def run(
        self, source: str, place: str, n_images: float, session: Session | None, request: gr.Request
    ) -> Iterator[tuple[Any, ...]]:
        """Progress, the head types that were found, and the two buttons, again and again.

        Raises:
            ValueError: one sentence, for pictures or a model that cannot be had.
        """
        visitor = str(request.session_hash)
        job = self._jobs.setdefault(visitor, Job())
        try:
            if session is None:
                raise ValueError("choose a model first")
            yield progress_value("Opening the pictures…"), gr.skip(), gr.skip(), gr.skip()
            n = min(int(n_images), N_ON_SPACE if catalog.on_space() else N_IMAGES[1])
            model = self.desk.model(session)
            check_model(model)
            with ThreadPoolExecutor(1) as pool:
                stream, stopped = Stream(source, place, n), job.stopped.is_set
                future = pool.submit(measure, self.desk.shelf, model, session.model_id, stream, job.count, stopped)
                try:
                    while not _finished(future):
                        said = job.said(catalog.title_of(session.model_id), stream.n)
                        yield progress_value(said, job.done, stream.n), gr.skip(), gr.skip(), gr.skip()
                finally:
                    job.stopped.set()  # also when the visitor has left
            yield *_ended(future), gr.update(interactive=True), gr.update(interactive=False)
        finally:
            self._jobs.pop(visitor, None)

    def stop(self, request: gr.Request) -> None:
        """End this visitor's measurement with what it has."""
        job = self._jobs.get(str(request.session_hash))
        if job is not None:
            job.stopped.set()

    def save(self, session: Session | None, types: Measured | None) -> str:
        """The head types on show as a file."""
        if session is None:
            raise ValueError("there is no model yet")
        name = "".join(c if c.isalnum() or c in "-_." else "-" for c in catalog.title_of(session.model_id))
        return saved_file(f"heads-{name[:60]}.json", types_json(self.desk.shelf, session, types))


def _ended(future: Future[Measured]) -> tuple[Any, Any]:
    """What is said at the end, and the head types; too few pictures leave those on show."""
    try:
        measured = future.result()
    except TooFew as refusal:
        text = str(refusal)
        return progress_value(f"{text[0].upper()}{text[1:]}."), gr.skip()
    return progress_value(measured.sentence), measured


def _finished(future: Future[Any]) -> bool:
    """Whether it is, after a short wait."""
    until = time.monotonic() + PAUSE
    while not future.done() and time.monotonic() < until:
        time.sleep(0.02)
    return future.done()
