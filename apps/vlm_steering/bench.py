"""One visitor's workbench: what is asked, turned, said and looked at, on the run that is on show.

Several events of one visitor may work at once (columns are spoken while a latent is opened). Each changes its own part
of the one bench and then shows all of it, so that none brings back an old part of another's.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.common.jobs import Workbench
from apps.vlm_steering.plan import Manner
from apps.vlm_steering.talking import Said
from apps.vlm_steering.turn import Turn
from apps.vlm_steering.view import View

JOBS = ("talk", "gallery")
_opened = itertools.count(1)


@dataclass(eq=False)
class Bench(Workbench):
    """All that one visitor has done with one run; every part may be None, not there yet.

    Attributes:
        said: the columns, as far as they are spoken.
        said_of: the turn and the manner that they are spoken with.
        reading: under which key lies what the SAE reads of the prompt, and once it is said of the original answer.
        listened: the original answer that this is of; None for the prompt alone.
        gallery: how far the scenes have come that latents are looked for in; None while nobody looks.
        contrast: the other picture, and what is active here and not there.
        guided: the recipe was done, and nothing was turned since.
        opened: a number for each time that the server put a run on it; what the visitor had turned is then its own.
        pending: a model that was asked for and has no SAE here; it is taken once one is named.
    """

    KINDS = JOBS
    view: View = field(default_factory=View)
    turn: Turn = field(default_factory=Turn)
    manner: Manner = field(default_factory=Manner)
    said: Mapping[str, Said] = field(default_factory=dict)
    said_of: tuple[Turn, Manner] | None = None
    reading: str = ""
    listened: Said | None = None
    latent: dict[str, Any] | None = None
    gallery: str | None = None
    contrast: dict[str, Any] | None = None
    guided: bool = False
    opened: int = 0
    pending: str | None = None

    def opens(self, key: str) -> None:
        """Another run is on show: what was found about the last one is put away."""
        self.end()
        self.key, self.reading, self.opened = key, "", next(_opened)
        self.said, self.said_of, self.listened = {}, None, None
        self.latent = self.contrast = self.gallery = None
