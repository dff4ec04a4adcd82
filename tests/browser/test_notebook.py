"""Notebook HTML in Chromium: it shows a head without any network, and two of them do not disturb each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from PIL import Image

import prisma_engine as pe
from apps.attention_tour.notebook import attention_html
from apps.common.offline import NotebookHtml
from prisma_engine.toy import compose

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Frame, Page

CELL = "<!doctype html><html><head>{head}</head><body>{cells}</body></html>"
# A notebook that lets nothing read data: addresses, as VS Code's does; frames inside are bound by it too.
STRICT = '<meta http-equiv="Content-Security-Policy" content="connect-src https:">'
# One in ten pixels of the so-manieth canvas in sight, as grey levels.
GREYS = """at => {
  const canvas = [...document.querySelectorAll('canvas')].filter((one) => one.offsetWidth > 50)[at];
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  return Array.from({ length: data.length / 40 }, (_, i) => data[40 * i] + data[40 * i + 1] + data[40 * i + 2]);
}"""


@pytest.fixture(scope="module")
def cells() -> list[NotebookHtml]:
    model = pe.load("emoji-vit")
    image = Image.fromarray(compose.render_example(compose.EXAMPLES[0].name).image)
    views = [{"layer": 2, "unit": 1, "locked": True, "token": 54}, {"layer": 0, "unit": 3, "locked": True, "token": 7}]
    return [attention_html(model, image, [view["layer"]], ["pattern"], view=view) for view in views]


@pytest.fixture
def open_cells(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Show HTML as a notebook would; afterwards nothing may have gone wrong, and nothing asked for."""
    context, faults = browser.new_context(viewport={"width": 1200, "height": 900}), []

    def show(cells: list[NotebookHtml], head: str = "") -> Page:
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("console", lambda line: faults.append(f"console: {line.text}") if line.type == "error" else None)
        page.on("request", lambda request: faults.append(request.url) if request.url.startswith("http") else None)
        page.set_content(CELL.format(head=head, cells="".join(cells)))
        for frame in page.frames[1:]:
            frame.wait_for_selector('[data-phase="ready"]')
        return page

    yield show
    context.close()
    assert not faults


def shown(frame: Frame) -> tuple[int, int, int]:
    """Layer, head and token on show."""
    state = frame.evaluate("document.getElementById('widget').__attention.getState()")
    return state["layer"], state["unit"], state["token"]


def ink(frame: Frame, canvas: int) -> float:
    """Spread of the grey levels of a canvas: 0 where nothing is drawn."""
    pixels = frame.evaluate(GREYS, canvas)
    return float(np.std(pixels))


@pytest.mark.parametrize("head", ["", STRICT])
def test_two_heads_live_in_one_notebook(open_cells, cells, head):
    page = open_cells(cells, head)
    first, second = page.frames[1:]
    assert (shown(first), shown(second)) == ((2, 1, 54), (0, 3, 7))
    assert all(ink(frame, canvas) > 5 for frame in (first, second) for canvas in range(3))
    first.get_by_role("button", name="One head on").click()
    first.wait_for_function("document.getElementById('widget').__attention.getState().unit === 2")
    assert (shown(first), shown(second)) == ((2, 2, 54), (0, 3, 7))


def test_a_frame_is_as_high_as_its_widget(open_cells, cells):
    page = open_cells(cells[:1])
    fits = "document.documentElement.scrollHeight <= window.innerHeight + 1 && window.innerHeight !== 900"
    page.frames[1].wait_for_function(fits)


def test_what_did_not_come_along_is_said(open_cells, cells):
    """The other layers' matrices are not in the page; the sentence says so, and the wall still shows every head."""
    (frame,) = open_cells(cells[:1]).frames[1:]
    frame.get_by_role("button", name="One layer on").click()
    frame.get_by_text("is not part of this page").first.wait_for()


def test_a_document_works_as_a_file(browser, cells, tmp_path):
    path = tmp_path / "head.html"
    path.write_text(cells[1].document, encoding="utf-8")
    page = browser.new_page()
    page.goto(path.as_uri())
    page.wait_for_selector('[data-phase="ready"]')
    assert shown(page.main_frame) == (0, 3, 7)
    page.close()


def test_the_document_reaches_no_network(browser, cells):
    page = browser.new_page()
    page.set_content(cells[0].document)
    page.wait_for_selector('[data-phase="ready"]')
    refused = "fetch('https://example.org/').then(() => 'left', () => 'refused')"
    assert page.evaluate(refused) == "refused"
    assert page.evaluate("fetch('data:text/plain;base64,aGk=').then((reply) => reply.text())") == "hi"
    page.close()


def test_frames_of_a_video_are_shown(open_cells):
    torch.manual_seed(0)
    config = pe.ViTConfig(
        image_size=(16, 24), patch_size=(8, 8), n_layers=2, n_heads=2, d_model=8, d_head=4, d_mlp=16, n_classes=64,
        n_frames=3,
    )  # fmt: skip
    model = pe.HookedViT(config).eval().requires_grad_(False)
    model.preprocess = pe.load("emoji-vit").preprocess.__class__(16, 24, (0.5,) * 3, (0.5,) * 3)
    frames = [Image.new("RGB", (24, 16), color) for color in ("red", "green", "blue")]
    (frame,) = open_cells([attention_html(model, frames)]).frames[1:]
    assert frame.evaluate("document.getElementById('widget').__attention.getState().layer") == 0
