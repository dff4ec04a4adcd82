"""How long the lens canvas takes to redraw in Chromium: 16×16 patches, 25 points of the stream, 1,000 classes.

Runs the widget in its plain page, over made-up logits, on a server of its own; needs Chromium and Playwright.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from apps.common.payload import pack_lens, pack_png
from benchmarks.paired import verdict
from prisma_engine import labels
from prisma_engine.labels import font

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDGETS = Path(__file__).parents[1] / "apps" / "common" / "widgets"
GRID, N_LAYERS, MAX_MS, ROUNDS = 16, 25, 8.0, 200


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


def write_page(folder: Path) -> None:
    """The widget's own files, and one result for it to show."""
    shutil.copytree(WIDGETS, folder, dirs_exist_ok=True)
    random = torch.Generator().manual_seed(0)
    words = labels.imagenet1k()
    points = [f"{i // 2}_{'mid' if i % 2 else 'pre'}" for i in range(N_LAYERS - 1)] + ["final"]
    (folder / "lens.bin").write_bytes(pack_lens(4 * torch.randn(N_LAYERS, GRID * GRID + 1, 1000, generator=random)))
    (folder / "image.png").write_bytes(pack_png(np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)))
    shutil.copy(font.WEB_FONT, folder / "font.woff2")
    vocabulary = {"id": words.id, "names": words.names, "emoji": words.emoji, "colors": words.colors}
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary))
    meta = {"model": "random", "revision": None, "grid": [GRID, GRID], "n_prefix": 1, "prefix_names": ["CLS"]}
    meta |= {"labels": points, "k": 5, "n_classes": 1000, "image": [224, 224], "head_note": None, "objects": None}
    urls = {
        "lens": "lens.bin",
        "image": "image.png",
        "vocabulary": "vocabulary.json",
        "mask": None,
        "font": "font.woff2",
    }
    value = {"key": "k", "nonce": 1, "meta": meta, "urls": urls | {"class": "class/"}, "scores": None, "view": None}
    (folder / "value.json").write_text(json.dumps(value))


@contextmanager
def served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def measure(address: str, chromium: str, scale: int) -> dict[str, Any]:
    """Medians of a scrub and of a hover, in milliseconds, at `scale` screen pixels per CSS pixel."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1440, "height": 900}, device_scale_factor=scale)
        page.goto(f"{address}/lens/standalone.html?value=../value.json")
        page.wait_for_selector('.pl-lens[data-phase="ready"]')
        page.wait_for_function("document.fonts.status === 'loaded'")
        run = f"document.querySelector('.pl-lens').__lens.benchmark({{ rounds: {ROUNDS} }})"
        page.evaluate(run)  # the first time draws every emoji once
        found = page.evaluate(run)
        browser.close()
    return found


def main() -> None:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        print("lens canvas: not measured, since there is no Chromium here; apt-get install chromium")
        return
    with tempfile.TemporaryDirectory() as folder:
        write_page(Path(folder))
        with served(Path(folder)) as address:
            print(f"lens canvas, {GRID}×{GRID} patches, {N_LAYERS} layers, medians of {ROUNDS} redraws in Chromium")
            for scale in (1, 2):
                for action, times in measure(address, chromium, scale).items():
                    if isinstance(times, dict):
                        shown = f"{times['median_ms']:.1f} ms, 95 % under {times['p95_ms']:.1f} ms"
                        print(f"{action}, {scale}× screen: {shown}  {verdict(times['median_ms'], MAX_MS, ' ms')}")


if __name__ == "__main__":
    main()
