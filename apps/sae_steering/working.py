"""The page's long work, in steps: controls, trials on other pictures, profiles; each with its progress and its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any
from weakref import WeakValueDictionary

import gradio as gr

from apps.common import catalog, streams
from apps.common.blobs import new_key
from apps.common.desk import Session
from apps.common.events import field
from apps.common.fields import index
from apps.common.jobs import Stop
from apps.sae_steering.analysis import SteerResult
from apps.sae_steering.bench import JOBS, Bench
from apps.sae_steering.cases import has_scenes, pictures_for
from apps.sae_steering.handlers import SteerDesk, steering_value, watched
from apps.sae_steering.latents import latent_value
from apps.sae_steering.layout import N_PICTURES
from apps.sae_steering.profiling import own_profile_steps
from apps.sae_steering.trying import Trial, logits_before
from prisma_engine.sae.features import Controls, Rack, controls, generality_steps

N_ON_SPACE = 200
N_DRAWS, DRAWN = 50, 10
NOTHING = "there is nothing to try yet: put a latent into the rack"


class Working:
    """The handlers of long work over one desk; jobs belong to a visitor's bench."""

    def __init__(self, desk: SteerDesk) -> None:
        self.desk = desk
        self._benches: WeakValueDictionary[str, Bench] = WeakValueDictionary()

    def controls(self, event: gr.EventData, session: Session, bench: Bench, request: gr.Request) -> Iterator[Any]:
        """Random latents and the wrong sign, some draws at a time.

        Raises:
            ValueError: one sentence, if nothing is steered.
        """
        if bench.is_cancelled("controls", field(event, "at")):
            yield gr.skip()
            return
        result, rack, stop = self._begun("controls", session, bench, request)
        index, found = watched(result, bench), None
        bench.running = f"0 of {N_DRAWS} random draws"
        yield self._canvas(session, bench)
        try:
            for done in range(0, N_DRAWS, DRAWN):
                if stop() or not bench.is_current("controls", stop, session.key):
                    break
                drawn = controls(result.start, rack, result.typical, index, DRAWN, seed=done)
                found = drawn if found is None else _both(found, drawn)
                bench.running = f"{done + DRAWN} of {N_DRAWS} random draws"
                yield self._canvas(session, bench)
            if bench.is_current("controls", stop, session.key) and bench.rack == rack:
                bench.controls, bench.running = found, None
                yield self._canvas(session, bench)
        finally:
            stop.now()

    def generality(
        self,
        event: gr.EventData,
        source: str,
        place: str,
        n: float,
        same: bool,
        session: Session,
        bench: Bench,
        request: gr.Request,
    ) -> Iterator[Any]:
        """The rack on many other pictures.

        Raises:
            ValueError: one sentence, for pictures that cannot be had, or if nothing is steered.
        """
        if bench.is_cancelled("general", field(event, "at")):
            yield gr.skip()
            return
        result, rack, stop = self._begun("general", session, bench, request)
        n_pictures = n_allowed(n)
        said, pictures = pictures_for(result, source, place, n_pictures, bool(same))
        answered = result.answer if same or source == "scenes" and has_scenes(result) else None
        loaded, key = result.loaded, new_key()
        try:
            steps = generality_steps(
                loaded.sae, result.model, rack, result.typical, watched(result, bench), pictures, n_pictures, stop,
                answered=answered,
            )  # fmt: skip
            for found in steps:
                if not bench.is_current("general", stop, session.key) or bench.rack != rack:
                    return
                done = found.state != "running"
                before = logits_before(result, rack, watched(result, bench), found) if done else ()
                bench.trial = Trial(found, said, key, before)
                self.desk.shelf.put(bench.trial.files(), key)
                yield self._canvas(session, bench)
        finally:
            stop.now()

    def profile(
        self,
        event: gr.EventData,
        source: str,
        place: str,
        n: float,
        session: Session,
        bench: Bench,
        request: gr.Request,
    ) -> Iterator[Any]:
        """Every latent over the visitor's pictures, for the pages of latents.

        Raises:
            ValueError: one sentence, for pictures that cannot be had.
        """
        if bench.is_cancelled("profile", field(event, "at")):
            yield gr.skip()
            return
        self._benches[str(request.session_hash)] = bench
        result = self.desk.result(session)
        latent = index({"latent": field(event, "index")}, "latent", result.extent.n_latents)
        n_pictures = n_allowed(n)
        said, pictures = streams.allowed(source, place.strip())
        stop, key = bench.start("profile"), new_key()
        before = bench.own
        try:
            steps = own_profile_steps(
                result, islice(pictures, n_pictures), n_pictures, said, self.desk.shelf, key, stop
            )
            for own in steps:
                if bench.jobs.get("profile") is not stop:
                    return
                kept = own if own.profile or before is None else replace(own, profile=None)
                bench.own = kept
                if bench.key == session.key:
                    shown = bench.latent["index"] if bench.latent else latent
                    bench.latent = latent_value(self.desk, session, bench, shown)
                    yield self._canvas(session, bench)
        finally:
            stop.now()
            if bench.own is not None and bench.own.profile is None:
                bench.own = before

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

    def _begun(self, job: str, session: Session, bench: Bench, request: gr.Request) -> tuple[SteerResult, Rack, Stop]:
        self._benches[str(request.session_hash)] = bench
        if not bench.rack.dials:
            raise ValueError(NOTHING)
        return self.desk.result(session), bench.rack, bench.start(job)

    def _canvas(self, session: Session, bench: Bench) -> dict[str, Any]:
        return steering_value(self.desk, session, bench)


def n_allowed(n: float) -> int:
    """How many pictures are worked on, at most."""
    return max(1, min(int(n), N_ON_SPACE if catalog.on_space() else N_PICTURES[1]))


def _both(one: Controls, two: Controls) -> Controls:
    """The draws of both."""
    return replace(one, random=one.random.plus(two.random))
