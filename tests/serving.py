"""The suite in a process of its own, started as a visitor would start it, on a free loopback port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[1]


@contextmanager
def suite(log: Path, module: str = "apps") -> Iterator[str]:
    """Address of a running suite; $PRISMA_TEST_URL names one that is already there.

    Raises:
        RuntimeError: with the end of its log, if it does not answer within a minute or two.
    """
    if running := os.environ.get("PRISMA_TEST_URL"):
        yield running.rstrip("/")
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = os.environ | {"PORT": str(port), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with log.open("w") as out:
        process = subprocess.Popen([sys.executable, "-m", module], cwd=ROOT, env=environment, stdout=out, stderr=out)
    try:
        _wait(f"http://127.0.0.1:{port}/gradio_api/healthz", process, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    raise RuntimeError(f"the suite did not start: {log.read_text()[-2000:]}")
