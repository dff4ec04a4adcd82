"""Pictures from outside, as pages let a visitor choose them: our scenes, a folder, a data set on the Hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import gradio as gr

from apps.common import catalog
from prisma_engine import sources as engine

DATASETS = ("zh-plus/tiny-imagenet", "uoft-cs/cifar10", "timm/oxford-iiit-pet")  # what a Space may stream
HUB_ID = re.compile(r"\w[\w.-]{0,95}/\w[\w.-]{0,95}", re.ASCII)
SOURCES = (
    ("Our emoji scenes", "scenes"),
    ("A folder on this computer", "folder"),
    ("A data set on the Hub", "hub"),
)
PLACES = {
    "folder": ("Path of the folder", "Its pictures and those of the folders in it, in the order of their names."),
    "hub": ("Id of the data set, owner/name", "Streamed: nothing is stored but the examples that are shown."),
}


def sources() -> list[tuple[str, str]]:
    """What may be chosen; no folder of a server that serves strangers."""
    return [(title, name) for title, name in SOURCES if name != "folder" or not catalog.on_space()]


def place_box(source: str) -> Any:
    """The box for a path or an id, where the source needs one."""
    label, info = PLACES.get(source, ("", ""))
    if source == "hub" and catalog.on_space():
        info = f"One of {', '.join(DATASETS)}."
    return gr.update(visible=source in PLACES, label=label, info=info, value="")


def allowed(source: str, place: str) -> tuple[str, engine.Pictures]:
    """What a source holds, in words, and its pictures.

    Raises:
        ValueError: one sentence, for a source that cannot be had, or that a Space does not offer.
    """
    if source == "scenes":
        return "emoji scenes", engine.scenes()
    if source == "folder" and not catalog.on_space():
        if not place or not Path(place).is_dir():
            raise ValueError(f"there is no folder {place[:80]!r} on this computer" if place else "name a folder")
        return f"pictures of {Path(place).name}", engine.from_folder(Path(place))
    if source != "hub":
        raise ValueError("choose where the pictures come from")
    if catalog.on_space() and place not in DATASETS:
        raise ValueError(f"this page streams only {', '.join(DATASETS)}; run the suite locally for any other")
    if not HUB_ID.fullmatch(place) or Path(place).exists():  # `datasets` would read a path of this machine
        raise ValueError(f"a data set on the Hub is named owner/name, got {place[:80]!r}")
    return f"pictures of {place}", engine.from_hub(place)
