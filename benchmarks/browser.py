"""Chromium for benchmarks: a folder served on this machine, and a page that times itself."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

from benchmarks.paired import verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from playwright.sync_api import Page

VIEWPORT = {"width": 1440, "height": 900}


def find_chromium() -> str | None:
    """Path of an installed Chromium, or None."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Address of a server of this folder, on a free port of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def opened(address: str, chromium: str, scale: int) -> Iterator[Page]:
    """The page at an address, at `scale` screen pixels per CSS pixel."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport=VIEWPORT, device_scale_factor=scale)  # type: ignore[arg-type]
        page.goto(address)
        yield page
        browser.close()


def show_redraws(found: Mapping[str, Any], scale: int, limits: Mapping[str, float]) -> None:
    """Print what a widget measured of itself, {action: {median_ms, p95_ms}}, and whether promises are kept."""
    for action, times in found.items():
        if isinstance(times, dict):
            shown = f"{times['median_ms']:.1f} ms, 95 % under {times['p95_ms']:.1f} ms"
            promise = verdict(times["median_ms"], limits[action], " ms") if action in limits else ""
            print(f"{action}, {scale}× screen: {shown}  {promise}".rstrip())
