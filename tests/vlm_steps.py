"""What visitors of Steering a LLaVA do in a browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from steps import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

PATH = "/vlm-steering"


def ready(page: Page) -> Page:
    """Wait until the run is there and nothing is said or worked on."""
    root = page.locator(".pl-language")
    expect(root).to_have_attribute("data-phase", "ready")
    expect(root).to_have_attribute("data-talking", "false")
    expect(page.locator("body.working")).to_have_count(0)
    return page


def part(page: Page, name: str) -> Locator:
    return page.locator(f'.pl-language [data-part="{name}"]')


def state(page: Page) -> dict[str, Any]:
    return page.locator(".pl-language").evaluate("(root) => root.__language.getState()")


def dispatch(page: Page, action: dict[str, Any]) -> None:
    """Do what a gesture does."""
    page.locator(".pl-language").evaluate("(root, action) => root.__language.dispatch(action)", action)


def said(page: Page, column: str) -> str:
    """The words of a column, without what only the original says."""
    words = part(page, f"{column}Text").locator(".pl-said:not(.pl-gone)")
    return " ".join(words.evaluate_all("(all) => all.map((one) => one.lastChild.textContent)"))


def turn(page: Page, latent: int, amount: float) -> None:
    """Put a latent into the rack, and wait for what comes of it."""
    dispatch(page, {"type": "addChip", "latent": latent, "how": "add", "amount": amount})
    expect(page).to_have_url(re.compile(rf"[=_]{latent}\.add\.{amount:g}(&|_|$)"))
    ready(page)
