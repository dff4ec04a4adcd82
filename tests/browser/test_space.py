"""A built Space runs from its folder alone, with and without server-side rendering, within a free Space's means."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from serving import ROOT
from space_configs.build import write
from space_configs.config import read_config
from space_configs.contents import contents
from space_serving import Served, serving

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MAX_COLD, MAX_MEMORY = 20.0, 4e9
"""Processor seconds until the first answer, and bytes."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("built") / "suite"
    write(contents(read_config("suite")), place)
    return place


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "ssr"])
def space(request, folder: Path, tmp_path_factory) -> Iterator[Served]:
    if request.param and shutil.which("node") is None:
        pytest.skip("no Node on this machine, which server-side rendering needs: apt-get install nodejs")
    with serving(folder, tmp_path_factory.mktemp("home"), ssr=request.param) as served:
        yield served


def test_it_starts_and_shows_its_first_page_within_its_means(space: Served, browser: Browser):
    print(f"cold start {space.cold_wall:.1f} s, of processors {space.cold_cpu:.1f} s")
    assert space.cold_cpu < MAX_COLD
    page = browser.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(space.address + "/dogit-lens", timeout=120_000)
    from playwright.sync_api import expect

    expect(page.locator("#lens .pl-lens")).to_have_attribute("data-phase", "ready", timeout=120_000)
    expect(page.locator("#answer li")).to_have_count(5)
    page.goto(space.address + "/attention-tour", timeout=120_000)
    expect(page.locator("#tour canvas").first).to_be_visible(timeout=120_000)
    page.close()
    assert not faults
    said = space.health()
    assert said["ok"] and "emoji-vit" in [model["id"] for model in said["models"]]
    print(f"peak memory {space.peak_bytes / 1e9:.2f} GB")
    assert space.peak_bytes < MAX_MEMORY


def test_it_runs_its_own_modules_and_not_this_checkout(space: Served, folder: Path):
    opened = Path(f"/proc/{space.pid}/cwd").resolve()
    assert opened == folder and ROOT not in folder.parents
