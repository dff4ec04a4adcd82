"""How much of it is computed: all that ships, or little, to try the building."""

from __future__ import annotations

from dataclasses import dataclass

from apps.common import pictures


@dataclass(frozen=True)
class Scope:
    """What to compute.

    Attributes:
        examples: names of the pictures of every page.
        n_tried: pictures on which what was found is tried again.
        is_whole: whether the sweeps by patch are run, and every latent that is on has its page and its turns.
    """

    examples: tuple[str, ...]
    n_tried: int = 100
    is_whole: bool = True


def whole() -> Scope:
    """All shipped examples."""
    return Scope(pictures.example_names())


def small() -> Scope:
    """Two examples and nothing that takes long."""
    return Scope((pictures.example_names()[0], pictures.example_names()[-1]), n_tried=16, is_whole=False)
