"""The README's pictures: each page as it opens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

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
from apps.sae_steering import saved as steering
from apps.sae_steering.app import DESK as STEERING
from apps.sae_steering.bench import Bench as SteeringBench
from apps.sae_steering.first import first_view as steering_view
from apps.sae_steering.first import opening as steered_picture
from apps.vlm_steering import saved as talking
from apps.vlm_steering import vlms
from apps.vlm_steering.app import DESK as TALKING
from apps.vlm_steering.bench import Bench as TalkBench
from apps.vlm_steering.first import first_view as talk_view
from apps.vlm_steering.first import opening as talked_about
from apps.vlm_steering.guide import guide_for, turn_of


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


def sae_steering() -> bytes:
    """The first picture of SAE Steering with its recipe: one latent held down."""
    result = STEERING.result(STEERING.show(steered_picture(), catalog.DEFAULT))
    guide, view = result.loaded.guide, steering_view(result)
    assert guide is not None, "the SAE that the page opens with has a recipe"
    return steering.picture_png(result, SteeringBench(view=view, rack=guide.rack))


def vlm_steering() -> bytes:
    """The first picture of Steering a LLaVA with its recipe, and random latents moved as far."""
    session = TALKING.show(talked_about(), vlms.DEFAULT)
    talk = TALKING.result(session)
    guide = guide_for(talk.loaded)
    assert guide is not None, "the SAE that the page opens with has a recipe"
    bench = TalkBench(view=talk_view(talk), turn=replace(turn_of(guide), control="random"))
    bench.said, bench.said_of = TALKING.said(session, bench.turn, bench.manner), (bench.turn, bench.manner)
    return talking.picture_png(TALKING, session, bench)


PICTURES: dict[str, Callable[[], bytes]] = {
    "dogit-lens": dogit_lens,
    "attention-tour": attention_tour,
    "cat-dog-patching": cat_dog_patching,
    "sae-steering": sae_steering,
    "vlm-steering": vlm_steering,
}
