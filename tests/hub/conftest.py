"""A Hub, another machine, and small repositories to publish."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.loopback import Hub, serve
from hub.loopback.store import Store
from hub.machine import Done, Machine
from miniature_zoo import trained
from model_cards import build

NAME = "org/dsprites-mini"


class World:
    """A Hub that is emptied for each test, and a machine that knows its address."""

    def __init__(self, hub: Hub, machine: Machine) -> None:
        self.hub, self.machine = hub, machine

    def reset(self, root: Path) -> None:
        self.hub.root = root
        self.hub.nasty.clear()
        self.hub.log.clear()
        self.hub.__post_init__()

    def publish(self, zoo: Path, home: Path, *arguments: str, **given: Any) -> Done:
        """`python -m model_cards publish` of a `zoo`, with `--all` unless told otherwise."""
        asked = [*(arguments or ("--all",)), "--out", str(zoo / "out")]
        done = self.machine.run("publish", home, arguments=asked, cards=zoo / "cards", **given)
        assert done.value is None, f"an error that nobody turned into a sentence: {done.value}"
        return done


@pytest.fixture(scope="session")
def _world(tmp_path_factory) -> Iterator[World]:
    hub = Hub(tmp_path_factory.mktemp("hub"))
    with serve(hub) as address:
        machine = Machine(address)
        yield World(hub, machine)
        machine.close()


@pytest.fixture
def world(_world, tmp_path) -> World:
    _world.reset(tmp_path / "hub")
    return _world


@pytest.fixture(scope="session")
def zoo(tmp_path_factory) -> Path:
    """`cards/` with a model whose steps are beside it, in `out/`."""
    root = tmp_path_factory.mktemp("zoo")
    build.build(trained(root / "cards", root / "out", steps=3))
    return root


@pytest.fixture(scope="session")
def _published(_world, zoo, tmp_path_factory) -> tuple[Store, int]:
    root = tmp_path_factory.mktemp("published")
    _world.reset(root / "hub")
    assert _world.publish(zoo, root).refused is None
    return _world.hub.store, len(_world.hub.log)


@pytest.fixture
def published(_published, world) -> World:
    """A Hub that holds `zoo` already."""
    world.hub.store = copy.deepcopy(_published[0])
    return world


@pytest.fixture
def n_requests(_published) -> int:
    """How many requests it takes to publish `zoo`."""
    return _published[1]


@pytest.fixture
def own_zoo(zoo, tmp_path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(zoo, tmp_path / "zoo"))
