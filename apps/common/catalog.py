"""The models that the page offers: the embedded ones, and an allow-list from the Hub.

A revision of None is resolved by the first load and then stays pinned for the life of the process; the page
shows it, and links carry it. `python -m space_configs pin` looks commits up and keeps them (`revisions.py`).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from apps.common import checkpoints
from apps.common.revisions import read_pins
from prisma_engine.history import revision_of
from prisma_engine.load import embedded_models

Family = Literal["embedded", "timm", "deit", "clip", "dinov2", "other"]

ZERO_SHOT_CLASSES = (
    "cat", "dog", "lion", "cheetah", "deer", "wolf", "fox", "horse", "bird", "person", "toilet", "bathtub",
    "basketball", "banana", "apple", "bagel", "strawberry", "car", "tree", "grass", "sky", "wall", "floor", "water",
)  # fmt: skip
MAX_CLASSES, MAX_CLASS_CHARACTERS = 64, 48


@dataclass(frozen=True)
class Offer:
    """One model a visitor may pick."""

    id: str  # what pe.load takes, and "@step-000064" where it is the model at a step of its training
    title: str
    family: Family
    revision: str | None = None
    zero_shot: bool = False  # its classes are typed by the visitor
    pictures: Literal["scenes", "sprites"] = "scenes"  # which examples are of the kind that it has learned from


SIZES = {"tiny": "1 layer", "base": "2 layers", "small": "3 layers", "medium": "4 layers"}
SETS = {"dsprites": "dSprites shapes", "cifar10": "CIFAR-10 photos"}
KINDS = {"attn-mlp": "attention and MLPs", "attn-only": "attention alone"}


def zoo() -> tuple[Offer, ...]:
    """The toy models that ship, data set by data set, the smallest first."""
    here = embedded_models()
    named = [(f"{s}-{size}-{kind}", s, size, kind) for s in SETS for kind in KINDS for size in SIZES]
    return tuple(
        Offer(
            name,
            f"{SETS[s]} · {SIZES[size]}, {KINDS[kind]}",
            "embedded",
            pictures="sprites" if s == "dsprites" else "scenes",
        )
        for name, s, size, kind in named
        if name in here
    )


EMBEDDED = (Offer("emoji-vit", "emoji-vit · ours, 96 px", "embedded"), *zoo())
_HUB = (
    Offer("timm/vit_base_patch32_224.augreg_in21k_ft_in1k", "ViT-B/32 · ImageNet", "timm"),
    Offer("timm/vit_base_patch16_224.augreg_in21k_ft_in1k", "ViT-B/16 · ImageNet", "timm"),
    Offer("timm/vit_small_patch16_224.augreg_in21k_ft_in1k", "ViT-S/16 · ImageNet", "timm"),
    Offer("timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k", "ViT-Ti/16 · ImageNet", "timm"),
    Offer("facebook/deit-base-patch16-224", "DeiT-B/16 · ImageNet", "deit"),
    Offer(
        "openai/clip-vit-base-patch32",
        "CLIP B/32 · your own classes",
        "clip",
        revision="3d74acf9a28c67741b2f4f2ea7635f0aaf6f0268",
        zero_shot=True,
    ),
    Offer("wkcn/TinyCLIP-ViT-8M-16-Text-3M-YFCC15M", "TinyCLIP 8M · your own classes", "clip", zero_shot=True),
    Offer("facebook/dinov2-small-imagenet1k-1-layer", "DINOv2-S/14 · ImageNet", "dinov2"),
)
PINS = read_pins()
HUB = tuple(
    replace(offer, revision=PINS[offer.id].commit) if offer.id in PINS and offer.revision is None else offer
    for offer in _HUB
)
OFFERS = {offer.id: offer for offer in EMBEDDED + HUB}
DEFAULT = EMBEDDED[0].id


def on_space() -> bool:
    """Whether this process serves strangers on a Hugging Face Space."""
    return bool(os.environ.get("SPACE_ID"))


def choices() -> list[tuple[str, str]]:
    """(title, id) of every offer, for a dropdown."""
    return [(offer.title, offer.id) for offer in OFFERS.values()]


def offer_for(model_id: str) -> Offer:
    """The offer named `model_id`; locally, an offer for any Hub id or path; of a model that kept steps of its training,
    one for "model@step-000064" too.

    Raises:
        ValueError: for anything else, in one sentence.
    """
    if not isinstance(model_id, str):
        raise ValueError("name a model as a text")
    model_id = model_id.strip()
    if model_id in OFFERS:
        return OFFERS[model_id]
    base, step = checkpoints.parted(model_id)
    if step is not None:
        return _at_step(offer_for(base), step)
    if on_space():
        raise ValueError("this page runs only the models of its list; run the suite locally to load any other")
    if not model_id or len(model_id) > 400 or not model_id.isprintable():
        raise ValueError("name a model of the list, a Hub id such as timm/vit_base_patch32_224, or a path on this disk")
    # timm's CLIPs and bare weight files are towers without the text half that class names need.
    zero_shot = "clip" in Path(model_id).name.lower() and not model_id.startswith("timm/")
    zero_shot = zero_shot and not model_id.endswith(".safetensors")
    return Offer(model_id, model_id, "other", zero_shot=zero_shot)


def _at_step(offer: Offer, step: int) -> Offer:
    """The same model at a step of its training; of a Hub model only loading it shows whether that was kept."""
    if checkpoints.folder_of(offer.id) and step not in checkpoints.history_of(offer.id).steps:
        raise ValueError(checkpoints.refusal(offer.id, step))
    at, title = checkpoints.at_step(offer.id, step), f"{offer.title} · step {step}"
    return replace(offer, id=at, title=title, revision=revision_of(step))


def title_of(model_id: str) -> str:
    """The short name of a model for a heading: the last part of a path, a Hub id as it is, and the step if any."""
    base, step = checkpoints.parted(model_id)
    name = Path(base).stem if base.startswith(("/", ".", "~")) else base
    return name if step is None else f"{name} · step {step}"


def default_classes() -> str:
    """The class list that a zero-shot model starts with, as a visitor would type it."""
    return ", ".join(ZERO_SHOT_CLASSES)


def parse_classes(text: str) -> tuple[str, ...]:
    """The class names in a text separated by commas or lines, without repeats.

    Raises:
        ValueError: if fewer than 5 or more than 64 remain, or one is longer than 48 characters.
    """
    if not isinstance(text, str):
        raise ValueError("write the classes as a text, separated by commas")
    first: dict[str, str] = {}
    for part in re.split(r"[,\n;]", text[:8000]):
        name = " ".join(part.split())
        first.setdefault(name.casefold(), name)
    names = tuple(name for name in first.values() if name)
    if not 5 <= len(names) <= MAX_CLASSES:
        raise ValueError(f"name 5 to {MAX_CLASSES} classes, separated by commas; got {len(names)}")
    for name in names:
        if len(name) > MAX_CLASS_CHARACTERS or not name.isprintable():
            raise ValueError(f"a class name has at most {MAX_CLASS_CHARACTERS} printable characters")
    return names
