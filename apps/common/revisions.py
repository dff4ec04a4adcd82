"""Commits of the Hub's models, looked up by `python -m space_configs pin` and kept beside this file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).with_name("revisions.json")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class Pin:
    """A model at one commit, and those of its files that are read."""

    commit: str
    files: tuple[str, ...]


def read_pins(path: Path = FILE) -> dict[str, Pin]:
    """Model id → commit and files; empty where nothing was looked up.

    Raises:
        ValueError: one sentence, if the file does not say commits.
    """
    if not path.exists():
        return {}
    found = json.loads(path.read_text(encoding="utf-8"))
    pins = {name: Pin(each["commit"], tuple(each["files"])) for name, each in found.items()}
    if wrong := [name for name, pin in pins.items() if not _COMMIT.fullmatch(pin.commit)]:
        raise ValueError(f"{path.name} says {pins[wrong[0]].commit!r} of {wrong[0]}, which is no commit")
    return pins


def write_pins(pins: dict[str, Pin], path: Path = FILE) -> None:
    """Replace the file."""
    rows = {name: {"commit": pin.commit, "files": list(pin.files)} for name, pin in sorted(pins.items())}
    path.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")
