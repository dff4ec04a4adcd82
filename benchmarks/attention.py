"""What the Attention Tour costs: bytes of a layer, time to the first matrix, redraws of the canvas in Chromium.

Models have random weights, so none is downloaded. The canvas runs in the page that notebooks show; that part needs
Chromium and Playwright.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image

import prisma_engine as pe
from apps.attention_tour.analysis import analyse
from apps.attention_tour.files import RunFiles
from apps.attention_tour.notebook import offline_run
from apps.common.offline import document
from apps.common.pictures import Picture
from benchmarks.browser import find_chromium, opened, served, show_redraws
from benchmarks.paired import compare, verdict
from prisma_engine import labels
from prisma_engine.analysis.attention import AttentionMaps
from prisma_engine.analysis.layout import Layout
from prisma_engine.preprocess import Preprocess

B16 = pe.ViTConfig(
    image_size=(224, 224), patch_size=(16, 16), n_layers=12, n_heads=12, d_model=768, d_head=64, d_mlp=3072,
    n_classes=1000,
)  # fmt: skip
L14_336 = pe.ViTConfig(
    image_size=(336, 336), patch_size=(14, 14), n_layers=24, n_heads=16, d_model=1024, d_head=64, d_mlp=4096,
    n_classes=1000,
)  # fmt: skip
ROUNDS, MAX_SECONDS, PAIRS = 200, 0.4, 9
# of a model: megabytes of one layer, milliseconds of a hover
CASES = {"B/16": (B16, 0.5, 4.0), "L/14 at 336": (L14_336, 5.4, 8.0)}


def random_files(config: pe.ViTConfig) -> RunFiles:
    """A run of a model of this shape with queries and keys drawn at random."""
    random = torch.Generator().manual_seed(0)
    n, shape = config.n_tokens, (config.n_layers, config.n_tokens, config.n_heads, config.d_head)
    q, k = (1.5 * torch.randn(shape, generator=random) for _ in range(2))
    lengths = torch.rand(config.n_layers, config.n_heads, n, generator=random)
    maps = AttentionMaps(q, k, lengths, None, Layout(config.prefix, config.grid))
    pixels = np.random.default_rng(0).integers(0, 256, (*config.image_size, 3), np.uint8)
    return RunFiles(maps, [pixels])


def show_bytes(name: str, files: RunFiles, limit: float) -> None:
    maps = files.maps
    n_bytes = sum(len(files.read(f"maps/pattern/0/{i}")) for i in range(-(-maps.n_heads // files.chunk)))
    whole = 4 * maps.n_heads * maps.n_tokens**2
    print(
        f"{name}, one layer: {n_bytes / 1e6:.3f} MB, {whole / n_bytes:.2f} times smaller than float32  "
        f"{verdict(n_bytes / 1e6, limit, ' MB')}"
    )


@torch.inference_mode()
def first_matrix() -> None:
    """Everything between a picture and the bytes of its first matrix, beside one bare forward pass."""
    model = pe.HookedViT(B16).eval().requires_grad_(False)
    model.preprocess = Preprocess(224, 224, (0.5,) * 3, (0.5,) * 3)
    model.vocabulary = labels.imagenet1k()
    picture = Picture(Image.new("RGB", (224, 224), "#3b5bdb"), "upload", "", "")
    x = model.preprocess(picture.image)

    def ours() -> bytes:
        return analyse(model, picture, "random").files.read("maps/pattern/0/0")

    found = compare("", ours, lambda: model(x), 1, pairs=PAIRS)
    after = [a - b for a, b in zip(found.ours, found.reference, strict=True)]
    print(
        f"B/16, picture to first matrix: {median(found.ours) * 1e3:.0f} ms, of which a bare forward pass takes "
        f"{median(found.reference) * 1e3:.0f} ms; the rest: {median(after) * 1e3:.0f} ms on "
        f"{torch.get_num_threads()} threads  {verdict(median(after), MAX_SECONDS, ' s')}"
    )


def redraws(name: str, files: RunFiles, chromium: str, max_ms: float) -> None:
    run: dict[str, Any] = offline_run(files, [0], ["pattern"])
    view = {"layer": 0, "unit": 0, "locked": True}
    page = document("attention", {"nonce": 1, "runs": [run, None], "urls": {"font": None}, "view": view}, name)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "index.html").write_text(page, encoding="utf-8")
        with served(Path(folder)) as address:
            print(f"attention canvas, {name}, {files.maps.n_tokens} tokens, medians of {ROUNDS} redraws in Chromium")
            for scale in (1, 2):
                with opened(address, chromium, scale) as browser:
                    browser.wait_for_selector('[data-phase="ready"]')
                    time_it = f"document.getElementById('widget').__attention.benchmark({{ rounds: {ROUNDS} }})"
                    browser.evaluate(time_it)
                    show_redraws(browser.evaluate(time_it), scale, {"hover": max_ms})


def main() -> None:
    first_matrix()
    chromium = find_chromium()
    if chromium is None:
        print("attention canvas: not measured, since there is no Chromium here; apt-get install chromium")
    for name, (config, megabytes, max_ms) in CASES.items():
        files = random_files(config)
        show_bytes(name, files, megabytes)
        if chromium is not None:
            redraws(name, files, chromium, max_ms)


if __name__ == "__main__":
    main()
