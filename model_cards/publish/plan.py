"""What a folder's repository shall hold: its files, and the weights after each step of training that was kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from model_cards import schema
from model_cards.build import README, card, faults
from model_cards.publish.errors import PublishError
from model_cards.text import read
from prisma_engine.history import FILE, FOLDER, revision_of, step_of

CONFIG, WEIGHTS = "config.json", "model.safetensors"
PUBLISHED = (".jinja", ".json", ".jsonl", ".md", ".png", ".safetensors")
"""Endings of what may be published: weights are safetensors and nothing else."""


@dataclass(frozen=True)
class File:
    """One file as it shall be in the repository: bytes, or where they are."""

    source: Path | bytes

    @cached_property
    def hashes(self) -> tuple[str, str]:
        """Its sha256, by which large files are known, and git's hash, by which the others are."""
        data = self.source if isinstance(self.source, bytes) else self.source.read_bytes()
        return hashlib.sha256(data).hexdigest(), hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass(frozen=True)
class Step:
    """The weights after a step of training, and the tag under which they can be loaded."""

    tag: str
    weights: File


@dataclass(frozen=True)
class Plan:
    """A repository as it shall be.

    Attributes:
        files: at the end; path in the repository → file.
        steps: in the order of training; the last one's weights are those of `files`.
    """

    name: str
    files: Mapping[str, File]
    steps: tuple[Step, ...]

    def at(self, step: Step) -> dict[str, File]:
        """What the repository holds at a step: the same card and config from the first commit on."""
        return {**self.files, WEIGHTS: step.weights}


def plan(folder: Path, owner: str, out: Path) -> Plan:
    """What `owner`'s repository for a folder of `model_cards` shall hold.

    Args:
        out: where trainings keep their steps, `<out>/<name>/steps/`; looked into where the folder has none itself.

    Raises:
        PublishError: if a card is out of date or refused, something needed is missing, or something is not published.
    """
    if found := faults(folder):
        raise PublishError(found[0])
    text = card(folder, owner)
    if found := schema.faults(text):
        raise PublishError(f"the card of {folder.name}: {found[0]}")
    files = {path: File(source) for path, source in _sources(folder).items()} | {README: File(text.encode())}
    if CONFIG not in files:
        raise PublishError(f"{folder.name} has no {CONFIG}, by which the Hub counts downloads")
    if not any(path.endswith(WEIGHTS) for path in files):
        raise PublishError(f"{folder.name} has no {WEIGHTS}")
    return Plan(folder.name, files, _steps(folder, files, out) if WEIGHTS in files else ())


def _sources(folder: Path) -> dict[str, Path]:
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_dir() or name.parts[0] == FOLDER or any(part.startswith(".") for part in name.parts):
            continue
        if path.suffix not in PUBLISHED:
            raise PublishError(f"{folder.name} holds {name}, which is not published; weights are safetensors alone")
        found[name.as_posix()] = path
    return found


def _steps(folder: Path, files: Mapping[str, File], out: Path) -> tuple[Step, ...]:
    """The kept steps in order, with the last one, which is what the folder itself holds."""
    kept = _kept(folder, out)
    last = _last(folder)
    if last is None:
        return ()
    if last in kept and kept[last].hashes != files[WEIGHTS].hashes:
        raise PublishError(f"the weights of {folder.name} are not those that its training kept at step {last}")
    kept[last] = files[WEIGHTS]
    return tuple(Step(revision_of(step), kept[step]) for step in sorted(kept))


def _kept(folder: Path, out: Path) -> dict[int, File]:
    source = folder if (folder / FOLDER).is_dir() else out / folder.name
    if source is not folder and (source / FOLDER).is_dir():
        history = source / FILE
        if not history.exists() or history.read_bytes() != (folder / FILE).read_bytes():
            raise PublishError(f"{source} holds another training than {folder.name}; name another folder with --out")
    paths = (source / FOLDER).glob("*.safetensors")
    return {step: File(path) for path in paths if (step := step_of(path.stem)) is not None}


def _last(folder: Path) -> int | None:
    """The last step of a model's training; None where none is recorded."""
    training = read(folder / "eval.json").get("training", {})
    return training.get("steps") or training.get("recipe", {}).get("optimizer", {}).get("steps")
