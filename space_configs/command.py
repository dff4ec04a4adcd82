"""`python -m space_configs …`: building, publishing and pinning, and what is said about it."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from huggingface_hub import HfApi, SpaceHardware

from apps.common import catalog
from model_cards.publish.command import _check_token
from model_cards.publish.errors import PublishError
from model_cards.publish.patience import Patience
from space_configs.build import size, write
from space_configs.config import SpaceConfig, names, read_config
from space_configs.contents import contents
from space_configs.pin import pin
from space_configs.readme import unpinned
from space_configs.running import wait
from space_configs.source import commit_of
from space_configs.space import Space, Wanted

HARDWARE = {"zero-gpu": "zero-a10g"}
"""Our names of hardware that the Hub names otherwise."""


def build(given: argparse.Namespace) -> None:
    """Write the folders of Spaces below `given.out`.

    Raises:
        ValueError: one sentence.
    """
    if given.static:
        static = import_module("space_configs.static")
        print(static.table(static.build(given.out / "static")))
        return
    for name in given.name or names():
        config = read_config(name)
        files = contents(config, hardware(given.hardware, config), given.namespace)
        write(files, given.out / name)
        print(f"{given.out / name}: {len(files)} files, {size(files) / 1e6:.1f} MB")
    warn([read_config(name) for name in given.name or names()])


def publish(given: argparse.Namespace) -> None:
    """Bring Spaces of the Hub to what their configurations say, and wait until they run.

    Raises:
        ValueError: one sentence, at the first thing that cannot be done; what was published by then is whole.
    """
    api, patience = HfApi(), Patience()
    configs = [read_config(name) for name in given.name]
    asked = [_wanted(config, given) for config in configs]
    warn(configs)
    if not given.dry_run:
        _check_token(api, given.namespace, patience)
    for wanted in asked:
        space = Space(api, wanted, patience, print)
        if given.dry_run:
            step = patience.keep_trying(space.next, wanted.name)
            print(f"{wanted.name}: {f'would first {step}' if step else 'nothing to do'}")
            continue
        if not space.publish():
            print(f"{wanted.name}: nothing to do")
        head = patience.keep_trying(lambda name=wanted.name: api.space_info(name).sha, wanted.name)
        wait(api, wanted.name, head or "", patience, print, given.timeout)


def look_up(given: argparse.Namespace) -> None:
    """Write the commits of the catalog's models beside it."""
    pin(HfApi(), Patience(), print, given.name)


def _wanted(config: SpaceConfig, given: argparse.Namespace) -> Wanted:
    chosen = hardware(given.hardware, config)
    files = contents(config, chosen, given.namespace)
    source = commit_of(file.source for file in files.values() if isinstance(file.source, Path))
    return Wanted(
        f"{given.namespace}/{config.name}", files, f"{config.title} from {source[:12]}", source, chosen,
        config.variables, {name: _secret(name) for name in given.secret}, given.private, given.over,
    )  # fmt: skip


def hardware(asked: str | None, config: SpaceConfig) -> str:
    """The Hub's name of what was asked for, or of what the Space suggests.

    Raises:
        ValueError: one sentence, if there is no such hardware.
    """
    name = HARDWARE.get(asked or "", asked or config.hardware)
    known = sorted([*HARDWARE, *(each.value for each in SpaceHardware if each.value not in HARDWARE.values())])
    if name not in [each.value for each in SpaceHardware]:
        raise ValueError(f"the Hub has no hardware {asked!r}; it has {', '.join(known)}")
    return name


def warn(configs: Sequence[SpaceConfig]) -> None:
    """Say in one line how many models have no commit yet."""
    missing = {name for config in configs for name in unpinned(config, catalog.PINS)}
    if missing:
        print(
            f"{len(missing)} models of the Hub have no fixed commit, so they are loaded as they are that day and not "
            "preloaded; python -m space_configs pin looks the commits up"
        )


def _secret(name: str) -> str:
    if not (value := os.environ.get(name)):
        raise PublishError(f"the secret {name} has no value here; set the environment variable {name}")
    return value
