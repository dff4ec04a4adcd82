"""What visitors of the Attention Tour do in a browser, for its journeys in tests/browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from steps import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

PATH = "/attention-tour"
N_HEADS = 4
WALL_LEFT, WALL_TOP = 26, 20  # where the thumbnails begin, as walllayout.js says


def part(page: Page, name: str) -> Locator:
    return page.locator(f'#tour [data-part="{name}"]')


def ready(page: Page) -> Page:
    """Wait until picture and matrix are shown."""
    expect(page.locator("#tour .pl-attention")).to_have_attribute("data-phase", "ready")
    expect(part(page, "wallHead")).not_to_be_empty()
    return page


def state(page: Page) -> dict[str, Any]:
    """What the canvas says that it shows."""
    return page.locator("#tour .pl-attention").evaluate("(root) => root.__attention.getState()")


def until(page: Page, condition: str) -> None:
    """Wait until `condition` holds of the canvas' state `s`."""
    tour = "document.querySelector('#tour .pl-attention').__attention"
    page.wait_for_function(f"() => {{ const s = {tour}.getState(); return {condition}; }}")


def thumbnail(page: Page, layer: int, head: int) -> dict[str, float]:
    """The middle of a head's thumbnail, in pixels of the wall."""
    box = part(page, "wall").bounding_box()
    assert box
    cell = (box["width"] - WALL_LEFT) / N_HEADS
    return {"x": WALL_LEFT + (head + 0.5) * cell, "y": WALL_TOP + (layer + 0.5) * cell}


def patch(canvas: Locator, x: float, y: float) -> dict[str, float]:
    """A point of a picture's canvas, in shares of its patches, below the cells of the prefix tokens."""
    box = canvas.bounding_box()
    assert box
    top = box["height"] - box["width"]  # the picture is square
    return {"x": x * box["width"], "y": top + y * box["width"]}


def picture_of(page: Page, index: int = 0) -> Locator:
    return part(page, f"picture{index}").locator("canvas.pl-over")


def matrix_of(page: Page, index: int = 0) -> Locator:
    return part(page, f"matrix{index}").locator("canvas.pl-over")


def shown_keys(page: Page) -> list[str]:
    """Keys of the runs that the browser has fetched pictures of, the last one last."""
    urls = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    return [match[1] for url in urls if (match := re.search(r"prisma/([\w-]{22})/image", url))]


def compare_with(page: Page, what: str) -> None:
    page.locator("#compare input").click()
    page.get_by_role("option", name=what).click()


def answer(page: Page, which: str = "answer") -> str:
    return page.locator(f"#{which} .answers").inner_text()


def choose_model(page: Page, name: str, box: str = "#model") -> None:
    field = page.locator(f"{box} input")
    field.fill(name)
    field.press("Enter")
