"""Training as it is run: killed and started again, and in several processes as one."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from launching import accelerated, finish, history, kill_when_there, start, start_two
from prisma_engine.sae import files
from saes import TRAININGS, tiny_vit, to_toml, values, write_vit

pytestmark = pytest.mark.slow
TRAIN = ["-m", "prisma_engine.sae.train"]


def arrange(folder: Path, kind: str, steps: int = 30) -> list[str]:
    """A model and a recipe on disk; the arguments that train it."""
    weights = write_vit(folder / "tiny", tiny_vit())
    given = values(TRAININGS[kind], {"data": {"model": str(weights)}, "optimizer": {"steps": steps}})
    (folder / "mine.toml").write_text(to_toml(given))
    return [str(folder / "mine.toml"), "--every", "1", "--save-every", "3", "--out"]


def test_a_killed_run_ends_with_the_same_weights(tmp_path):
    arguments = [*TRAIN, *arrange(tmp_path, "topk", steps=400)]
    finish(start([*arguments, str(tmp_path / "straight")]))
    killed = start([*arguments, str(tmp_path / "killed")])
    checkpoint = tmp_path / "killed" / "checkpoint.safetensors"
    kill_when_there(killed, checkpoint)
    assert checkpoint.exists() and not (tmp_path / "killed" / files.WEIGHTS).exists(), "killed too late or too early"
    again = start([*arguments, str(tmp_path / "killed")])
    assert "resuming at step" in finish(again)
    straight, resumed = (load_file(tmp_path / name / files.WEIGHTS) for name in ("straight", "killed"))
    assert all(torch.equal(straight[name], resumed[name]) for name in straight)
    assert [row["step"] for row in history(tmp_path / "killed")] == list(range(1, 401))
    assert history(tmp_path / "killed") == history(tmp_path / "straight")
    assert files.load(tmp_path / "killed").hook_name == "blocks.0.hook_resid_post"


@pytest.mark.parametrize("kind", ["topk", "batch_topk", "resampled", "transcoder"])
def test_two_processes_have_the_losses_of_one(kind, tmp_path):
    arguments = [*TRAIN, *arrange(tmp_path, kind)]
    finish(start([*arguments, str(tmp_path / "one")]))
    assert "starting at step 0 in 2 processes" in finish(*start_two([*arguments, str(tmp_path / "two")]))
    one, two = history(tmp_path / "one"), history(tmp_path / "two")
    assert len(one) == len(two) == 30
    for a, b in zip(one, two, strict=True):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-4), a["step"]
    finish(start([*arguments, str(tmp_path / "half")], WORLD_SIZE="1"))
    assert history(tmp_path / "half") == one  # a launcher that starts one process changes nothing


def test_accelerate_launches_it(tmp_path):
    if importlib.util.find_spec("accelerate") is None:
        pytest.skip("accelerate is not installed: pip install accelerate to run this")
    arguments = arrange(tmp_path, "topk")
    finish(start([*TRAIN, *arguments, str(tmp_path / "one")]))
    printed = finish(start(accelerated([*TRAIN, *arguments, str(tmp_path / "two")])))
    assert "starting at step 0 in 2 processes" in printed
    for a, b in zip(history(tmp_path / "one"), history(tmp_path / "two"), strict=True):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-4)


def test_a_world_without_a_meeting_place_is_one_sentence(tmp_path):
    arguments = [*TRAIN, *arrange(tmp_path, "topk"), str(tmp_path / "out")]
    process = start(arguments, WORLD_SIZE="2", RANK="0")
    _, errors = process.communicate(timeout=120)
    assert process.returncode and "WORLD_SIZE is 2, but MASTER_ADDR, MASTER_PORT not set" in errors
