"""What visitors of SAE Steering do in a browser."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from steps import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

PATH = "/sae-steering"


def ready(page: Page) -> Page:
    """Wait until the run is there and nothing is being worked on."""
    root = page.locator(".pl-steering")
    expect(root).to_have_attribute("data-phase", "ready")
    expect(root).to_have_attribute("data-steering", "false")
    expect(page.locator("body.working")).to_have_count(0)
    return page


def part(page: Page, name: str) -> Locator:
    return page.locator(f'.pl-steering [data-part="{name}"]')


def state(page: Page) -> dict[str, Any]:
    return page.locator(".pl-steering").evaluate("(root) => (root.closest('.canvas') ?? root).__steering?.getState()")


def dispatch(page: Page, action: dict[str, Any]) -> None:
    """Do what a gesture does."""
    page.locator(".pl-steering").evaluate(
        "(root, action) => (root.closest('.canvas') ?? root).__steering.dispatch(action)",
        action,
    )


def until(page: Page, condition: str) -> None:
    """Wait for a condition on the canvas's state `s`."""
    page.wait_for_function(
        f"() => {{ for (let e = document.querySelector('.pl-steering'); e; e = e.parentElement)"
        f" if (e.__steering) {{ const s = e.__steering.getState(); return {condition}; }} }}"
    )


def dials(page: Page) -> Locator:
    return part(page, "dials").locator("li[data-chip]")


def turn(page: Page, latent: int, amount: float, how: str = "add") -> None:
    """Put a latent into the rack, and wait for what comes of it."""
    dispatch(page, {"type": "addChip", "latent": latent, "how": how, "amount": amount})
    expect(page).to_have_url(re.compile(rf"[=_]{latent}\.{how}"))


def best(page: Page, column: str) -> Locator:
    """The best answer of a column."""
    return part(page, f"{column}Top").locator("li").first
