"""One visitor's workbench: what is steered, opened, searched and tried on the run that is on show.

Several events of one visitor may work at once (a trial goes on while a slider is moved). Each changes its own part of
the one bench and then shows all of it, so that none brings back an old part of another's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from apps.common.jobs import Stop
from apps.sae_steering.profiling import OwnProfile
from apps.sae_steering.trying import Trial
from apps.sae_steering.view import SteerView
from prisma_engine.sae.features import Controls, Rack, SteerRun

JOBS = ("profile", "controls", "general")


@dataclass(eq=False)
class Bench:
    """All that one visitor has done with one run; every part may be None, not there yet.

    Attributes:
        watched: the class whose logit is followed; None for the model's answer.
        pending: a model that was asked for and has no SAE here; it is taken once one is named.
        other: another SAE to compare with.
        running: what the controls say while they are at work.
        heard: when the newest event of each kind was sent, by the visitor's clock; they may arrive in another order.
        cancelled: when each job was last cancelled, by the same clock: it may not have begun yet.
    """

    key: str = ""
    view: SteerView = field(default_factory=SteerView)
    watched: int | None = None
    rack: Rack = field(default_factory=Rack)
    pending: str | None = None
    steered: SteerRun | None = None
    latent: dict[str, Any] | None = None
    found: dict[str, Any] | None = None
    controls: Controls | None = None
    running: str | None = None
    trial: Trial | None = None
    other: str | None = None
    compared: tuple[str, str, dict[str, Any]] | None = None  # run, SAE, what `other_value` made of them
    own: OwnProfile | None = None
    jobs: dict[str, Stop] = field(default_factory=dict)
    heard: dict[str, int] = field(default_factory=dict)
    cancelled: dict[str, int] = field(default_factory=dict)

    def overtaken(self, what: str, at: object) -> bool:
        """Whether an event comes after a later one of its kind; where not, it is the newest from now on."""
        if not isinstance(at, int) or isinstance(at, bool):
            return False
        if at < self.heard.get(what, 0):
            return True
        self.heard[what] = at
        return False

    def cancel(self, at: object, *jobs: str) -> None:
        """End jobs with what they have, and those asked for before `at` that wait to begin."""
        self.end(*jobs)
        if isinstance(at, int):
            self.cancelled |= dict.fromkeys(jobs or JOBS, at)

    def is_cancelled(self, job: str, at: object) -> bool:
        """Whether a job was cancelled before it began."""
        return isinstance(at, int) and at <= self.cancelled.get(job, 0)

    def start(self, job: str) -> Stop:
        """Begin a job; the one of the same kind that may be running ends."""
        self.end(job)
        self.jobs[job] = Stop()
        return self.jobs[job]

    def is_current(self, job: str, stop: Stop, key: str) -> bool:
        """Whether what a job has found still belongs on the screen."""
        return self.key == key and self.jobs.get(job) is stop

    def end(self, *jobs: str) -> None:
        """Ask jobs to end with what they have; without a name, all of them."""
        for job in jobs or JOBS:
            if job in self.jobs:
                self.jobs[job].now()

    def opens(self, key: str) -> None:
        """Another run is on show: what was found about the last one is put away."""
        self.end()
        self.key = key
        self.steered = self.latent = self.found = self.controls = self.running = self.trial = None

    def steers(self, rack: Rack) -> None:
        """Another rack: what was tried with the last one says nothing about it."""
        if rack != self.rack:
            self.end("controls", "general")
            self.controls = self.running = self.trial = None
        self.rack = rack
