"""What a visitor does, in a real browser: look, scrub, point, search, bring a picture, share, come back."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from steps import Visit, expect, picture, upload

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page


def part(page: Page, name: str) -> Locator:
    return page.locator(f'#lens [data-part="{name}"]')


def ready(page: Page) -> Page:
    """Wait until the lens shows numbers."""
    expect(page.locator("#lens .pl-lens")).to_have_attribute("data-phase", "ready")
    expect(part(page, "bigName")).not_to_have_text("–")
    return page


def shown_key(page: Page) -> str:
    """The key of the result on screen, as the browser last fetched it."""
    urls = page.evaluate("performance.getEntriesByType('resource').map((entry) => entry.name)")
    return [match[1] for url in urls if (match := re.search(r"prisma/([\w-]{22})/lens", url))][-1]


def test_the_landing_page_shows_the_lens_alive_and_leads_to_it(visit: Visit):
    page = visit("/")
    expect(page.locator("#miniature .pl-lens")).to_have_attribute("data-phase", "ready")
    expect(page.locator("#models")).to_contain_text("in memory")
    card = page.locator(".card", has_text="Dogit Lens")
    expect(card.locator("img")).to_have_js_property("complete", True)
    assert card.locator("img").evaluate("(image) => image.naturalWidth") > 100
    card.click()
    ready(page)


def test_the_first_example_is_there_without_asking(visit: Visit):
    page = ready(visit())
    expect(page.locator('#examples .picker button[aria-pressed="true"]')).to_have_count(1)
    expect(page.locator("#answer li")).to_have_count(5)
    expect(part(page, "layerName")).to_have_text("final")
    expect(page.get_by_text("does not prove that the model uses it")).to_be_visible()


def test_another_example_replaces_the_view(visit: Visit):
    page = ready(visit())
    before, answer = shown_key(page), page.locator("#answer .answers").inner_text()
    page.locator("#examples .picker button").nth(2).click()
    expect(page.locator("#examples .picker button").nth(2)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#answer .answers")).not_to_have_text(answer)
    ready(page)
    assert shown_key(page) != before


def test_scrubbing_layers_asks_the_server_for_nothing_new(visit: Visit):
    page = ready(visit())
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    slider = part(page, "layer")
    slider.focus()
    slider.press("Home")
    expect(part(page, "layerName")).to_have_text("0_pre")
    slider.press("ArrowRight")
    expect(part(page, "layerName")).to_have_text("0_mid")
    assert not [url for url in asked if "/prisma/" in url]


def test_pointing_at_a_patch_tells_its_place_and_a_click_keeps_it(visit: Visit):
    page = ready(visit())
    canvas = part(page, "selection")
    box = canvas.bounding_box()
    assert box
    canvas.hover(position={"x": box["width"] * 0.54, "y": box["height"] * 0.6})
    expect(part(page, "place")).to_contain_text("row")
    place = part(page, "place").inner_text()
    canvas.click(position={"x": box["width"] * 0.54, "y": box["height"] * 0.6})
    page.mouse.move(5, 5)
    expect(part(page, "place")).to_have_text(place)
    expect(part(page, "unlock")).to_be_visible()
    expect(page).to_have_url(re.compile("token="))


def test_unsure_patches_are_hidden_until_the_slider_lets_them_speak(visit: Visit):
    page = ready(visit())
    slider, total = part(page, "least"), part(page, "legendTotal")
    expect(part(page, "leastValue")).to_have_text(re.compile(r"from \d+ %"))
    expect(total).to_have_text(re.compile(r"on \d+ of 144 patches"))
    slider.focus()
    slider.press("Home")
    expect(part(page, "leastValue")).to_have_text("every patch")
    expect(total).to_have_text(re.compile(r"on 144 patches"))
    expect(page).to_have_url(re.compile("least=0"))
    page.reload()
    ready(page)
    expect(total).to_have_text(re.compile(r"on 144 patches"))


def test_the_keyboard_reaches_every_patch(visit: Visit):
    page = ready(visit())
    canvas = part(page, "selection")
    canvas.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "Enter"):
        canvas.press(key)
    expect(part(page, "unlock")).to_be_visible()
    expect(part(page, "place")).to_contain_text("row")
    canvas.press("Escape")
    expect(part(page, "unlock")).to_be_hidden()


def test_a_class_can_be_searched(visit: Visit):
    page = ready(visit())
    box = part(page, "searchInput")
    box.fill("toil")
    expect(part(page, "searchList").get_by_text("toilet").first).to_be_visible()
    box.press("ArrowDown")
    box.press("Enter")
    expect(part(page, "searchRank")).to_contain_text("of 64")
    expect(part(page, "overlaySearch")).to_be_checked()


def test_a_picture_of_ones_own(visit: Visit, tmp_path: Path):
    page = ready(visit())
    before = shown_key(page)
    upload(page, picture(tmp_path / "mine.png", 1))
    expect(page.locator('#examples .picker button[aria-pressed="true"]')).to_have_count(0)
    ready(page)
    assert shown_key(page) != before
    expect(page.locator("#lens [data-part=scores]")).to_be_hidden()


@pytest.mark.parametrize(
    ("name", "data", "sentence"),
    [
        ("words.png", b"this is no picture", "is not a PNG, JPEG, WebP, GIF or BMP image"),
        ("empty.jpg", b"", "empty"),
    ],
)
def test_a_bad_upload_is_one_sentence_and_the_old_view_stays(
    visit: Visit, tmp_path: Path, name: str, data: bytes, sentence: str
):
    page = ready(visit())
    before, answer = shown_key(page), page.locator("#answer .answers").inner_text()
    bad = tmp_path / name
    bad.write_bytes(data)
    upload(page, bad)
    expect(page.get_by_test_id("toast-body")).to_contain_text(sentence)
    assert shown_key(page) == before and page.locator("#answer .answers").inner_text() == answer
    upload(page, picture(tmp_path / "good.png", 2))
    expect(page.locator("#answer .answers")).not_to_have_text(answer)


def test_two_visitors_do_not_meet(visit: Visit, tmp_path: Path):
    first, second = ready(visit()), ready(visit())
    upload(first, picture(tmp_path / "one.png", 3))
    upload(second, picture(tmp_path / "two.png", 4))
    keys, answers = [], []
    for page in (first, second):
        expect(page.locator('#examples .picker button[aria-pressed="true"]')).to_have_count(0)
        ready(page)
        keys.append(shown_key(page))
        answers.append(page.locator("#answer .answers").inner_text())
    assert keys[0] != keys[1] and answers[0] != answers[1]
    second.get_by_role("tab", name="Examples").click()
    second.locator("#examples .picker button").nth(1).click()
    expect(second.locator("#examples .picker button").nth(1)).to_have_attribute("aria-pressed", "true")
    assert first.locator("#answer .answers").inner_text() == answers[0] and shown_key(first) == keys[0]


def test_a_copied_link_restores_the_view(visit: Visit):
    page = ready(visit(permissions=["clipboard-read", "clipboard-write"]))
    page.locator("#examples .picker button").nth(3).click()
    expect(page.locator("#examples .picker button").nth(3)).to_have_attribute("aria-pressed", "true")
    ready(page)
    slider, canvas = part(page, "layer"), part(page, "selection")
    slider.focus()
    slider.press("Home")
    slider.press("ArrowRight")
    canvas.focus()
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        canvas.press(key)
    part(page, "color").locator("input[value=probability]").check()
    place = part(page, "place").inner_text()
    expect(page.locator("#link-text")).to_contain_text("color=probability")
    page.locator("#copy-link").click()
    expect(page.locator("#said")).to_have_text("Link copied.")
    link = page.evaluate("navigator.clipboard.readText()")
    again = ready(visit("/dogit-lens?" + link.split("?")[1]))
    expect(again.locator("#examples .picker button").nth(3)).to_have_attribute("aria-pressed", "true")
    expect(part(again, "layerName")).to_have_text("0_mid")
    expect(part(again, "place")).to_have_text(place)
    expect(part(again, "color").locator("input[value=probability]")).to_be_checked()


def test_a_link_to_an_upload_asks_for_the_same_picture(visit: Visit, tmp_path: Path):
    page = ready(visit())
    mine = picture(tmp_path / "mine.png", 5)
    upload(page, mine)
    expect(page.locator("#link-text")).to_contain_text("upload=")
    ready(page)
    part(page, "back").click()
    expect(page.locator("#link-text")).not_to_contain_text("layer=final")
    query = page.locator("#link-text").inner_text()
    layer = part(page, "layerName").inner_text()
    again = ready(visit("/dogit-lens?" + query))
    expect(again.locator("#note")).to_contain_text("choose the same picture")
    upload(again, mine)
    expect(part(again, "layerName")).to_have_text(layer)
    expect(again.locator("#note")).not_to_contain_text("choose the same picture")


def test_nonsense_in_the_address_is_told_in_a_sentence_and_never_becomes_markup(visit: Visit):
    page = ready(visit("/dogit-lens?layer=99&model=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&example=cat-and-dog"))
    expect(page.locator("#note")).to_contain_text("shown instead")
    expect(page.locator("#note img")).to_have_count(0)


@pytest.mark.parametrize(
    ("button", "start"),
    [
        ("#save-picture", b"\x89PNG"),
        ("#save-strip", b"\x89PNG"),
        ("#save-animation", b"GIF89a"),
        ("#save-numbers", b'{"model"'),
    ],
)
def test_save_buttons_give_files(visit: Visit, button: str, start: bytes):
    page = ready(visit())
    with page.expect_download() as waiting:
        page.locator(button).click()
    data = Path(waiting.value.path()).read_bytes()
    assert data.startswith(start)
    if button == "#save-numbers":
        assert len(json.loads(data)["class"]) > 2


def test_a_composed_scene_is_answered(visit: Visit):
    page = ready(visit())
    before = shown_key(page)
    page.get_by_role("tab", name="Compose").click()
    page.get_by_role("button", name="Another background").click()
    expect(page.locator('#examples .picker button[aria-pressed="true"]')).to_have_count(0)
    expect(page.locator("#link-text")).to_contain_text("scene=")
    ready(page)
    assert shown_key(page) != before
    expect(page.locator("#lens [data-part=scores]")).to_be_visible()


@pytest.mark.parametrize("from_list", [True, False])
def test_a_model_out_of_reach_is_one_sentence_and_the_page_stays_usable(visit: Visit, from_list: bool):
    page = ready(visit())
    box = page.locator("#model input")
    if from_list:
        box.click()
        page.get_by_role("option", name="ViT-B/32").click()
    else:
        box.fill("timm/no_such_model")
        box.press("Enter")
    expect(page.get_by_test_id("toast-body")).to_contain_text("timm/")
    expect(box).to_have_value(re.compile("emoji-vit"))
    expect(page.locator("body")).not_to_have_class(re.compile("working"))
    page.locator("#examples .picker button").nth(1).click()
    expect(page.locator("#examples .picker button").nth(1)).to_have_attribute("aria-pressed", "true")
    ready(page)
    assert page.get_by_test_id("toast-body").inner_text().count("timm/") == 1  # asked once, refused once


def test_on_a_phone_with_fingers(visit: Visit):
    page = ready(visit(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    canvas = part(page, "selection")
    canvas.scroll_into_view_if_needed()
    canvas.tap()
    expect(part(page, "unlock")).to_be_visible()
    part(page, "back").tap()
    expect(part(page, "layerName")).not_to_have_text("final")


def test_each_app_s_page_is_dark_when_asked(visit: Visit):
    page = ready(visit("/dogit-lens?__theme=dark"))
    expect(page.locator("body")).to_have_class(re.compile("dark"))
