"""What visitors of every page do in a browser, for the journeys of tests/browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

Visit = Callable[..., "Page"]


def expect(what: Any) -> Any:
    """Playwright's `expect`, imported when a browser is there."""
    from playwright.sync_api import expect as playwright_expect

    return playwright_expect(what)


def picture(path: Path, seed: int) -> Path:
    """A small picture of coloured blocks, to upload."""
    pixels = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((140, 100), Image.Resampling.NEAREST).save(path)
    return path


def upload(page: Page, path: Path) -> None:
    """Bring a picture of one's own."""
    page.get_by_role("tab", name="Upload").click()
    page.locator("#photo input[type=file]").set_input_files(path)


def choose(segments: Locator, value: str) -> None:
    """Click one of a row of choices, whose radio buttons themselves are not to be seen."""
    segments.locator(f'label:has(input[value="{value}"])').click()


def type_number(box: Locator, number: str) -> None:
    """Type a number, again where the box was still being made and took its first value back."""
    for _ in range(10):
        box.page.wait_for_timeout(300)
        box.fill(number)
        box.press("Enter")
        box.page.wait_for_timeout(300)
        if box.input_value() == number:
            return
    raise AssertionError(f"the box does not keep {number}")
