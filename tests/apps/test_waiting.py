"""A visitor beyond the queue is told in one sentence how long it takes."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from typing import Any

import pytest
from gradio.queueing import EventQueue

from apps.common import waiting

# Three visitors ask a page whose queue takes two and, since nothing was started, never serves them. In a process of its
# own, since Gradio leaves event loops behind.
ASK = """
import json, sys
import gradio as gr
from starlette.testclient import TestClient
from apps.common import waiting
with gr.Blocks(analytics_enabled=False) as demo:
    gr.Button().click(lambda: "done", None, gr.Textbox(), concurrency_limit=1)
demo.queue(max_size=2)
if sys.argv[1] == "polite":
    waiting.polite(demo)
client = TestClient(demo.app)
body = {"data": [], "fn_index": 0}
replies = [client.post("/gradio_api/queue/join", json=body | {"session_hash": s}) for s in "abc"]
print(json.dumps([[r.status_code, r.json().get("detail"), r.headers.get("retry-after")] for r in replies]))
"""


def three_ask(how: str) -> list[list[Any]]:
    done = subprocess.run([sys.executable, "-c", ASK, how], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_the_one_too_many_reads_how_long_it_takes():
    first, second, refused = three_ask("polite")
    assert first[0] == second[0] == 200
    sentence = "2 requests are waiting, as many as this page takes; try again in about 4 seconds"
    assert refused == [429, sentence, "4"]


@pytest.mark.slow
def test_gradio_alone_answers_what_its_page_has_other_words_for():
    *_, refused = three_ask("plain")
    assert refused[0] == 503


@dataclass
class Time:
    avg_time: float


@dataclass
class Lines:
    """What is read of Gradio's queue."""

    event_queue_per_concurrency_id: dict[str, Any] = field(default_factory=dict)
    process_time_per_fn: dict[Any, Time] = field(default_factory=dict)


def line(queue: Any, n: int, limit: int | None, fn: Any, starts: tuple[float, ...] = ()) -> None:
    """Add a line in which `n` events wait and others run since `starts`."""
    made: Any = EventQueue(str(id(fn)), limit)
    made.queue = [type("Event", (), {"fn": fn})() for _ in range(n)]
    if starts:
        made.start_times_per_fn[fn] = set(starts)
    queue.event_queue_per_concurrency_id[made.concurrency_id] = made


def test_the_wait_is_that_of_the_slowest_line(monkeypatch):
    monkeypatch.setattr(waiting.time, "time", lambda: 100.0)
    queue: Any = Lines()
    assert waiting.wait(queue) == 0
    quick, slow, new = object(), object(), object()
    queue.process_time_per_fn = {quick: Time(0.5), slow: Time(10.0)}
    line(queue, 8, 2, quick)
    assert waiting.wait(queue) == 2.0
    line(queue, 3, 1, slow, starts=(96.0,))
    assert waiting.wait(queue) == 3 * 10 + 6
    line(queue, 40, 1, new)
    assert waiting.wait(queue) == 40 * waiting.GUESS


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "about 1 second"), (35, "about 35 seconds"), (170, "about 3 minutes")]
)
def test_the_wait_in_words(seconds, words):
    assert waiting.sentence(32, seconds).endswith(f"try again in {words}")
    assert waiting.sentence(1, seconds).startswith("1 request is waiting, as")
