"""Models from a Hub on the loopback, through the real client: timm's and transformers' repositories, and refusals."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from fake_hub import SHA, hub
from prisma_toys import legacy, write

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow

# HF_ENDPOINT and HF_HUB_OFFLINE are read when huggingface_hub is imported, so each load is a process of its own.
LOAD = """
import json, sys, torch
import prisma_engine as pe
try:
    model = pe.load(sys.argv[1], revision=sys.argv[2] or None)
    x = torch.linspace(-1, 1, 3 * 32 * 32).view(1, 3, 32, 32)
    print(json.dumps({"logits": model(x)[0].tolist(), "revision": model.revision, "name": model.name}))
except pe.LoadError as error:
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


def write_timm(folder: Path) -> torch.nn.Module:
    import timm
    from timm.models import save_for_hf

    torch.manual_seed(0)
    shape = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 2, "num_heads": 2, "num_classes": 5}
    module = timm.create_model("vit_tiny_patch16_224", **shape).eval()
    folder.mkdir(parents=True)
    save_for_hf(module, str(folder), model_args=shape, safe_serialization=True)
    return module


def write_transformers(folder: Path) -> torch.nn.Module:
    from transformers import ViTConfig, ViTForImageClassification

    torch.manual_seed(0)
    config = ViTConfig(
        image_size=32, patch_size=8, hidden_size=24, num_hidden_layers=2, num_attention_heads=2, intermediate_size=48,
        num_labels=5,
    )  # fmt: skip
    module = ViTForImageClassification(config).eval()
    module.save_pretrained(folder)
    return module


def answer(module: torch.nn.Module) -> torch.Tensor:
    with torch.no_grad():
        out = module(torch.linspace(-1, 1, 3 * 32 * 32).view(1, 3, 32, 32))
    return getattr(out, "logits", out)[0]


@pytest.mark.parametrize("write", [write_timm, write_transformers])
def test_a_repository_loads_with_its_commit_and_then_without_a_network(tmp_path: Path, write):
    expected = answer(write(tmp_path / "hub" / "ns" / "vit"))
    home = tmp_path / "home"
    with hub(tmp_path / "hub") as endpoint:
        online = load("ns/vit", home, endpoint)
    assert online["revision"] == SHA and online["name"] == "ns/vit"
    assert torch.equal(torch.tensor(online["logits"]), expected)
    assert load("ns/vit", home, endpoint, offline=True) == online


def test_what_cannot_be_had_is_one_sentence(tmp_path: Path):
    root, home = tmp_path / "hub", tmp_path / "home"
    write_timm(root / "ns" / "vit")
    (root / "ns" / "pickled").mkdir()
    (root / "ns" / "pickled" / "config.json").write_text("{}")
    (root / "ns" / "pickled" / "pytorch_model.bin").write_bytes(b"never opened")
    with hub(root) as endpoint:
        refusals = {
            "no public model 'ns/none'": load("ns/none", home, endpoint),
            "no revision 'v9'": load("ns/vit", home, endpoint, revision="v9"),
            "no safetensors weights": load("ns/pickled", home, endpoint),
        }
    for sentence, result in refusals.items():
        assert sentence in result["refused"] and "\n" not in result["refused"]
    with hub(root, claimed={"model.safetensors": 9_000_000_000}) as endpoint:
        assert "9.0 GB to download" in load("ns/vit", home, endpoint)["refused"]


def test_a_toy_of_a_repository_is_its_last_checkpoint_or_the_one_that_is_named(tmp_path: Path):
    name, home = "ns/dSprites-tiny-AttentionOnly", tmp_path / "home"
    expected = {}
    for n in (2, 9, 10):
        module = legacy(d=512, heads=8, layers=1, mlp=0, channels=3, classes=n)
        expected[n] = answer(module)
        write(tmp_path / "hub" / name / f"checkpoint_{n}.pth", module.state_dict())
    (tmp_path / "hub" / name / "README.md").write_text("a toy")
    with hub(tmp_path / "hub") as endpoint:
        named, last = load(f"{name}/checkpoint_2.pth", home, endpoint), load(name, home, endpoint)
        assert "has no checkpoint_3.pth" in load(f"{name}/checkpoint_3.pth", home, endpoint)["refused"]
    for found, n, called in ((named, 2, f"{name}/checkpoint_2.pth"), (last, 10, name)):
        assert (found["revision"], found["name"]) == (SHA, called)
        assert torch.allclose(torch.tensor(found["logits"]), expected[n], atol=1e-5)
    assert not list(home.rglob("checkpoint_9.pth")), "one file is downloaded, not all"
    assert load(name, home, endpoint, offline=True) == last
    with hub(tmp_path / "hub", claimed={"checkpoint_10.pth": 9_000_000_000}) as endpoint:
        assert "9.0 GB to download" in load(name, tmp_path / "other", endpoint)["refused"]


def test_weights_that_are_no_safetensors_are_one_sentence(tmp_path: Path):
    write_timm(tmp_path / "hub" / "ns" / "vit")
    save_file({"stranger": torch.zeros(1)}, tmp_path / "hub" / "ns" / "vit" / "model.safetensors")
    with hub(tmp_path / "hub") as endpoint:
        refused = load("ns/vit", tmp_path / "home", endpoint)["refused"]
    assert refused.startswith("ns/vit: ") and "\n" not in refused
