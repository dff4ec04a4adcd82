"""What a Space's folder holds: path → file, worked out from the imports of its app and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from model_cards.publish.plan import File
from prisma_engine.history import FOLDER as STEPS
from space_configs.closure import closure, data_files
from space_configs.config import ROOT, SpaceConfig
from space_configs.readme import APP, THUMBNAIL, readme
from space_configs.requirements import requirements

SERVER = "apps.common.server"
CARDS = "model_cards"
READ = (".json", ".jsonl", ".safetensors")
"""Suffixes of a model's files that a page reads; its card and its curves are for people."""
START = '''"""Starts the Space."""

from {app} import build
from {server} import launch

demo = build()
launch(demo)
'''


def contents(config: SpaceConfig, hardware: str | None = None, owner: str | None = None) -> dict[str, File]:
    """Every file of the Space.

    Args:
        hardware: what it is built for; what its configuration suggests, if None.
        owner: whose Space it is on the Hub.

    Raises:
        ValueError: one sentence, if something that it needs is missing.
    """
    hardware = hardware or config.hardware
    models = folders(config)
    needed = closure(ROOT, (config.app, SERVER))
    paths = [*needed.modules.values(), *data_files(ROOT, needed.modules), ROOT / "LICENSE"]
    paths += [path for folder in models for path in _of_model(folder, config.steps)]
    text = readme(config, hardware, owner, [folder.name for folder in models])
    own = {
        "README.md": text,
        "requirements.txt": requirements(needed.foreign, hardware),
        APP: START.format(app=config.app, server=SERVER),
    }
    files = {path.relative_to(ROOT).as_posix(): File(path) for path in paths}
    files |= {name: File(text.encode()) for name, text in own.items()} | {THUMBNAIL: File(ROOT / config.picture)}
    return dict(sorted(files.items()))


def folders(config: SpaceConfig) -> list[Path]:
    """The folders of models that travel along.

    Raises:
        ValueError: one sentence, for a pattern that none of them has.
    """
    found: dict[str, Path] = {}
    for pattern in config.models:
        matching = {path.name: path for path in (ROOT / CARDS).glob(pattern) if _is_model(path)}
        if not matching:
            raise ValueError(f"{config.name}.toml asks for {pattern!r}, and {CARDS} has no such model")
        found |= matching
    return [found[name] for name in sorted(found)]


def _is_model(folder: Path) -> bool:
    """Whether it holds weights: a model's own, or those of SAEs in folders of theirs."""
    return any(folder.glob("model.safetensors")) or any(folder.glob("*/model.safetensors"))


def _of_model(folder: Path, steps: bool) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder).parts
        is_hidden = any(part.startswith(".") for part in inside)
        if path.suffix in READ and not is_hidden and (steps or inside[0] != STEPS):
            yield path
