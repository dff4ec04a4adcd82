"""Looking up the commits of the catalog's models on a Hub on this machine, and what the catalog makes of them."""

from __future__ import annotations

import json

import pytest

from apps.common import catalog, revisions

TINY = "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"
FILES = ("config.json", "model.safetensors", "pytorch_model.bin", "README.md")


@pytest.fixture
def hub(world):
    """A Hub that has every model of the catalog's list, each of two commits."""
    store = world.hub.store
    for offer in catalog.HUB:
        repo = store.create(offer.id, private=False)
        for text in (b"first", b"second"):
            base = repo.commits[repo.branches["main"]]
            files = {**base.files, **{name: store.put(text) for name in FILES}}
            repo.branches["main"] = store.commit(repo, base, files, text.decode()).id
        if offer.revision:
            old = repo.commits.pop(base.id)
            repo.commits[offer.revision] = old
    return world.hub


def pin(world, tmp_path, *arguments: str):
    return world.machine.run("pin", tmp_path, arguments=list(arguments), path=tmp_path / "revisions.json", token=None)


def test_every_model_is_looked_up_once(world, hub, tmp_path):
    done = pin(world, tmp_path)
    repos = hub.store.repos
    for offer in catalog.HUB:
        assert done.value[offer.id] == offer.revision or repos[offer.id].branches["main"]
    said = json.loads((tmp_path / "revisions.json").read_text())
    assert said[TINY]["files"] == ["config.json", "model.safetensors"], "no pickle and nothing for people"
    hub.log.clear()
    assert pin(world, tmp_path).value == done.value and hub.log == []


def test_a_model_that_is_named_is_looked_up_anew(world, hub, tmp_path):
    before = pin(world, tmp_path).value
    repo = hub.store.repos[TINY]
    base = repo.commits[repo.branches["main"]]
    repo.branches["main"] = hub.store.commit(repo, base, base.files, "third").id
    assert pin(world, tmp_path).value == before
    assert pin(world, tmp_path, TINY).value == before | {TINY: repo.branches["main"]}


def test_what_was_looked_up_before_a_failure_is_kept(world, hub, tmp_path):
    del hub.store.repos[catalog.HUB[2].id]
    refused = pin(world, tmp_path).refused
    assert refused == f"the Hub has no public model {catalog.HUB[2].id}"
    assert list(revisions.read_pins(tmp_path / "revisions.json")) == sorted(offer.id for offer in catalog.HUB[:2])


def test_a_model_that_is_not_offered_is_one_sentence(world, tmp_path):
    assert "the catalog offers no 'a/b' from the Hub" in pin(world, tmp_path, "a/b").refused


def test_the_catalog_loads_what_was_looked_up(tmp_path):
    path, commit = tmp_path / "revisions.json", "ab" * 20
    revisions.write_pins({TINY: revisions.Pin(commit, ("config.json",))}, path)
    assert revisions.read_pins(path)[TINY].commit == commit
    path.write_text(path.read_text().replace(commit, "main"))
    with pytest.raises(ValueError, match="says 'main' of timm/vit_tiny.*, which is no commit"):
        revisions.read_pins(path)
    assert revisions.read_pins(tmp_path / "nothing.json") == {}
