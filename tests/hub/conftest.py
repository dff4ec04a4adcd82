"""A Hub, another machine, and small repositories to publish."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from hub.loopback import Hub, serve
from hub.machine import Machine
from miniature_zoo import trained
from model_cards import build


class World:
    """A Hub that is emptied for each test, and a machine that knows its address."""

    def __init__(self, hub: Hub, machine: Machine) -> None:
        self.hub, self.machine = hub, machine

    def reset(self, root: Path) -> None:
        self.hub.root = root
        self.hub.nasty.clear()
        self.hub.log.clear()
        self.hub.__post_init__()


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


@pytest.fixture
def own_zoo(zoo, tmp_path) -> Path:
    """A copy that may be changed."""
    return Path(shutil.copytree(zoo, tmp_path / "zoo"))
