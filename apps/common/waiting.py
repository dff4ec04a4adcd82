"""What a visitor is told who comes when the queue is full: one sentence with the wait.

Gradio answers 503 then, for which its page says "This application is currently busy" whatever the server wrote. Any
other refusal is shown as it is written, so the queue answers 429 itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import gradio as gr
from gradio.queueing import EventQueue, Queue
from starlette.exceptions import HTTPException

GUESS = 2.0
"""Seconds of an event of which none has run yet."""


def polite(demo: gr.Blocks) -> None:
    """Make the queue of `demo` refuse in our words; call it after `demo.queue(max_size=…)`."""
    queue = demo._queue
    push = queue.push

    async def refusing_push(*arguments: Any, **named: Any) -> Any:
        n = len(queue)
        if queue.max_size is not None and n >= queue.max_size:
            seconds = wait(queue)
            raise HTTPException(429, sentence(n, seconds), {"Retry-After": str(max(1, round(seconds)))})
        return await push(*arguments, **named)

    queue.push = refusing_push


def sentence(n: int, seconds: float) -> str:
    """What the visitor reads.

    Args:
        n: requests that wait already.
    """
    waiting = "1 request is waiting" if n == 1 else f"{n} requests are waiting"
    return f"{waiting}, as many as this page takes; try again in {_about(seconds)}"


def _about(seconds: float) -> str:
    if round(seconds) < 2:
        return "about 1 second"
    if seconds < 90:
        return f"about {round(seconds)} seconds"
    return f"about {round(seconds / 60)} minutes"


def wait(queue: Queue) -> float:
    """Seconds until all that waits now has begun, by what events of its kind took so far."""
    return max(
        (_wait(queue, line) for line in queue.event_queue_per_concurrency_id.values() if line.queue), default=0.0
    )


def _wait(queue: Queue, line: EventQueue) -> float:
    """Of one line, whose events run at most `concurrency_limit` at a time."""
    waiting = sum(_seconds(queue, event.fn) for event in line.queue)
    running = sum(_left(_seconds(queue, fn), starts) for fn, starts in list(line.start_times_per_fn.items()))
    return (waiting + running) / (line.concurrency_limit or 1)


def _seconds(queue: Queue, fn: Any) -> float:
    known = queue.process_time_per_fn
    return known[fn].avg_time if fn in known else GUESS


def _left(seconds: float, starts: Iterable[float]) -> float:
    """What is left of running events of a kind that takes `seconds`."""
    return sum(max(0.0, start + seconds - time.time()) for start in list(starts))
