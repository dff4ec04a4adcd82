"""What the cards say of the data sets that the zoo is trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class About:
    """A data set in words.

    Attributes:
        title: its name.
        hub: its id on the Hub; None where it is drawn here.
        what: where the pictures come from, and what is asked of them.
        parts: each held-out part → what is held out.
        limits: what follows for the models, a sentence each.
        compared: beside which data set of the public suite a model is told, and how the two differ.
    """

    title: str
    hub: str | None
    what: str
    parts: Mapping[str, str] = field(default_factory=dict)
    limits: tuple[str, ...] = ()
    compared: tuple[str, str] | None = None


DSPRITES = About(
    title="dSprites",
    hub=None,
    what=(
        "One square, ellipse or heart, white on black, 64×64, on the full grid of dSprites (Matthey et al. 2017): "
        "3 shapes × 6 scales × 40 orientations × 32 × 32 places. The class is the shape. The grid is the public set's; "
        "the pixels are drawn by `prisma_engine.toy.dsprites`."
    ),
    parts={
        "random": "a quarter of the pictures, drawn at random, as the public set is usually split",
        "compositional": (
            "whole combinations of scale, angle and place that no training picture shows, although every value of each "
            "is trained on"
        ),
    },
    limits=(
        "A held-out picture of the random part often differs from a trained one by a single pixel of place: that part "
        "measures interpolation, the compositional one how far the model puts together what it knows.",
        "The pictures are drawn, binary and show one shape each: nothing here speaks of photos.",
    ),
    compared=(
        "dsprites",
        "that model has width 512, 8 heads, MLPs of 2,048 and no LayerNorm, and was scored on a random quarter of the "
        "public file; ours is a fraction of its size, has LayerNorm, and learned from pictures of our own drawing.",
    ),
)

CIFAR10 = About(
    title="CIFAR-10",
    hub="uoft-cs/cifar10",
    what=(
        "CIFAR-10 (Krizhevsky 2009): photos of 32×32 in ten classes, 50,000 to learn from, moved by up to four pixels "
        "and mirrored at random. The photos are not redistributed. Those that were used had been through JPEG, so they "
        "differ slightly from the public files."
    ),
    parts={"test": "the 10,000 test photos"},
    limits=("Ten classes of small photos from the web: the model has their biases, and labels of some are wrong.",),
    compared=(
        "imagenet",
        "that model names the thousand classes of ImageNet, so the two shares do not measure the same; the suite has "
        "no model of CIFAR-10.",
    ),
)

ALL = {"dsprites": DSPRITES, "cifar10": CIFAR10}


def about(name: str) -> About:
    """The words for a data set; its bare name where there are none yet."""
    return ALL.get(name) or About(title=name, hub=None, what=f"`prisma_engine.toy.zoo`'s data set `{name}`.")
