"""Nothing phones home: with the network cut, the suite starts, answers, looks nothing up and says nothing."""

import json
import os
import shutil
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import netguard

ROOT = Path(__file__).resolve().parent.parent

# Starts the suite as `make demo` does, with every call that would leave the machine refused and written down.
SUITE = """
import json, time, urllib.request
import netguard
netguard.raise_loopback()
netguard.install()
from apps.__main__ import build
from apps.common.server import launch
address = launch(build(), block=False, at_port=netguard.free_port())
page = urllib.request.urlopen(address, timeout=60)
config = urllib.request.urlopen(address.rstrip("/") + "/config", timeout=60)
time.sleep(3)  # look-ups run in threads of their own
print(json.dumps({"status": page.status, "config": len(config.read()), "attempts": netguard.attempts}))
"""
# The same with Gradio as it comes, which asks two hosts about itself.
PLAIN_GRADIO = """
import json, time
import netguard
netguard.raise_loopback()
netguard.install()
import gradio as gr
with gr.Blocks() as demo:
    gr.Markdown("hello")
demo.launch(prevent_thread_lock=True, quiet=True, ssr_mode=False, server_port=netguard.free_port())
time.sleep(3)
print(json.dumps({"attempts": netguard.attempts}))
"""
LOOK_UP = """
import json, socket
import netguard
netguard.install()
for call in (lambda: socket.getaddrinfo("example.com", 443), lambda: socket.socket().connect(("192.0.2.1", 443))):
    try:
        call()
    except netguard.NetworkRefused:
        pass
print(json.dumps({"attempts": netguard.attempts}))
"""


@cache
def cut() -> tuple[str, ...]:
    """The command that runs another without any network, where the system lets us; else nothing."""
    command = ("unshare", "--map-root-user", "--net")
    allowed = shutil.which("unshare") and subprocess.run([*command, "true"], capture_output=True).returncode == 0
    return command if allowed else ()


def run(code: str, home: Path, prefix: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    """A fresh Python that inherits none of the switches which the tests set for themselves."""
    keep = {name: os.environ[name] for name in ("PATH", "LANG", "OMP_NUM_THREADS") if name in os.environ}
    env = keep | {
        "HOME": str(home),
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [*prefix, sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=180)


@pytest.mark.slow
def test_the_suite_starts_and_answers_with_the_network_cut(tmp_path):
    done = run(SUITE, tmp_path, cut())
    assert done.returncode == 0, done.stderr
    address, report = done.stdout.splitlines()
    assert "http://127.0.0.1:" in address
    report = json.loads(report)
    assert report["status"] == 200 and report["config"] > 1000
    assert report["attempts"] == []
    assert done.stderr == ""


@pytest.mark.slow
def test_gradio_as_it_comes_would_have_been_caught(tmp_path):
    report = json.loads(run(PLAIN_GRADIO, tmp_path, cut()).stdout.splitlines()[-1])
    assert "getaddrinfo api.gradio.app" in report["attempts"]


def test_the_guard_notices_a_look_up_and_a_connection(tmp_path):
    report = json.loads(run(LOOK_UP, tmp_path).stdout)
    assert report["attempts"] == ["getaddrinfo example.com", "connect ('192.0.2.1', 443)"]


def test_tests_themselves_cannot_reach_the_network():
    if os.environ.get("PRISMA_TEST_NETWORK") == "1":
        pytest.skip("the network was allowed; unset PRISMA_TEST_NETWORK")
    with pytest.raises(netguard.NetworkRefused, match="stay on this machine"):
        socket.getaddrinfo("example.com", 443)
    assert socket.getaddrinfo("localhost", 80)
    netguard.attempts.clear()
