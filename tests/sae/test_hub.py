"""An SAE from a Hub on the loopback, through the real client, with only the folder that was asked for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fake_hub import SHA, hub
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


def load(name: str, home: Path, endpoint: str, revision: str = "", offline: bool = False) -> dict:
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": str(int(offline))}
    environment |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, name, revision], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


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
