"""One visitor's workbench: what is steered, opened, searched and tried on the run that is on show.

Several events of one visitor may work at once (a trial goes on while a slider is moved). Each changes its own part of
the one bench and then shows all of it, so that none brings back an old part of another's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from apps.common.jobs import Workbench
from apps.sae_steering.profiling import OwnProfile
from apps.sae_steering.trying import Trial
from apps.sae_steering.view import SteerView
from prisma_engine.sae.features import Controls, Rack, SteerRun

JOBS = ("profile", "controls", "general")


@dataclass(eq=False)
class Bench(Workbench):
    """All that one visitor has done with one run; every part may be None, not there yet.

    Attributes:
        watched: the class whose logit is followed; None for the model's answer.
        pending: a model that was asked for and has no SAE here; it is taken once one is named.
        other: another SAE to compare with.
        running: what the controls say while they are at work.
    """

    KINDS = JOBS
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
