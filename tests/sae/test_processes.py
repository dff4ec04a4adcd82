"""Training as it is run: killed and started again, and in several processes as one."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from netguard import free_port
from prisma_engine.sae import files
from saes import TRAININGS, tiny_vit, to_toml, values, write_vit

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow
TRAIN = ["-m", "prisma_engine.sae.train"]


def environment(**more: str) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if key not in ("WORLD_SIZE", "RANK", "LOCAL_RANK")}
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH", "")])])
    return clean | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths, "GLOO_SOCKET_IFNAME": "lo"} | more


def arrange(folder: Path, kind: str, steps: int = 30) -> list[str]:
    """A model and a recipe on disk; the arguments that train it."""
    weights = write_vit(folder / "tiny", tiny_vit())
    given = values(TRAININGS[kind], {"data": {"model": str(weights)}, "optimizer": {"steps": steps}})
    (folder / "mine.toml").write_text(to_toml(given))
    return [str(folder / "mine.toml"), "--every", "1", "--save-every", "3", "--out"]


def finish(*processes: subprocess.Popen) -> str:
    """Wait for all; what they printed. A warning or an abort at the end of one is a failure."""
    printed = ""
    for process in processes:
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors[-2000:]
        assert "Warning" not in errors and "terminate called" not in errors, errors[-2000:]
        printed += output
    return printed


def start(arguments: list[str], **more: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, *arguments], env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def history(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]


def test_a_killed_run_ends_with_the_same_weights(tmp_path):
    arguments = [*TRAIN, *arrange(tmp_path, "topk", steps=400)]
    finish(start([*arguments, str(tmp_path / "straight")]))
    killed = start([*arguments, str(tmp_path / "killed")])
    checkpoint = tmp_path / "killed" / "checkpoint.safetensors"
    for _ in range(3000):
        if checkpoint.exists():
            break
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
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
    meeting = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    both = [start([*arguments, str(tmp_path / "two")], RANK=str(rank), **meeting) for rank in (0, 1)]
    assert "starting at step 0 in 2 processes" in finish(*both)
    one, two = history(tmp_path / "one"), history(tmp_path / "two")
    assert len(one) == len(two) == 30
    for a, b in zip(one, two, strict=True):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-4), a["step"]
    alone = start([*arguments, str(tmp_path / "half")], **meeting | {"WORLD_SIZE": "1"})
    finish(alone)
    assert history(tmp_path / "half") == one  # a launcher that starts one process changes nothing


def test_accelerate_launches_it(tmp_path):
    if importlib.util.find_spec("accelerate") is None:
        pytest.skip("accelerate is not installed: pip install accelerate to run this")
    arguments = arrange(tmp_path, "topk")
    finish(start([*TRAIN, *arguments, str(tmp_path / "one")]))
    # With --cpu, accelerate starts one process unless there is MPI; --multi_gpu starts both, GPUs or not.
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", str(free_port())]
    printed = finish(start([*launch, *TRAIN, *arguments, str(tmp_path / "two")]))
    assert "starting at step 0 in 2 processes" in printed
    for a, b in zip(history(tmp_path / "one"), history(tmp_path / "two"), strict=True):
        assert a == pytest.approx(b, rel=1e-4, abs=1e-4)


def test_a_world_without_a_meeting_place_is_one_sentence(tmp_path):
    arguments = [*TRAIN, *arrange(tmp_path, "topk"), str(tmp_path / "out")]
    process = start(arguments, WORLD_SIZE="2", RANK="0")
    _, errors = process.communicate(timeout=120)
    assert process.returncode and "WORLD_SIZE is 2, but MASTER_ADDR, MASTER_PORT not set" in errors
