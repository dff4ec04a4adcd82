"""All that ships goes to the Hub with one command, and comes back to another machine with the same tensors."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest
from safetensors.torch import load_file

from hub.jobs import tensors
from model_cards.build import CARDS, folders
from prisma_engine import vlm
from prisma_engine.history import FOLDER
from prisma_engine.load import load
from prisma_engine.sae import files

pytestmark = pytest.mark.slow


def kept_steps(folder: Path, out: Path) -> dict[str, Path]:
    """Weights of each kept step by its tag, from the folder or from where its training left them."""
    beside = folder / FOLDER if (folder / FOLDER).is_dir() else out / folder.name / FOLDER
    return {path.stem: path for path in sorted(beside.glob("step-*.safetensors"))}


def test_publish_all_load_all(world, tmp_path):
    """Where PRISMA_TEST_OUT names the folder of trainings, every kept step of every model goes too."""
    out = Path(os.environ.get("PRISMA_TEST_OUT", tmp_path / "out"))
    publish = partial(
        world.machine.run, "publish", tmp_path / "here", arguments=["--all", "--out", str(out)], cards=CARDS
    )
    done = publish()
    assert done.refused is None and done.value is None, done
    store = world.hub.store
    assert set(store.repos) == {f"org/{folder.name}" for folder in folders()}
    assert {entry["title"]: len(entry["items"]) for entry in store.collections.values()} == {
        "Toy ViTs": sum((folder / "eval.json").exists() for folder in folders()),
        "SAEs": sum(not (folder / "eval.json").exists() for folder in folders()),
    }
    world.hub.log.clear()
    assert {line.split(": ")[1] for line in publish().said.splitlines()} == {"nothing to do"}

    there = partial(world.machine.run, home=tmp_path / "there", piece=2**20)
    for folder in folders():
        name, repo = f"org/{folder.name}", store.repos[f"org/{folder.name}"]
        if not (folder / "eval.json").exists():
            for sae in sorted(path.parent.name for path in folder.glob("*/eval.json")):
                found = there("load_sae", name=f"{name}/{sae}").value
                assert found == tensors(files.load(folder / sae).state_dict()), sae
            continue
        if folder.name in vlm.shipped():
            newest, here = there("load_vlm", name=name), vlm.load(folder).model
        else:
            newest, here = there("load", name=name), load(folder)
        assert newest.value["tensors"] == tensors(here.state_dict())
        steps = kept_steps(folder, out)
        for tag, path in steps.items():
            found = there("load", name=name, revision=tag).value
            expected = {key: tensor.float() for key, tensor in load_file(path).items()}
            assert found == {"revision": repo.tags[tag], "tensors": tensors(expected), "name": name}
            stored = repo.commits[repo.tags[tag]].files["eval.json"]
            assert store.bytes_of(stored).read_bytes() == (folder / "eval.json").read_bytes()
        assert set(steps) <= set(repo.tags)
    listed = dict(there("list_models", owner="org").value)
    assert {f"org/{folder.name}" for folder in folders() if (folder / "eval.json").exists()} <= set(listed)
