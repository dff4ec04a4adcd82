"""How long the lens canvas takes to redraw in Chromium: 16×16 patches, 25 points of the stream, 1,000 classes.

Runs the widget in its plain page, over made-up logits, on a server of its own; needs Chromium and Playwright.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from apps.common.payload import pack_lens, pack_png
from benchmarks.browser import find_chromium, opened, served, show_redraws
from prisma_engine import labels
from prisma_engine.labels import font

WIDGETS = Path(__file__).parents[1] / "apps" / "common" / "widgets"
GRID, N_LAYERS, MAX_MS, ROUNDS = 16, 25, 8.0, 200


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


def measure(address: str, chromium: str, scale: int) -> dict[str, Any]:
    """Medians of a scrub and of a hover, in milliseconds, at `scale` screen pixels per CSS pixel."""
    with opened(f"{address}/lens/standalone.html?value=../value.json", chromium, scale) as page:
        page.wait_for_selector('.pl-lens[data-phase="ready"]')
        page.wait_for_function("document.fonts.status === 'loaded'")
        run = f"document.querySelector('.pl-lens').__lens.benchmark({{ rounds: {ROUNDS} }})"
        page.evaluate(run)  # the first time draws every emoji once
        return page.evaluate(run)


def main() -> None:
    chromium = find_chromium()
    if chromium is None:
        print("lens canvas: not measured, since there is no Chromium here; apt-get install chromium")
        return
    with tempfile.TemporaryDirectory() as folder:
        write_page(Path(folder))
        with served(Path(folder)) as address:
            print(f"lens canvas, {GRID}×{GRID} patches, {N_LAYERS} layers, medians of {ROUNDS} redraws in Chromium")
            for scale in (1, 2):
                show_redraws(measure(address, chromium, scale), scale, {"scrub": MAX_MS, "hover": MAX_MS})


if __name__ == "__main__":
    main()
