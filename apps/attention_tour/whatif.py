"""The one way in which this page changes a run: attention made causal from a layer on."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TEXT = re.compile(r"causal:([0-9]{1,3})(:all)?")


@dataclass(frozen=True)
class WhatIf:
    """Causal attention in raster order: a patch reads itself and the patches before it.

    Attributes:
        causal_from: first layer that is masked.
        prefix_sees_all: CLS and other prefix tokens still read everything and are read by all.
    """

    causal_from: int
    prefix_sees_all: bool = True

    @property
    def text(self) -> str:
        """As a session's variant: "causal:3", or "causal:3:all" where the mask holds for prefix tokens too."""
        return f"causal:{self.causal_from}" + ("" if self.prefix_sees_all else ":all")

    @property
    def sentence(self) -> str:
        """What was done, for a heading."""
        held = "" if self.prefix_sees_all else ", CLS included"
        return f"causal from layer {self.causal_from} on{held}"


def read_variant(text: str) -> WhatIf | None:
    """The reverse of `WhatIf.text`; None for "", the model as it was trained.

    Raises:
        ValueError: for anything else, in one sentence.
    """
    if not text:
        return None
    if found := _TEXT.fullmatch(text):
        return WhatIf(int(found[1]), prefix_sees_all=not found[2])
    asked = text.removeprefix("causal:")[:40]
    raise ValueError(
        f"a what-if names the first layer whose attention is causal, such as 3, or 3:all for CLS too; got {asked!r}"
    )
