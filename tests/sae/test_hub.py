"""An SAE from a Hub on the loopback, through the real client, with only the folder that was asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from fake_hub import SHA, hub
from foreign_saes import prisma_state, write_prisma
from prisma_engine.sae import files
from saes import random_sae

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow

# HF_ENDPOINT is read when huggingface_hub is imported, so each load is a process of its own.
LOAD = """
import json, sys
from prisma_engine.hub import LoadError
from prisma_engine.sae import SAE, files
try:
    sae = SAE.load(sys.argv[1], revision=sys.argv[2] or None)
    folder = files.find(sys.argv[1], sys.argv[2] or None)
    print(json.dumps({"hook": sae.hook_name, "files": sorted(p.name for p in folder.parent.rglob("*.safetensors")),
                      "sum": float(sae.W_dec.sum()), "commit": sys.argv[1].split("/")[2:] and folder.parent.name}))
except LoadError as error:
    print(json.dumps({"refused": str(error)}))
"""


# Each line names what is loaded, how, and at which revision; each answer is what came, or the refusal.
EACH = """
import json, sys
from prisma_engine.hub import LoadError
from prisma_engine.sae import SAE, files
for how, name, revision in json.loads(sys.argv[1]):
    try:
        if how == "mixin":
            sae = files.hub_class().from_pretrained(name, revision=revision)
        elif how == "rows":
            print(json.dumps({"rows": list(files.rows(name, [1], revision).decoder.shape)}))
            continue
        else:
            sae = SAE.load(name, revision)
        print(json.dumps({"hook": sae.hook_name, "sum": float(sae.W_dec.sum())}))
    except LoadError as error:
        print(json.dumps({"refused": str(error)}))
"""


def load_each(asked: list[tuple[str, str, str | None]], home: Path, endpoint: str, offline: bool = False) -> list[dict]:
    return [json.loads(line) for line in run(EACH, [json.dumps(asked)], home, endpoint, offline)]


def load(name: str, home: Path, endpoint: str, revision: str = "", offline: bool = False) -> dict:
    return json.loads(run(LOAD, [name, revision], home, endpoint, offline)[-1])


def run(script: str, arguments: list[str], home: Path, endpoint: str, offline: bool) -> list[str]:
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": str(int(offline))}
    environment |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def test_one_of_several_loads_with_its_commit_and_then_without_a_network(tmp_path):
    written = {}
    for seed, hook in enumerate(("blocks.0.hook_resid_post", "blocks.1.hook_resid_post")):
        written[hook] = random_sae(seed, hook_name=hook)
        files.save(written[hook], tmp_path / "hub" / "ns" / "saes" / hook)
    home, name = tmp_path / "home", "ns/saes/blocks.1.hook_resid_post"
    with hub(tmp_path / "hub") as endpoint:
        online = load(name, home, endpoint)
        several = load("ns/saes", home, endpoint)
        nothing = load("ns/saes/blocks.7.hook_resid_post", home, endpoint)
    assert online["hook"] == "blocks.1.hook_resid_post" and online["commit"] == SHA
    assert online["files"] == ["model.safetensors"], "the other one was downloaded too"
    assert online["sum"] == pytest.approx(float(written[online["hook"]].W_dec.detach().sum()))
    assert several["refused"] == "ns/saes holds several; say which, such as 'ns/saes/blocks.0.hook_resid_post'"
    assert "ns/saes" in nothing["refused"]
    assert load(name, home, "http://127.0.0.1:9", offline=True) == online
    absent = load("ns/none", home, "http://127.0.0.1:9", offline=True)
    assert "Hub" in absent["refused"]


def test_a_repository_that_is_one_sae(tmp_path):
    files.save(random_sae(), tmp_path / "hub" / "ns" / "one")
    with hub(tmp_path / "hub") as endpoint:
        assert load("ns/one", tmp_path / "home", endpoint)["hook"] == "blocks.0.hook_resid_post"


def test_everybodys_files_with_one_file_of_weights_alone(tmp_path):
    good = "sae-vanilla-x4-layer-11-hook_resid_post"
    for i, name in enumerate(("n_images_130007.pt", "n_images_2600058.pt")):
        write_prisma(tmp_path / "hub" / "ns" / good, prisma_state() | {"W_dec": torch.full((48, 12), float(i))}, name)
    write_prisma(tmp_path / "hub" / "ns" / "sae-vanilla-x4-layer-9-hook_resid_post")
    for inside in ("a", "b"):
        write_prisma(tmp_path / "hub" / "ns" / "many" / inside)
    write_prisma(tmp_path / "hub" / "ns" / "large", file="n_images_9.pt")
    (tmp_path / "hub" / "ns" / "code").mkdir()
    (tmp_path / "hub" / "ns" / "code" / "model.pkl").write_bytes(b"x")
    home, named = tmp_path / "home", f"ns/{good}/n_images_130007.pt"
    asked = [
        ("load", f"ns/{good}", None),
        ("rows", f"ns/{good}", SHA),
        ("load", f"ns/{good}", "nowhere"),
        ("load", "ns/sae-vanilla-x4-layer-9-hook_resid_post", None),
        ("load", "ns/many", None),
        ("load", "ns/many/b", None),
        ("load", "ns/code", None),
        ("load", "ns/large", None),
        ("load", f"ns/{good}/../code", None),
    ]
    with hub(tmp_path / "hub", {"n_images_9.pt": 3_000_000_000}) as endpoint:
        found = load_each(asked, home, endpoint)
        fetched = {path.name for path in home.rglob("*") if path.is_file() and path.suffix == ".pt"}
        early = load_each([("load", named, None)], tmp_path / "early", endpoint)
        last = load_each(asked[:1], tmp_path / "early", endpoint)  # not the earlier one that is already here
    assert found[0] == {"hook": "blocks.11.hook_resid_post", "sum": 48 * 12.0} and found[1] == {"rows": [1, 12]}
    assert found[2] == {"refused": f"ns/{good} has no revision 'nowhere'"}
    assert "the name of ns/sae-vanilla-x4-layer-9-hook_resid_post says layer 9, and its config" in found[3]["refused"]
    assert found[4] == {"refused": "ns/many holds several; say which, such as 'ns/many/a'"}
    assert found[5]["hook"] == "blocks.11.hook_resid_post"
    assert found[6] == {"refused": "ns/code offers no SAE in a format that is read here"}
    assert found[7] == {"refused": "ns/large has 3.0 GB to download; at most 2 GB are downloaded"}
    assert found[8]["refused"].startswith(f"there is no SAE 'ns/{good}/../code'")
    assert fetched == {"n_images_2600058.pt", "weights.pt"}, "an earlier checkpoint was downloaded too"
    assert early[0]["sum"] == 0 and last == found[:1]
    assert load_each(asked[:1], home, "http://127.0.0.1:9", offline=True) == found[:1]


def test_the_mixin_is_strict_and_pinned(tmp_path):
    files.save(random_sae(), tmp_path / "hub" / "ns" / "one")
    files.save(random_sae(), tmp_path / "hub" / "ns" / "more")
    tensors = load_file(tmp_path / "hub" / "ns" / "more" / files.WEIGHTS)
    save_file(tensors | {"extra": torch.zeros(1)}, tmp_path / "hub" / "ns" / "more" / files.WEIGHTS)
    asked = [("mixin", "ns/one", SHA), ("mixin", "ns/one", "nowhere"), ("mixin", "ns/more", None)]
    with hub(tmp_path / "hub") as endpoint:
        pinned, nowhere, more = load_each(asked, tmp_path / "home", endpoint)
    assert pinned["hook"] == "blocks.0.hook_resid_post"
    assert nowhere == {"refused": "ns/one has no revision 'nowhere'"}
    assert more == {"refused": "the weights of more do not fit its config: extra is not a part of it"}
