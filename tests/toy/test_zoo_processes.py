"""The zoo's training as it is run: killed and started again, and in several processes as one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import prisma_engine as pe
from launching import accelerated, finish, history, kill_when_there, start, start_two
from prisma_engine.toy.zoo.recipe import RECIPES

pytestmark = pytest.mark.slow
TRAIN = ["-m", "prisma_engine.toy.train"]


def arrange(folder: Path, steps: int) -> list[str]:
    """A recipe of a tiny model on disk; the arguments that train it and score it on a few pictures."""
    text = (RECIPES / "dsprites.toml").read_text().split("[members")[0]
    small = text.replace(
        "n_heads = 4\nd_model = 96\nd_mlp = 192", "n_layers = 1\nn_heads = 2\nd_model = 16\nd_mlp = 32"
    )
    small = (
        small.replace("bfloat16", "float32")
        .replace("batch = 128", "batch = 16")
        .replace("steps = 5000", f"steps = {steps}")
    )
    assert small.count(f"steps = {steps}") == small.count("d_model = 16") == small.count("batch = 16") == 1
    (folder / "mine.toml").write_text('name = "mine"\n' + small)
    return [
        *TRAIN,
        str(folder / "mine.toml"),
        "--most",
        "100",
        "--every",
        "5",
        "--cards",
        str(folder / "cards"),
        "--out",
    ]


def test_a_killed_run_ends_with_the_same_weights(tmp_path: Path) -> None:
    arguments = [*arrange(tmp_path, steps=900)]
    finish(start([*arguments, str(tmp_path / "straight")]))
    straight = load_file(tmp_path / "cards" / "mine" / "model.safetensors")
    killed = start([*arguments, str(tmp_path / "killed")])
    kill_when_there(killed, tmp_path / "killed" / "checkpoint.safetensors")
    assert not (tmp_path / "killed" / "steps" / "step-000900.safetensors").exists(), "killed too late"
    printed = finish(start([*arguments, str(tmp_path / "killed")]))
    assert "mine: resuming at step 500" in printed and "mine, compositional: 0." in printed
    resumed = load_file(tmp_path / "cards" / "mine" / "model.safetensors")
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)
    assert history(tmp_path / "killed") == history(tmp_path / "straight")
    assert pe.load(tmp_path / "cards" / "mine").vocabulary.names == ("square", "ellipse", "heart")


def test_two_processes_have_the_losses_of_one(tmp_path: Path) -> None:
    arguments = arrange(tmp_path, steps=20)
    finish(start([*arguments, str(tmp_path / "one")]))
    assert "starting at step 0 in 2 processes" in finish(*start_two([*arguments, str(tmp_path / "two")]))
    for a, b in zip(history(tmp_path / "one"), history(tmp_path / "two"), strict=True):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-4), a["step"]


def test_accelerate_launches_it(tmp_path: Path) -> None:
    if importlib.util.find_spec("accelerate") is None:
        pytest.skip("accelerate is not installed: pip install accelerate to run this")
    arguments = arrange(tmp_path, steps=8)
    finish(start([*arguments, str(tmp_path / "one")]))
    assert "in 2 processes" in finish(start(accelerated([*arguments, str(tmp_path / "two")])))
    for a, b in zip(history(tmp_path / "one"), history(tmp_path / "two"), strict=True):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-4)
