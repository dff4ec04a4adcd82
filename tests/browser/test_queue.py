"""What a visitor beyond the queue sees in the browser."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from netguard import free_port
from serving import ROOT

if TYPE_CHECKING:
    from playwright.sync_api import Browser

# A page of which one visitor is served at a time, for as long as the file is missing, and one may wait.
PAGE = """
import sys, time
from pathlib import Path
import gradio as gr
from apps.common import runtime, server
runtime.QUEUE_SIZE = 1
def slow():
    while not Path(sys.argv[2]).exists():
        time.sleep(0.05)
    return "served"
with gr.Blocks(analytics_enabled=False) as demo:
    text = gr.Textbox(elem_id="said")
    gr.Button("Ask").click(slow, None, text, concurrency_limit=1)
server.launch(demo, at_port=int(sys.argv[1]))
"""


@pytest.fixture
def page_address(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    port, gate = free_port(), tmp_path / "open"
    process = subprocess.Popen(
        [sys.executable, "-c", PAGE, str(port), str(gate)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline().startswith("Open ")
    yield f"http://127.0.0.1:{port}", gate
    process.terminate()
    process.wait(timeout=60)
    process.stdout.close()


def test_the_one_too_many_reads_the_wait_and_is_served_later(page_address, browser: Browser):
    from playwright.sync_api import expect

    address, gate = page_address
    pages = [browser.new_page() for _ in range(3)]
    for page in pages:
        page.goto(address)
        with page.expect_response(re.compile("/queue/join")):
            page.get_by_role("button", name="Ask").click()
    last = pages[-1]
    expect(last.get_by_text("1 request is waiting, as many as this page takes; try again in about")).to_be_visible()
    assert last.get_by_text("currently busy").count() == 0
    gate.touch()
    for page in pages[:2]:
        expect(page.locator("#said textarea")).to_have_value("served")
    last.get_by_role("button", name="Ask").click()
    expect(last.locator("#said textarea")).to_have_value("served")
    for page in pages:
        page.close()
