"""Recipes as TOML files: those that ship in a room's folder, by name, or any other by its path."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any


def shipped(folder: Path) -> tuple[str, ...]:
    """Names of the recipes in a folder, sorted."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml")))


def read_recipe(name: str | Path, folder: Path) -> dict[str, Any]:
    """The values of the recipe of that name in a folder, or of the one in a TOML file.

    Raises:
        ValueError: if there is none, or it is not TOML.
    """
    path = Path(name) if str(name).endswith(".toml") else folder / f"{name}.toml"
    if not path.exists():
        known = ", ".join(shipped(folder))
        raise ValueError(f"there is no recipe {str(name)!r}; shipped: {known}; otherwise give a path to a .toml file")
    return read_toml(path)


def read_toml(path: Path) -> dict[str, Any]:
    """The values of a TOML file that is there.

    Raises:
        ValueError: if it is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{path.name} is not TOML: {error}") from None
