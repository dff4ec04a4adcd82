"""A training step by step: dragged, by keys, played; kept with another picture and in a link, dropped with a model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from prisma_engine.load import embedded_models, history
from steps import Visit, expect

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

NAME, TITLE = "dsprites-base-attn-mlp", "dSprites shapes · 2 layers"
LAST = 8000
pytestmark = pytest.mark.skipif(
    NAME not in embedded_models() or LAST not in history(NAME).steps, reason=f"{NAME} ships no steps of its training"
)


def scrubber(page: Page) -> Locator:
    return page.locator("#steps .pl-steps")


def part(page: Page, name: str) -> Locator:
    return page.locator(f'#steps [data-part="{name}"]')


def at(page: Page, step: int) -> Page:
    """Wait until the page shows a step, and no other is waited for."""
    expect(scrubber(page)).to_have_attribute("data-step", str(step))
    expect(scrubber(page)).to_have_attribute("data-waiting", "false")
    expect(part(page, "line")).to_contain_text(f"step {step}")
    wanted = re.compile(f"model={NAME}(?!@)" if step == LAST else f"model={NAME}@step-{step:06d}")
    expect(page).to_have_url(wanted)
    return page


def opened(visit: Visit, page: str = "/dogit-lens", step: int = LAST) -> Page:
    """A page with the model at a step."""
    name = NAME if step == LAST else f"{NAME}@step-{step:06d}"
    return at(visit(f"{page}?model={name}"), step)


def x_of(page: Page, step: int) -> tuple[float, float]:
    """Where a step lies on the screen."""
    part(page, "learned").scroll_into_view_if_needed()
    box = part(page, "learned").bounding_box()
    assert box is not None
    place = 0 if step == 0 else (1 + len(f"{step:b}") - 1) / (1 + 12.9658)
    return box["x"] + 40 + place * (box["width"] - 56), box["y"] + 60


def test_dragging_tells_the_numbers_at_once_and_runs_the_model_on_letting_go(visit: Visit):
    page = opened(visit)
    answer = page.locator("#answer .answers").inner_text()
    page.mouse.move(*x_of(page, 4096))
    page.mouse.down()
    page.mouse.move(*x_of(page, 64), steps=6)
    expect(part(page, "line")).to_have_text(
        re.compile(r"^step 64 · \d+ % right on held-out pictures · loss \d\.\d\d nats$")
    )
    expect(scrubber(page)).to_have_attribute("data-step", str(LAST))
    page.mouse.up()
    at(page, 64)
    expect(page.locator("#answer .answers")).not_to_have_text(answer)
    expect(page.locator("#model input")).to_have_value(re.compile(TITLE))


def test_a_link_opens_at_its_step_and_another_picture_keeps_it(visit: Visit):
    page = opened(visit, step=256)
    page.reload()
    at(page, 256)
    before = page.locator("#answer .answers").inner_text()
    page.locator("#examples .picker button").nth(1).click()
    expect(page.locator("#examples .picker button").nth(1)).to_have_attribute("aria-pressed", "true")
    at(page, 256)
    expect(page.locator("#answer .answers")).not_to_have_text(before)


def test_keys_go_from_step_to_step(visit: Visit):
    page = opened(visit)
    slider = page.get_by_role("slider", name="Training step")
    slider.focus()
    slider.press("ArrowLeft")
    at(page, 4096)
    slider.press("Home")
    at(page, 0)
    expect(slider).to_have_attribute("aria-valuetext", re.compile(r"^step 0 · .*right on held-out"))
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    at(page, 4)
    slider.press("End")
    at(page, LAST)
    expect(slider).to_have_attribute("aria-valuenow", str(LAST))


def test_another_model_hides_the_scrubber(visit: Visit):
    page = opened(visit, step=64)
    page.locator("#model input").click()
    page.get_by_role("option", name=re.compile("emoji-vit")).click()
    expect(scrubber(page)).to_be_hidden()
    expect(page).to_have_url(re.compile("model=emoji-vit"))
    page.locator("#model input").click()
    page.get_by_role("option", name=re.compile(re.escape(TITLE))).first.click()
    at(page, LAST)


def test_playing_walks_through_the_steps_until_esc(visit: Visit):
    page = opened(visit, step=1)
    part(page, "play").click()
    expect(scrubber(page)).to_have_attribute("data-step", re.compile(r"^(2|4|8|16|32)$"))
    page.keyboard.press("Escape")
    expect(part(page, "play")).to_have_text("▶ Play")
    expect(scrubber(page)).to_have_attribute("data-waiting", "false")  # one may have been under way
    shown = scrubber(page).get_attribute("data-step")
    page.wait_for_timeout(2500)
    assert scrubber(page).get_attribute("data-step") == shown


def test_two_visitors_at_different_steps_do_not_meet(visit: Visit):
    one, two = opened(visit, step=0), opened(visit, step=512)
    for page, number in ((one, 2), (two, 1), (one, 3)):
        page.locator("#examples .picker button").nth(number).click()
        expect(page.locator("#examples .picker button").nth(number)).to_have_attribute("aria-pressed", "true")
    at(one, 0)
    at(two, 512)
    answers = [page.locator("#answer .answers").inner_text() for page in (one, two)]
    assert answers[0] != answers[1]


def test_the_table_says_what_the_curves_show(visit: Visit):
    page = opened(visit, step=2)
    part(page, "twin").locator("summary").click()
    rows = part(page, "table").locator("tbody tr")
    expect(rows).to_have_count(len(history(NAME).steps))
    expect(part(page, "table").locator("tr[aria-current] th")).to_have_text("2")


def test_the_tour_and_patching_go_through_the_steps_too(visit: Visit):
    page = opened(visit, "/attention-tour")
    head = re.search(r"layer=\d+&head=\d+", page.url)
    assert head is not None
    page.get_by_role("slider", name="Training step").press("Home")
    at(page, 0)
    expect(page.locator("#tour")).to_contain_text(f"{NAME} · step 0")
    assert head[0] in page.url, "the head on show stays"
    page = opened(visit, "/cat-dog-patching")
    page.get_by_role("slider", name="Training step").press("ArrowLeft")
    at(page, 4096)


def test_by_touch_and_on_a_narrow_screen(visit: Visit):
    page = visit(f"/dogit-lens?model={NAME}", viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    at(page, LAST)
    page.touchscreen.tap(*x_of(page, 32))
    at(page, 32)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
