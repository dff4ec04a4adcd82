"""The static edition, handed out by a plain file server below its root: no page asks for anything else."""

from __future__ import annotations

import functools
import os
import re
import threading
from collections.abc import Callable, Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from space_configs.static import build
from steps import expect

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Locator, Page

WIDGETS = {"lens": "__lens", "attention": "__attention", "patching": "__patching", "steering": "__steering"}
TWO_HEADS = "patch=z.3.1.cls_z.4.2.cls"
PATIENCE_MS = 60_000
Open = Callable[..., "Page"]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a small site lies; $PRISMA_TEST_STATIC=1 builds all of it, $PRISMA_TEST_SITE names one that is built."""
    built, is_small = os.environ.get("PRISMA_TEST_SITE"), not os.environ.get("PRISMA_TEST_STATIC")
    site = Path(built) if built else build(tmp_path_factory.mktemp("files") / "below" / "site", is_small)
    handler = functools.partial(Quiet, directory=str(site.parents[1]))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/{site.parent.name}/{site.name}/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def visit(browser: Browser, address: str) -> Iterator[Open]:
    """Open a page as a new visitor; afterwards nothing may have gone wrong, been missed, or left the site."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def open_page(path: str = "", **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: faults.append(f"error: {error}"))
        page.on("console", lambda line: faults.append(f"console: {line.text}") if line.type == "error" else None)
        page.on("request", lambda asked: faults.append(f"left: {asked.url}") if _leaves(asked.url, address) else None)
        page.on("response", lambda reply: faults.append(f"missed: {reply.url}") if reply.status >= 400 else None)
        page.goto(address + path)
        page.wait_for_selector('[data-phase="ready"]')
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults


def _leaves(url: str, address: str) -> bool:
    return url.startswith("http") and not url.startswith((address, address.split("/below")[0] + "/favicon.ico"))


def part(page: Page, name: str) -> Locator:
    return page.locator(f'[data-part="{name}"]')


def state(page: Page, folder: str) -> dict[str, Any]:
    """What the widget says that it shows."""
    return page.evaluate(f"document.getElementById('widget').{WIDGETS[folder]}.getState()")


def ink(page: Page, selector: str) -> float:
    """Spread of the grey levels of the first canvas in sight: 0 where nothing is drawn."""
    return page.locator(selector).first.evaluate("""(canvas) => {
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const greys = Array.from({ length: data.length / 40 }, (_, i) => data[40 * i]);
      const mean = greys.reduce((sum, grey) => sum + grey, 0) / greys.length;
      return Math.sqrt(greys.reduce((sum, grey) => sum + (grey - mean) ** 2, 0) / greys.length);
    }""")


def test_the_first_page_shows_the_lens_alive_and_leads_to_every_page(visit: Open):
    page = visit()
    assert ink(page, "#miniature canvas") > 5
    page.locator("#miniature").get_by_role("button", name=re.compile("Play|play")).first.click()
    cards = page.locator("#cards .card")
    expect(cards).to_have_count(4)
    for i in range(4):
        assert (
            cards.nth(i)
            .locator("img")
            .evaluate("(image) => (image.loading = 'eager', image.decode().then(() => image.naturalWidth))")
            > 300
        )
    cards.nth(1).click()
    expect(page).to_have_title("Attention Tour")
    page.wait_for_selector('[data-phase="ready"]')


def test_a_class_is_searched_and_a_link_restores_picture_and_view(visit: Open):
    page = visit("lens/")
    second = page.locator("[data-picture]").nth(1)
    second.click()
    expect(second).to_have_attribute("aria-current", "true")
    part(page, "searchInput").fill("dog face")
    part(page, "searchList").locator("li").first.click()
    expect(part(page, "searchRank")).not_to_be_empty()
    part(page, "back").click()
    before = state(page, "lens")
    expect(page).to_have_url(re.compile(rf"view=.*layer%22%3A{before['layer']}%2C"))
    expect(page).to_have_url(re.compile(rf"picture={second.get_attribute('data-picture')}&view=.*search"))
    again = visit("lens/" + "#" + page.url.partition("#")[2])
    expect(part(again, "searchRank")).to_have_text(part(page, "searchRank").inner_text())
    assert {name: state(again, "lens")[name] for name in ("layer", "search", "overlay")} == {
        name: before[name] for name in ("layer", "search", "overlay")
    }


def test_every_kind_of_matrix_of_every_layer_is_made_in_the_page(visit: Open):
    page = visit("attention/")
    for kind in ("scores", "rank", "value"):
        part(page, "kind").locator(f'[value="{kind}"]').check()
        page.wait_for_function("document.querySelector('.pl-attention').dataset.phase === 'ready'")
    page.get_by_role("button", name="One layer back").first.click()
    page.wait_for_function("document.getElementById('widget').__attention.getState().layer === 2")
    part(page, "thumbs").locator('[value="from"]').check()
    page.get_by_text("Exact numbers of the locked patch").click()
    expect(page.locator("details[open] tbody tr").first).to_be_visible()
    expect(part(page, "notice")).to_be_hidden()
    assert ink(page, '[data-part="matrix0"] canvas') > 5


def test_the_answer_flips_and_the_link_keeps_what_was_put_in(visit: Open):
    page = visit("patching/")
    expect(part(page, "patchedEmpty")).to_be_visible()
    part(page, "flipFirst").click()
    expect(part(page, "members").locator("li")).to_have_count(2)
    expect(part(page, "patchedTop").locator("li").first).to_contain_text("cat face")
    expect(page).to_have_url(re.compile(re.escape(TWO_HEADS)))
    part(page, "generalButton").click()
    expect(part(page, "intervals")).to_be_visible()
    again = visit(f"patching/#{TWO_HEADS}")
    expect(again.locator(".pl-patchchip")).to_have_count(2)
    expect(part(again, "patchedTop").locator("li").first).to_contain_text("cat face")
    expect(part(again, "numbersTouched")).to_have_text("64 numbers replaced")


def test_what_was_not_computed_is_said_and_the_newest_part_stays(visit: Open):
    page = visit(f"patching/#{TWO_HEADS}")
    expect(page.locator(".pl-patchchip")).to_have_count(2)
    chip = "{ site: 'q', layer: 0, head: 0, token: 'cls' }"
    page.evaluate(f"document.getElementById('widget').__patching.dispatch({{ type: 'toggle', chip: {chip} }})")
    expect(page.locator("#said")).to_contain_text("heads at CLS can be put in together")
    expect(page.locator(".pl-patchchip")).to_have_count(1)
    part(page, "site").select_option("q")
    expect(part(page, "panels")).to_have_attribute("data-busy", "false")
    expect(part(page, "progressWords")).to_contain_text("Exact")
    assert part(page, "token").locator("option").all_inner_texts() == ["at CLS", "at every token", "at all patches"]


def test_the_recipe_turns_the_answer_and_its_dial_snaps(visit: Open):
    page = visit("steering/")
    expect(part(page, "originalName")).to_have_text("dog face")
    part(page, "guideButton").click()
    expect(part(page, "steeredName")).to_have_text("cat face")
    expect(part(page, "verdict")).to_contain_text("the answer turns from")
    expect(page).to_have_url(re.compile(r"steer=993\.clamp\.-1\.cls"))
    part(page, "controlsButton").click()
    expect(part(page, "controlsSentence")).to_contain_text("random pushes")
    number = page.locator(".pl-dialnumber")
    number.fill("-0.8")
    number.blur()
    expect(number).to_have_value("-1")
    expect(page.locator("#said")).to_contain_text("the nearest is shown")
    assert part(page, "where").locator("option").all_inner_texts() == ["everywhere", "at CLS"]
    expect(part(page, "controlsButton")).to_be_visible()
    page.locator(".pl-dialrow .pl-chipaway").click()
    expect(part(page, "controlsButton")).to_be_hidden()
    again = visit("steering/#steer=993.clamp.-1.cls")
    expect(part(again, "steeredName")).to_have_text("cat face")


def test_a_latent_has_its_page_and_classes_are_watched(visit: Open):
    page = visit("steering/?latent=993")
    expect(part(page, "latentTitle")).to_have_text("latent 993")
    expect(part(page, "exemplars").locator("img").first).to_be_visible()
    assert (
        part(page, "exemplars")
        .locator("img")
        .first.evaluate("(image) => image.decode().then(() => image.naturalWidth)")
        == 96
    )
    part(page, "watchText").fill("cat face")
    part(page, "watchChoices").locator("li").first.click()
    expect(part(page, "originalWatchedName")).to_have_text("cat face")
    expect(part(page, "notice")).to_be_hidden()
    part(page, "other").select_option(index=1)
    expect(part(page, "errorMaps").locator("figure")).to_have_count(2)


@pytest.mark.parametrize("folder", ["", *(f"{name}/" for name in WIDGETS)])
def test_a_narrow_dark_page_does_not_scroll_sideways(visit: Open, folder: str):
    page = visit(folder, viewport={"width": 390, "height": 800}, color_scheme="dark", has_touch=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    expect(page.locator(".pl-root").first).to_have_attribute("data-theme", "dark")
    page.locator("#theme").click()
    expect(page.locator(".pl-root").first).to_have_attribute("data-theme", "light")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(251, 251, 253)"
