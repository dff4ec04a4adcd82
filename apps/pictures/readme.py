"""The README's pictures: each page as it opens."""

from __future__ import annotations

from collections.abc import Callable

from apps.attention_tour import saved as tour
from apps.attention_tour.first import first_view as opening_view
from apps.attention_tour.handlers import TourDesk
from apps.cat_dog_patching import saved as patching
from apps.cat_dog_patching.applying import apply_chips
from apps.cat_dog_patching.bench import Bench
from apps.cat_dog_patching.first import opening
from apps.cat_dog_patching.flipping import find_flip
from apps.cat_dog_patching.handlers import PairDesk
from apps.cat_dog_patching.sweeping import first_ask, sweep_steps
from apps.common import catalog, pictures
from apps.dogit_lens import drawing
from apps.dogit_lens.handlers import LensDesk
from apps.dogit_lens.view import first_view


def dogit_lens() -> bytes:
    """The first view of the Dogit Lens."""
    result = LensDesk().run(pictures.first(), catalog.DEFAULT)
    return drawing.picture_png(result, first_view(result.extent))


def attention_tour() -> bytes:
    """The first view of the Attention Tour."""
    result = TourDesk().run(pictures.first(), catalog.DEFAULT)
    return tour.picture_png(result, opening_view(result))


def cat_dog_patching() -> bytes:
    """The first pair of Cat–Dog Patching, every head patched, and the fewest that flip it applied."""
    desk = PairDesk()
    result, model = desk.run(opening(), catalog.DEFAULT), desk.models.get(catalog.DEFAULT)
    ask = first_ask(result.extent)
    flip = find_flip(model, result, ask)
    (*_, swept) = sweep_steps(model, result, ask)
    bench = Bench(sweep=swept, flip=flip, applied=apply_chips(model, result, flip.chips))
    return patching.picture_png(result, bench, bench.view)


PICTURES: dict[str, Callable[[], bytes]] = {
    "dogit-lens": dogit_lens,
    "attention-tour": attention_tour,
    "cat-dog-patching": cat_dog_patching,
}
