"""A Hub with Spaces, and another machine that publishes to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hub.loopback import Hub, serve
from hub.loopback.spaces import PREFIX, Space
from hub.loopback.store import Repo
from hub.machine import Done, Machine

NAME = "org/dogit-lens"
FILES = {"README.md": "---\ntitle: Dogit Lens\nlicense: mit\n---\n", "app.py": "launch()\n", "apps/a.py": "1\n"}


class SpaceWorld:
    """A Hub that is emptied for each test, and a machine that knows its address."""

    def __init__(self, hub: Hub, machine: Machine) -> None:
        self.hub, self.machine = hub, machine

    def reset(self, root: Path) -> None:
        self.hub.root = root
        self.hub.nasty.clear()
        self.hub.log.clear()
        self.hub.__post_init__()

    @property
    def repo(self) -> Repo:
        return self.hub.store.repos[PREFIX + NAME]

    @property
    def space(self) -> Space:
        return self.hub.store.spaces[PREFIX + NAME]

    def text(self, path: str) -> str:
        entry = self.repo.commits[self.repo.branches["main"]].files[path]
        return self.hub.store.bytes_of(entry).read_text()

    def publish(self, home: Path, *arguments: str, files: dict[str, str] | None = FILES, **given: Any) -> Done:
        """`python -m space_configs publish dogit-lens` of small files, unless told otherwise."""
        given = {"arguments": ["dogit-lens", *arguments], "files": files, "variables": {}, "env": {}} | given
        done = self.machine.run("publish", home, **given)
        assert done.value is None, f"an error that nobody turned into a sentence: {done.value}"
        return done


@pytest.fixture(scope="session")
def _space_world(tmp_path_factory) -> Iterator[SpaceWorld]:
    hub = Hub(tmp_path_factory.mktemp("hub"))
    with serve(hub) as address:
        machine = Machine(address, "space_jobs")
        yield SpaceWorld(hub, machine)
        machine.close()


@pytest.fixture
def world(_space_world, tmp_path) -> SpaceWorld:
    _space_world.reset(tmp_path / "hub")
    return _space_world
