"""One Space as its TOML file describes it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from prisma_engine.plain import from_plain

HERE = Path(__file__).parent
ROOT = HERE.parent
COLORS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
MAX_SHORT = 60
"""Characters of a short description that the Hub shows."""


@dataclass(frozen=True)
class SpaceConfig:
    """What a Space is made of, and how the Hub shows it.

    Attributes:
        name: of the Space on the Hub, and of the TOML file.
        app: module with the `build` that makes the page.
        about: the text of its README.
        picture: its thumbnail, a file of this repository.
        models: folders of `model_cards` that travel along, as patterns such as "dsprites-*".
        steps: whether the weights after each kept step of a training travel along, too.
        preload: models of the catalog that the Hub puts into the Space's cache while building it.
        hardware: what the Space is suggested to run on.
        variables: environment variables that anyone may read.
    """

    name: str
    title: str
    emoji: str
    color_from: str
    color_to: str
    short_description: str
    about: str
    app: str
    picture: str
    models: tuple[str, ...]
    preload: tuple[str, ...] = ()
    datasets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    steps: bool = True
    hardware: str = "cpu-basic"
    startup_timeout: str = "15m"
    pinned: bool = False
    variables: Mapping[str, str] = field(default_factory=dict)


def names() -> list[str]:
    """Every Space that there is."""
    return sorted(path.stem for path in HERE.glob("*.toml"))


def read_config(name: str) -> SpaceConfig:
    """The Space of that name.

    Raises:
        ValueError: one sentence, if there is none, or its file says something that is not understood.
    """
    if name not in names():
        raise ValueError(f"there is no Space {name!r}; there are {', '.join(names())}")
    return parsed(name, (HERE / f"{name}.toml").read_text(encoding="utf-8"))


def parsed(name: str, text: str) -> SpaceConfig:
    """A Space from the text of its file.

    Raises:
        ValueError: one sentence.
    """
    try:
        config = from_plain(SpaceConfig, {"variables": {}, **tomllib.loads(text), "name": name}, f"{name}.toml")
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{name}.toml is no TOML: {error}") from None
    if found := _faults(config):
        raise ValueError(f"{name}.toml: {found[0]}")
    return config


def _faults(config: SpaceConfig) -> Sequence[str]:
    wrong = [color for color in (config.color_from, config.color_to) if color not in COLORS]
    found = [f"{color!r} is no colour of the Hub; those are {', '.join(COLORS)}" for color in wrong]
    if (n := len(config.short_description)) > MAX_SHORT:
        found.append(f"a short description has at most {MAX_SHORT} characters, got {n}")
    return found
