"""One visitor's workbench: what was swept, applied, found and tried on the pair that is on show.

Several events of one visitor may work at once (a sweep runs while a patch is applied). Each changes its own part of
the one bench and then shows all of it, so that none brings back an old part of another's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from apps.cat_dog_patching.applying import Applied
from apps.cat_dog_patching.flipping import Flip
from apps.cat_dog_patching.general import General
from apps.cat_dog_patching.places import Chip
from apps.cat_dog_patching.sweeping import Swept
from apps.cat_dog_patching.view import PatchView
from apps.common.jobs import Workbench

JOBS = ("sweep", "flip", "general")


@dataclass(eq=False)
class Bench(Workbench):
    """All that one visitor has done with one pair; every part may be None, not there yet."""

    KINDS = JOBS
    view: PatchView = field(default_factory=PatchView)
    evolution_token: int = 0
    sweep: Swept | None = None
    applied: Applied | None = None
    flip: Flip | None = None
    general: General | None = None
    failures_key: str = ""  # where the pictures of failures are kept
    reads: dict[str, Any] | None = None

    @property
    def chips(self) -> tuple[Chip, ...]:
        """The patches that are applied."""
        return self.applied.chips if self.applied else ()

    def opens(self, key: str) -> None:
        """Another pair is on show: what was found about the last one is put away."""
        self.end()
        self.key = key
        self.sweep = self.applied = self.flip = self.general = self.reads = None
