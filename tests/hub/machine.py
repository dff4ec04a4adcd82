"""Another machine: a process with the real client and a Hub of ours, which runs each job in a child of its own.

A child starts at once, since all that it needs is imported already, has a home of its own, and can be killed at any
request without harm to the others.
"""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from threading import Event
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SMALL = 1024  # our files are small, and what is resumed is whole pieces
QUIET = ("HF_HUB_DISABLE_XET", "HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_UPDATE_CHECK")


@dataclass(frozen=True)
class Done:
    """How a job ended.

    Attributes:
        value: what it returned.
        refused: the sentence of its ValueError.
        killed: whether it was killed before it ended.
        said, shown: what it printed, and what it wrote to standard error, such as progress bars.
        slept: seconds that it meant to wait, one number a wait.
    """

    value: Any = None
    refused: str | None = None
    killed: bool = False
    said: str = ""
    shown: str = ""
    slept: list[float] = field(default_factory=list)


class Machine:
    """Runs jobs of a module against the Hub at an address."""

    def __init__(self, address: str, jobs: str = "hub.jobs") -> None:
        environment = os.environ | dict.fromkeys(QUIET, "1") | {"HF_ENDPOINT": address, "HF_HUB_OFFLINE": "0"}
        environment |= {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")]), "OMP_NUM_THREADS": "1"}
        for name in ("HF_TOKEN", "HF_HUB_DISABLE_PROGRESS_BARS"):
            environment.pop(name, None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "hub.machine", jobs],
            cwd=ROOT, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        self.child = 0
        self.started = Event()

    def run(
        self,
        job: str,
        home: Path,
        token: str | None = "hf_write",
        offline: bool = False,
        piece: int = SMALL,
        **given: Any,
    ) -> Done:
        """Run the job, a function, with `given` and with its caches below `home`; paths become strings.

        Args:
            piece: bytes of a download that are taken at once, and kept if it breaks off.
        """
        assert self.process.stdin and self.process.stdout
        asked = {"job": job, "home": str(home), "token": token, "offline": offline, "piece": piece, "given": given}
        self.started.clear()
        self.process.stdin.write(json.dumps(asked, default=str) + "\n")
        self.process.stdin.flush()
        self.child = json.loads(self.process.stdout.readline())
        self.started.set()
        return Done(**json.loads(self.process.stdout.readline()))

    def kill(self) -> None:
        """Kill the job that is running; called from another thread."""
        self.started.wait(10)
        os.kill(self.child, signal.SIGKILL)

    def close(self) -> None:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


def serve(jobs: str) -> None:
    """The machine itself: a job a line on standard input, the child's number and how it ended on standard output."""
    module = import_module(jobs)  # once, here, for all children

    for line in sys.stdin:
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(read_end)
            with os.fdopen(write_end, "w") as end:
                end.write(json.dumps(_child(module, json.loads(line))))
            os._exit(0)
        os.close(write_end)
        print(child, flush=True)
        with os.fdopen(read_end) as end:
            said = end.read()
        _, status = os.waitpid(child, 0)
        killed = os.WIFSIGNALED(status)
        print(json.dumps({"killed": True}) if killed else said, flush=True)


def _child(module: ModuleType, asked: dict[str, Any]) -> dict[str, Any]:
    from huggingface_hub import constants

    constants.HF_HUB_CACHE = str(Path(asked["home"]) / "hub")
    constants.HF_TOKEN_PATH = str(Path(asked["home"]) / "token")
    constants.HF_HUB_OFFLINE = asked["offline"]
    constants.DOWNLOAD_CHUNK_SIZE = asked["piece"]
    os.environ.pop("HF_TOKEN", None)
    if asked["token"]:
        os.environ["HF_TOKEN"] = asked["token"]
    slept: list[float] = []
    time.sleep = slept.append  # type: ignore[assignment]
    out, err = io.StringIO(), io.StringIO()
    found: dict[str, Any] = {}
    with redirect_stdout(out), redirect_stderr(err):
        try:
            found["value"] = getattr(module, asked["job"])(**asked["given"])
        except ValueError as error:
            found["refused"] = str(error)
        except BaseException as error:
            found["value"] = f"{type(error).__name__}: {error}"
    return found | {"said": out.getvalue(), "shown": err.getvalue(), "slept": slept}


if __name__ == "__main__":
    serve(sys.argv[1])
