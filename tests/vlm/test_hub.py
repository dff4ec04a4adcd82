"""A LLaVA from a Hub on the loopback, through the real client: what it needs is asked before anything is downloaded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import tiny_vlms as tiny
from fake_hub import SHA, hub

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow

# HF_ENDPOINT is read when huggingface_hub is imported, so each load is a process of its own.
LOAD = """
import json, sys
from pathlib import Path
from prisma_engine import vlm
from prisma_engine.hub import LoadError
from prisma_engine.vlm import memory
if sys.argv[1] == "small":
    memory.free_memory = lambda device: 1000
said = {}
try:
    said["needs"] = str(vlm.needed("owner/tiny"))
except LoadError as error:
    said["unreachable"] = str(error)
try:
    model = vlm.load("owner/tiny")
    prompt = model.prompt("what is there ?", __import__("tiny_vlms").picture())
    said |= {"revision": model.revision, "answer": [s.token for s in model.generate(prompt, max_new_tokens=4)]}
except LoadError as error:
    said["refused"] = str(error)
said["files"] = sorted({p.name for p in Path(sys.argv[2]).rglob("*.safetensors")})
print(json.dumps(said))
"""


def load(home, endpoint, machine="large", offline=False):
    environment = os.environ | {"HF_ENDPOINT": endpoint, "HF_HOME": str(home), "HF_HUB_OFFLINE": str(int(offline))}
    environment |= {"HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1"}
    environment |= {"PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests")))}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, machine, str(home)], env=environment, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_a_llava_of_the_hub(tmp_path):
    folder = tmp_path / "hub" / "owner" / "tiny"
    tiny.llava().save_pretrained(folder)
    tiny.processor().save_pretrained(folder)
    home = tmp_path / "home"
    with hub(tmp_path / "hub") as endpoint:
        small = load(home, endpoint, machine="small")
        assert small["refused"].startswith("owner/tiny needs 0.0 GB of weights") and small["files"] == []
        found = load(home, endpoint)
        assert found["revision"] == SHA and len(found["answer"]) == 4 and found["files"] == ["model.safetensors"]
        assert "of weights, and" in found["needs"] and "in bfloat16" in found["needs"]
    offline = load(home, "http://127.0.0.1:1", offline=True)
    assert offline["answer"] == found["answer"] and "does not answer" in offline["unreachable"]
