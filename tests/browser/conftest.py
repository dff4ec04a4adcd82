"""A real server in a process of its own, a real Chromium, and a page that fails the test on any error it logs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from serving import suite

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
PATIENCE_MS = 40_000  # a slow shared core is not a failure


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of the suite, one server for all journeys."""
    with suite(tmp_path_factory.mktemp("server") / "log.txt") as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium; skips, with the way out, where it or Playwright is absent."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine: apt-get install chromium (make test tries to)")
    playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright: pip install playwright")
    with playwright.sync_playwright() as driver:
        playwright.expect.set_options(timeout=PATIENCE_MS)
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def visit(browser: Browser, server: str) -> Iterator[Callable[..., Page]]:
    """Open a page of the suite as a new visitor; afterwards, nothing may have gone wrong or left this machine."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def open_page(path: str = "/dogit-lens", **options: object) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("console", lambda line: faults.append(f"console: {line.text}") if line.type == "error" else None)
        page.on("request", lambda request: faults.append(f"left: {request.url}") if _leaves(request.url) else None)
        page.goto(server + path)
        return page

    yield open_page
    for context in contexts:
        context.cookies()  # a round trip, after which all that was said until now is heard
    found = list(faults)  # without what is said while pages close, such as of answers that they no longer get
    for context in contexts:
        context.close()
    assert not found


def _leaves(url: str) -> bool:
    return url.startswith(("http", "ws")) and not url.split("://")[1].startswith(("127.0.0.1", "localhost"))
