"""A repository of SAEs on the Hub: one commit, a config.json that counts downloads, one SAE at a time by name."""

from __future__ import annotations

import shutil

import pytest

import prisma_engine as pe
from hub.jobs import tensors
from model_cards.build import CARDS
from prisma_engine.hub import LoadError

NAMES = ("blocks.0.hook_resid_post", "blocks.3.transcoder")


@pytest.fixture
def saes(tmp_path):
    """Two of those that ship, as a folder to publish."""
    from model_cards.build import build

    folder = tmp_path / "zoo" / "cards" / "emoji-vit-sae"
    for name in NAMES:
        shutil.copytree(CARDS / "emoji-vit-sae" / name, folder / name)
    build(folder)
    return tmp_path / "zoo"


@pytest.mark.slow
def test_each_is_loaded_by_name_and_counted(world, saes, tmp_path):
    assert world.publish(saes, tmp_path / "here").refused is None
    repo = world.hub.store.repos["org/emoji-vit-sae"]
    assert [c.title for c in repo.log(repo.commits[repo.branches["main"]])] == ["emoji-vit-sae", "initial commit"]
    (collection,) = world.hub.store.collections.values()
    assert collection["title"] == "SAEs" and [item["id"] for item in collection["items"]] == ["org/emoji-vit-sae"]
    world.hub.log.clear()
    name = f"emoji-vit-sae/{NAMES[1]}"
    found = world.machine.run("load_sae", tmp_path / "there", name=f"org/{name}")
    assert found.value == tensors(pe.SAE.load(name).state_dict())
    fetched = [path for method, path, _ in world.hub.log if "/resolve/" in path and method == "HEAD"]
    assert any(path.endswith("main/config.json") or path.count("/") == 5 for path in fetched), fetched
    assert not any(NAMES[0] in path for path in fetched), "another one was fetched too"
    world.hub.log.clear()
    assert world.publish(saes, tmp_path / "here").said == "org/emoji-vit-sae: nothing to do\n"
    whole = world.machine.run("load_sae", tmp_path / "there", name="org/emoji-vit-sae").refused
    assert whole == f"org/emoji-vit-sae holds several; say which, such as 'org/emoji-vit-sae/{NAMES[0]}'"
    world.hub.nasty.set("corrupt", method="GET", path="/_lfs/")
    damaged = world.machine.run("load_sae", tmp_path / "elsewhere", name=f"org/{name}").refused
    assert "of org/emoji-vit-sae arrived damaged and was deleted" in damaged


def test_a_folder_of_several_is_still_no_sae():
    with pytest.raises(LoadError, match="emoji-vit-sae holds several; say which of emoji-vit-sae/blocks.0"):
        pe.SAE.load("emoji-vit-sae")
