"""The pair that opens the page: a scene in which two heads turn the dog into a cat, and hiding the cat undoes it.

The shipped example "A cat and a dog" is not it: the model calls that one a dog with or without its cat.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from apps.cat_dog_patching.plan import Other, Plan
from apps.common import pictures, sprites
from apps.common.pictures import Picture
from apps.common.share import Link

OPENING = "30_0.660.680.540.0_2.320.300.260.0"  # a cat face in front of a smaller dog face
TITLE = "A cat and a small dog"


@lru_cache(maxsize=1)
def opening() -> Picture:
    """The picture that the page opens with."""
    return named(pictures.scene_in_link(OPENING))


def named(picture: Picture) -> Picture:
    """The picture, under its own title if it is the one that opens the page."""
    return replace(picture, title=TITLE) if is_opening(picture) else picture


def is_opening(picture: Picture) -> bool:
    """Whether it is that one."""
    return picture.kind == "scene" and picture.source == OPENING


def opening_of(link: Link) -> Picture:
    """The picture that a link to a model opens with where it names none."""
    found = pictures.first_of(link)
    return found if found.source in sprites.EXAMPLES else opening()


def other_example(source: str, model_id: str) -> Other:
    """An example of the kind that a model has learned from, other than the one on show."""
    return Other("example", next(name for name in reversed(pictures.example_names(model_id)) if name != source))


def first_plan(picture: Picture, model_id: str) -> Plan:
    """How an example is paired at first: with another shape where hiding one would leave nothing, else with itself."""
    return Plan(other=other_example(picture.source, model_id)) if picture.source in sprites.EXAMPLES else Plan()
