"""The page's long work, in steps: sweeps, searches and trials, each with its progress and its end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import Any
from weakref import WeakValueDictionary

import gradio as gr

from apps.cat_dog_patching import cases, handlers
from apps.cat_dog_patching.applying import apply_chips
from apps.cat_dog_patching.bench import JOBS, Bench
from apps.cat_dog_patching.flipping import Flip, find_flip
from apps.cat_dog_patching.general import General, general_steps, refused
from apps.cat_dog_patching.handlers import PairDesk
from apps.cat_dog_patching.layout import N_CASES
from apps.cat_dog_patching.reading import reads
from apps.cat_dog_patching.sweeping import Swept, read_ask, sweep_steps
from apps.cat_dog_patching.view import with_ask
from apps.common import catalog, streams
from apps.common.blobs import Result, new_key
from apps.common.desk import Session
from apps.common.events import field
from apps.common.jobs import followed

LOOK = 0.15  # seconds between two values that a sweep sends
N_ON_SPACE = 200
SEARCH = "Searching"
BROKEN = "The trial broke off; these pictures cannot be read to their end."


class Working:
    """The handlers of long work over one desk; jobs belong to a visitor's bench."""

    def __init__(self, desk: PairDesk) -> None:
        self.desk = desk
        self._benches: WeakValueDictionary[str, Bench] = WeakValueDictionary()

    def sweep(self, event: gr.EventData, session: Session, bench: Bench, request: gr.Request) -> Iterator[Any]:
        """The sweep that the visitor asked for, unless a later one has begun already."""
        if bench.overtaken("sweep", field(event, "at")):
            yield gr.skip()
            return
        data = {name: field(event, name) for name in ("site", "by", "layer", "token")}
        ask = read_ask(data, self.desk.result(session).extent, bench.view.ask)
        bench.view = with_ask(bench.view, ask)
        yield from self.swept(session, bench, request)

    def caught_up(self, session: Session, bench: Bench, request: gr.Request) -> Iterator[Any]:
        """The sweep of the view on show, unless there is one: an event that changed nothing asks for none."""
        if bench.sweep is not None and bench.sweep.ask == bench.view.ask:
            yield gr.skip()
            return
        yield from self.swept(session, bench, request)

    def swept(self, session: Session, bench: Bench, request: gr.Request) -> Iterator[Any]:
        """The sweep of the view on show, until done or cancelled; late steps of an old one show nothing."""
        self._benches[str(request.session_hash)] = bench
        stop, sent = bench.start("sweep"), 0.0
        result, model = self.desk.result(session), self.desk.model(session)
        try:
            for swept in sweep_steps(model, result, bench.view.ask, stop):
                if not bench.is_current("sweep", stop, session.key):
                    return
                bench.sweep = swept
                if swept.state == "done" and bench.reads is None:
                    bench.reads = self._reads_of_strongest(session, swept)
                if swept.state != "running" or time.monotonic() - sent > LOOK:
                    yield self._canvas(session, bench)
                    sent = time.monotonic()
        finally:
            stop.now()

    def flip(self, event: gr.EventData, session: Session, bench: Bench) -> Iterator[Any]:
        """The fewest patches of the kind that the event names; applied at once where nothing else is."""
        result, model = self.desk.result(session), self.desk.model(session)
        data = {name: field(event, name) for name in ("site", "by", "token")}
        ask = read_ask({**data, "layer": bench.view.layer}, result.extent, bench.view.ask)
        stop, said = bench.start("flip"), [SEARCH]

        def progress(what: str, share: float) -> None:
            said[0] = f"{SEARCH}: {what}, {share:.0%}"

        bench.flip = Flip("running", SEARCH)
        yield self._canvas(session, bench)
        try:
            steps = followed(lambda: find_flip(model, result, ask, progress, stop), stop)
            while True:
                try:
                    next(steps)
                except StopIteration as done:
                    found: Flip = done.value
                    break
                if not bench.is_current("flip", stop, session.key):
                    return
                bench.flip = Flip("running", said[0])
                yield self._canvas(session, bench)
        except ValueError as error:
            bench.flip = Flip("none", _sentence(error))
            yield self._canvas(session, bench)
            return
        finally:
            stop.now()
        if not bench.is_current("flip", stop, session.key):
            return
        bench.flip = found
        if (strongest := found.strongest_head) is not None:
            bench.reads = reads(model, result, *strongest)
        if not bench.chips and found.found is not None and found.found.flips:
            bench.applied = apply_chips(model, result, found.chips)
        yield self._canvas(session, bench)

    def general(self, source: str, place: str, n: float, session: Session, bench: Bench) -> Iterator[Any]:
        """What is applied, or was found, on many other pairs; a sentence where these cannot be had."""
        try:
            yield from self._tried(source, place, n, session, bench)
        except ValueError as error:
            bench.general = refused(_sentence(error))
            yield self._canvas(session, bench)

    def _tried(self, source: str, place: str, n: float, session: Session, bench: Bench) -> Iterator[Any]:
        result, model = self.desk.result(session), self.desk.model(session)
        chips = bench.chips or (bench.flip.chips if bench.flip else ())
        n_cases = max(1, min(int(n), N_ON_SPACE if catalog.on_space() else N_CASES[1]))
        if source == "scenes":
            pairs, said = cases.scene_cases(model, result), cases.scenes_said(result, n_cases)
        else:
            said, stream = streams.allowed(source, place.strip())
            said = f"up to {n_cases} pairs of {said}"
            pairs = cases.picture_cases(model, result, islice(stream, 20 * n_cases))
        stop, key = bench.start("general"), new_key()
        try:
            for general in general_steps(model, result, chips, pairs, n_cases, said, stop):
                if not bench.is_current("general", stop, session.key):
                    return
                bench.general, bench.failures_key = general, key
                self._keep(general, key)
                yield self._canvas(session, bench)
        finally:
            stop.now()

    def cancel(self, event: gr.EventData, bench: Bench | None) -> None:
        """End what the event names, or all of it."""
        what = field(event, "what")
        if bench is not None:
            bench.end(*([what] if what in JOBS else JOBS))

    def _reads_of_strongest(self, session: Session, swept: Swept) -> dict[str, Any] | None:
        """What the head reads that moves the answer most, where the sweep is by heads."""
        if swept.denoise is None or swept.ask.by != ("layer", "head"):
            return None
        result = self.desk.result(session)
        towards = swept.denoise.effect.nan_to_num()
        layer, head = divmod(int(towards.argmax()), result.n_heads)
        return reads(self.desk.model(session), result, layer, head)

    def leave(self, request: gr.Request) -> None:
        """The visitor has left: nothing is worked on for nobody."""
        bench = self._benches.get(str(request.session_hash))
        if bench is not None:
            bench.end()

    def idle(self, session: Session, bench: Bench) -> Any:
        """The canvas after a trial that broke off."""
        bench.general = refused(BROKEN)
        return self._canvas(session, bench)

    def _canvas(self, session: Session, bench: Bench) -> dict[str, Any]:
        return handlers.patching_value(self.desk, session, bench)

    def _keep(self, general: General, key: str) -> None:
        """Put the pictures of failures on the shelf, beside those that the browser may still be fetching."""
        kept = self.desk.shelf.get(key)
        files = {**(kept.files if kept else {}), **{failure.file: failure.png for failure in general.failures}}
        self.desk.shelf.put(Result(files, None, sum(map(len, files.values()))), key)


def _sentence(error: ValueError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:].rstrip(".") + "."
