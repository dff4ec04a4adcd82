"""Commands of this project in processes of their own, one or several that know of each other."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from netguard import free_port

ROOT = Path(__file__).resolve().parents[1]


def environment(**more: str) -> dict[str, str]:
    clean = {key: value for key, value in os.environ.items() if key not in ("WORLD_SIZE", "RANK", "LOCAL_RANK")}
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH", "")])])
    return clean | {"OMP_NUM_THREADS": "1", "PYTHONPATH": paths, "GLOO_SOCKET_IFNAME": "lo"} | more


def start(arguments: list[str], **more: str) -> subprocess.Popen:
    """A Python with these arguments; `more` is put into its environment."""
    return subprocess.Popen(
        [sys.executable, *arguments], env=environment(**more), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def start_two(arguments: list[str]) -> list[subprocess.Popen]:
    """Two of them that meet each other, as a launcher would start them."""
    meeting = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
    return [start(arguments, RANK=str(rank), **meeting) for rank in (0, 1)]


def accelerated(arguments: list[str]) -> list[str]:
    """The arguments that run a module in two processes under `accelerate launch`."""
    # With --cpu, accelerate starts one process unless there is MPI; --multi_gpu starts both, GPUs or not.
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", "2", "--num_machines", "1"]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", str(free_port())]
    return [*launch, *arguments]


def finish(*processes: subprocess.Popen) -> str:
    """Wait for all; what they printed. A warning or an abort at the end of one is a failure."""
    printed = ""
    for process in processes:
        output, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors[-2000:]
        assert "Warning" not in errors and "terminate called" not in errors, errors[-2000:]
        printed += output
    return printed


def kill_when_there(process: subprocess.Popen, path: Path) -> None:
    """Kill a process, without a word to it, as soon as it has written a file."""
    for _ in range(3000):
        if path.exists() or process.poll() is not None:
            break
        time.sleep(0.02)
    process.kill()
    process.communicate()


def history(folder: Path) -> list[dict]:
    """The rows of a training's history."""
    return [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
