"""Waiting until a published Space runs, and what it said where it does not."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import httpx2
from huggingface_hub import HfApi, SpaceRuntime
from huggingface_hub.errors import HfHubHTTPError

from model_cards.publish.errors import PublishError
from model_cards.publish.patience import Patience

ON_THE_WAY = ("BUILDING", "RUNNING_BUILDING", "APP_STARTING", "RUNNING_APP_STARTING")
BUILD = ("BUILD_ERROR", "CONFIG_ERROR", "NO_APP_FILE")
"""Stages that the log of the build explains."""
LINES = 40


def wait(
    api: HfApi, name: str, head: str, patience: Patience, say: Callable[[str], None], timeout: float, every: float = 5.0
) -> None:
    """Wait until the Space runs the commit `head`; say its log where it does not.

    Args:
        timeout: seconds.
        every: seconds between two looks.

    Raises:
        PublishError: one sentence, if it failed, was paused, or takes longer.
    """
    for _ in range(max(1, round(timeout / every))):
        time.sleep(every)
        runtime = patience.keep_trying(lambda: api.get_space_runtime(name), name)
        stage = str(getattr(runtime.stage, "value", runtime.stage))
        if stage in ON_THE_WAY or not _is_of(runtime, head):
            continue
        if stage == "RUNNING":
            say(f"{name}: runs")
            return
        log = "build" if stage in BUILD else "run"
        for line in last_lines(api, name, log == "build"):
            say(line.rstrip("\n"))
        raise PublishError(f"{name} does not run (the Hub says {stage}); the end of its {log} log is above")
    raise PublishError(f"{name} is still not running after {timeout:.0f} s; look at it on the Hub, or run this again")


def _is_of(runtime: SpaceRuntime, head: str) -> bool:
    """Whether it tells of this commit; a Hub that does not say of which is believed."""
    return runtime.raw.get("sha") in (None, head)


def last_lines(api: HfApi, name: str, build: bool, n: int = LINES) -> list[str]:
    """The end of a Space's log; empty where the Hub does not give it."""
    try:
        return list(deque(api.fetch_space_logs(name, build=build), n))
    except (HfHubHTTPError, httpx2.HTTPError, OSError, ValueError):
        return ["(the Hub does not give its log)"]
