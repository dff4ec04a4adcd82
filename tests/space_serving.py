"""A built Space started as the Hub starts it: `python app.py` in its own folder, and what that takes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netguard import free_port

TICKS = os.sysconf("SC_CLK_TCK")
HEALTH = "/gradio_api/healthz"


@dataclass(frozen=True)
class Served:
    """A running Space.

    Attributes:
        cold_wall, cold_cpu: seconds from the start to its first answer, by the clock and of processors.
    """

    address: str
    pid: int
    cold_wall: float
    cold_cpu: float

    def health(self) -> dict[str, Any]:
        with urllib.request.urlopen(self.address + HEALTH, timeout=60) as reply:
            return json.loads(reply.read())

    @property
    def peak_bytes(self) -> int:
        """The most memory that it and its children have held, each at its own worst moment."""
        return sum(_peak(pid) for pid in family(self.pid))


def family(pid: int) -> list[int]:
    """A process and all below it."""
    below = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for path in below for child in path.read_text().split()]
    return [pid, *(each for child in children for each in family(child))]


def _peak(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


@contextmanager
def serving(folder: Path, home: Path, ssr: bool = False, python: str = sys.executable) -> Iterator[Served]:
    """Start the Space in `folder` with nothing of this repository around it.

    Raises:
        RuntimeError: with the end of what it said, if it does not answer.
    """
    port, log = free_port(), home / "space.log"
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "SPACE_ID": "org/space", "SYSTEM": "spaces"}
    environment |= {"GRADIO_SERVER_NAME": "127.0.0.1", "PORT": str(port), "PRISMA_SSR": str(int(ssr))}
    environment |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    start = time.monotonic()
    with log.open("w") as out:
        process = subprocess.Popen([python, "app.py"], cwd=folder, env=environment, stdout=out, stderr=out)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait(address + HEALTH, process, log)
        cpu = sum(map(_cpu_seconds, family(process.pid)))
        yield Served(address, process.pid, time.monotonic() - start, cpu)
    finally:
        process.terminate()
        process.wait(timeout=60)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 400) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as reply:
                if "json" in reply.headers.get("content-type", ""):
                    return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            pass
        time.sleep(0.2)
    raise RuntimeError(f"the Space did not start: {log.read_text()[-2000:]}")
