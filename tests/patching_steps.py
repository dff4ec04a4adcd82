"""What visitors of Cat–Dog Patching do in a browser, and the pair that the page opens with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from steps import expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

PATH = "/cat-dog-patching"


def ready(page: Page) -> Page:
    """Wait until the pair and its first map are there."""
    root = page.locator(".pl-patching")
    expect(root).to_have_attribute("data-phase", "ready")
    expect(root).to_have_attribute("data-sweep", "done")
    expect(page.locator("body.working")).to_have_count(0)
    return page


def part(page: Page, name: str) -> Locator:
    return page.locator(f'.pl-patching [data-part="{name}"]')


def state(page: Page) -> dict[str, Any]:
    return page.locator(".pl-patching").evaluate("(root) => (root.closest('.canvas') ?? root).__patching?.getState()")


def until(page: Page, condition: str) -> None:
    """Wait for a condition on the canvas's state `s`."""
    page.wait_for_function(
        f"() => {{ for (let e = document.querySelector('.pl-patching'); e; e = e.parentElement)"
        f" if (e.__patching) {{ const s = e.__patching.getState(); return {condition}; }} }}"
    )


def chips(page: Page) -> Locator:
    return part(page, "chips").locator("li[data-chip]")


def find_flip(page: Page) -> None:
    part(page, "flipFirst").click()
    expect(part(page, "members").locator("li")).not_to_have_count(0)
