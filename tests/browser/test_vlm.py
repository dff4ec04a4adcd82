"""What visitors of Steering a LLaVA do, in a real browser: read, steer, doubt, ask, look, take away."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from apps.vlm_steering import vlms
from steps import choose, expect, picture, upload
from vlm_steps import PATH, dispatch, part, ready, said, state, turn

if TYPE_CHECKING:
    from playwright.sync_api import Page

Visit = Callable[..., "Page"]
pytestmark = pytest.mark.skipif(
    not vlms.ships(vlms.DEFAULT), reason="emoji-llava is not in model_cards: python -m prisma_engine.toy.llava.train"
)
GUIDE = "dog"
STOPS_WHILE_SPEAKING = """() => {
  window.hasStopped = false;
  const look = () => {
    const isSpeaking = document.querySelector('[data-part="steeredText"] .pl-caret');
    if (!isSpeaking) return requestAnimationFrame(look);
    document.querySelector('[data-part="stopTalk"]').click();
    window.hasStopped = true;
  };
  look();
}"""


def test_the_page_opens_with_what_the_model_says(visit: Visit):
    page = ready(visit(PATH))
    expect(page).to_have_title("Steering a LLaVA")
    assert said(page, "original").startswith("there is")
    expect(part(page, "steeredState")).to_contain_text("the same words as the original")
    expect(part(page, "guideButton")).to_be_visible()
    expect(part(page, "active").locator("li[data-latent]")).not_to_have_count(0)


def test_the_recipe_makes_it_forget_in_one_click(visit: Visit):
    page = ready(visit(f"{PATH}?example=lion-with-basketball"))
    part(page, "guideButton").click()
    expect(part(page, "dials").locator("li[data-chip]")).to_have_count(1)
    ready(page)
    expect(part(page, "recipeResult")).to_contain_text("any more and still says")
    expect(part(page, "askButton")).to_be_enabled()
    assert GUIDE in said(page, "original").split() and GUIDE not in said(page, "steered").split()
    expect(part(page, "steeredText").locator("del").first).to_contain_text(re.compile("only in the original"))
    expect(page).to_have_url(re.compile(r"steer=\d+\.\w+\.-"))


def test_latents_are_turned_where_and_when_it_is_ticked(visit: Visit):
    page = ready(visit(PATH))
    part(page, "labelText").fill("pizza")
    found = part(page, "found").locator("li[data-latent]")
    expect(found.first).to_contain_text("pizza")
    found.first.locator(".pl-turn").click()
    expect(part(page, "dials").locator("li[data-chip]")).to_have_count(1)
    number = part(page, "dials").locator("input[type=number]")
    number.fill("8")
    number.press("Enter")
    expect(page).to_have_url(re.compile(r"steer=\d+\.add\.8"))
    ready(page)
    part(page, "kinds").locator('input[value="image"]').uncheck()
    expect(page).to_have_url(re.compile(r"where=prompt\.generated"))
    part(page, "whens").locator('input[value="prefill"]').uncheck()
    expect(page).to_have_url(re.compile("when=decode"))
    part(page, "kinds").locator('input[value="generated"]').uncheck()
    expect(part(page, "nowhere")).to_be_visible()
    part(page, "kinds").locator('input[value="generated"]').check()
    choose(part(page, "control"), "random")
    expect(part(page, "controlColumn")).to_be_visible()
    ready(page)
    assert said(page, "control")
    choose(part(page, "control"), "opposite")
    expect(part(page, "controlTitle")).to_contain_text("opposite sign")
    part(page, "keepError").uncheck()
    expect(page).to_have_url(re.compile("error=replaced"))
    part(page, "clearChips").click()
    expect(part(page, "controlColumn")).to_be_hidden()


def test_patches_and_words_are_chosen(visit: Visit):
    page = ready(visit(PATH))
    part(page, "clearTokens").click()
    stage = part(page, "stage").locator("canvas.pl-over")
    stage.click(position={"x": 4, "y": 4})
    expect(part(page, "chosen")).to_contain_text("row 1, column 1")
    stage.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(part(page, "chosen")).to_contain_text("row 1, column 2")
    word = part(page, "textTokens").locator('[data-kind="generated"]').first
    word.click()
    expect(word).to_have_attribute("aria-pressed", "true")
    expect(part(page, "chosen")).to_contain_text("Selected: “")
    expect(page).to_have_url(re.compile(r"at=\d+"))


def test_a_latent_s_page_and_the_map(visit: Visit):
    page = ready(visit(PATH))
    part(page, "active").locator(".pl-latentopen").nth(1).click()
    expect(part(page, "latentBusy")).to_be_hidden()
    for section in ("pictures", "words", "neighbours"):
        choose(part(page, "section"), section)
        expect(part(page, f"{section}Page")).to_be_visible()
    part(page, "neighbours").locator("button").first.click()
    page.wait_for_function("() => document.querySelector('.pl-language').__language.getState().latent !== null")
    canvas = part(page, "heatCanvas").locator("canvas.pl-over")
    canvas.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    assert state(page)["tokens"]
    part(page, "heatTwin").locator("summary").click()
    expect(part(page, "heatTable").locator("tbody tr")).not_to_have_count(0)


def test_latents_are_found_by_contrast_and_by_brush(visit: Visit):
    page = ready(visit(PATH))
    choose(part(page, "search"), "contrast")
    part(page, "others").locator("button").first.click()
    expect(part(page, "foundWords")).to_contain_text("On here and not in")
    expect(part(page, "found").locator("li")).not_to_have_count(0)
    choose(part(page, "search"), "example")
    dispatch(page, {"type": "paint", "tokens": [0, 1, 12, 13], "mode": "add"})
    expect(part(page, "foundWords")).to_contain_text("Mean activation here")


def test_a_word_shows_where_each_head_looked(visit: Visit):
    page = ready(visit(PATH))
    part(page, "originalText").locator(".pl-word").nth(3).click()
    heads = part(page, "gazeHeads").locator("li")
    expect(heads).not_to_have_count(0)
    expect(heads.first).to_contain_text("on the picture")
    part(page, "gazeLayer").select_option("1")
    expect(part(page, "gazeWords")).to_contain_text("layer 1")
    part(page, "gazeTwin").locator("summary").click()
    expect(part(page, "gazeTable").locator("tbody tr")).not_to_have_count(0)


def test_another_prompt_and_one_with_unknown_words(visit: Visit):
    page = ready(visit(PATH))
    part(page, "prompts").locator("button", has_text="how many things are there").click()
    expect(page).to_have_url(re.compile("prompt=how"))
    ready(page)
    assert said(page, "original").split()[0] in ("one", "two", "three", "none")
    part(page, "promptText").fill("Is there a unicorn?")
    part(page, "promptText").press("Enter")
    expect(part(page, "unknown")).to_contain_text("“unicorn”")
    ready(page)
    part(page, "promptText").fill("   ")
    part(page, "askButton").click()
    expect(part(page, "unknown")).to_contain_text("“unicorn”")  # nothing was asked


def test_an_upload_and_what_is_refused(visit: Visit, tmp_path: Path):
    page = ready(visit(PATH))
    turn(page, 3, -5)
    upload(page, picture(tmp_path / "mine.png", 5))
    expect(part(page, "imageTitle")).to_have_text("Your picture")
    ready(page)
    assert said(page, "original")
    expect(part(page, "dials").locator("li[data-chip]")).to_have_count(1)
    (tmp_path / "no.png").write_bytes(b"words")
    page.locator("#photo input[type=file]").set_input_files(tmp_path / "no.png")
    expect(page.get_by_text("is not a PNG")).to_be_visible()
    expect(part(page, "imageTitle")).to_have_text("Your picture")


def test_speaking_is_stopped_and_begun_again(visit: Visit):
    page = ready(visit(f"{PATH}?temperature=2&most=120&word-seed=2&steer=920.add.12"))
    whole, end = said(page, "steered"), part(page, "steeredState")
    for _ in range(5):  # it may end before the stop arrives
        page.evaluate(STOPS_WHILE_SPEAKING)
        part(page, "againTalk").click()
        page.wait_for_function("() => window.hasStopped")
        ready(page)
        if "stopped here" in end.inner_text():
            break
    expect(end).to_contain_text("stopped here")
    assert len(said(page, "steered").split()) < len(whole.split())
    part(page, "againTalk").click()
    expect(end).not_to_contain_text("stopped here")
    ready(page)
    assert said(page, "steered") == whole


def test_start_over_takes_back_what_was_never_sent(visit: Visit):
    page = ready(visit(PATH))
    for group, value in (("whens", "decode"), ("kinds", "image"), ("kinds", "prompt")):
        part(page, group).locator(f'input[value="{value}"]').uncheck()
    expect(part(page, "nowhere")).to_be_visible()
    part(page, "kinds").locator('input[value="generated"]').dispatch_event("change")  # the last one stays
    page.locator("#start-over").click()
    expect(part(page, "nowhere")).to_be_hidden()
    ready(page)
    assert state(page)["kinds"] == ["image", "prompt", "generated"] and state(page)["whens"] == ["prefill", "decode"]
    expect(page).not_to_have_url(re.compile("where|when"))


def test_a_box_shows_what_was_taken(visit: Visit):
    page = ready(visit(PATH))
    part(page, "mannerWords").click()
    for name, typed, taken in (("temperature", "-3", "0"), ("most", "900", "120"), ("most", "900", "120")):
        part(page, name).fill(typed)
        part(page, name).press("Tab")
        expect(part(page, name)).to_have_value(taken)
    for value in ("prefill", "decode"):
        part(page, "whens").locator(f'input[value="{value}"]').click()
    expect(part(page, "whens").locator("input:checked")).to_have_count(1)


def test_the_link_follows_while_it_speaks(visit: Visit):
    page = ready(visit(f"{PATH}?temperature=2&most=120&word-seed=2&steer=920.add.12"))
    part(page, "mannerWords").click()
    page.evaluate(STOPS_WHILE_SPEAKING)
    part(page, "seed").fill("6")
    part(page, "seed").press("Enter")
    page.wait_for_function("() => window.hasStopped")
    expect(page).to_have_url(re.compile("word-seed=6"))


def test_a_link_to_an_upload_waits_for_it_whatever_the_seed(visit: Visit, tmp_path: Path):
    page = ready(visit(f"{PATH}?temperature=0.9&word-seed=9"))
    upload(page, picture(tmp_path / "mine.png", 5))
    expect(part(page, "imageTitle")).to_have_text("Your picture")
    ready(page)
    expect(page).to_have_url(re.compile("upload=.*word-seed=9"))
    other = ready(visit(f"{PATH}?{page.url.split('?')[1]}"))
    expect(other.get_by_text("somebody’s own picture").or_(other.get_by_text("somebody's own picture"))).to_be_visible()


def test_labels_of_others(visit: Visit, tmp_path: Path):
    (tmp_path / "mine.csv").write_text("index,description\n920,barking\n")
    page, other = ready(visit(PATH)), ready(visit(PATH))
    page.get_by_role("button", name="Labels of others").click()
    box = page.locator("#labels textarea, #labels input").first
    box.fill(str(tmp_path / "mine.csv"))
    box.press("Enter")
    expect(page.get_by_text("named as in mine.csv, for you alone")).to_be_visible()
    ready(page)
    part(page, "labelText").fill("barking")
    expect(part(page, "found").locator("li[data-latent]")).to_have_count(1)
    part(other, "labelText").fill("barking")
    expect(part(other, "found").locator("li[data-latent]")).to_have_count(0)
    box.fill(str(tmp_path / "no.csv"))
    box.press("Enter")
    expect(page.get_by_text("no.csv is not a readable text file")).to_be_visible()
    box.fill("")
    box.press("Enter")
    expect(page.get_by_text("the labels that come with the SAE")).to_be_visible()


def test_on_a_phone_a_latent_s_page_comes_into_view(visit: Visit):
    page = ready(visit(PATH, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True))
    part(page, "active").locator(".pl-latentopen").nth(1).tap()
    expect(part(page, "latentTitle")).to_be_in_viewport()


def test_a_slider_speaks_when_it_is_let_go_and_late_answers_are_dropped(visit: Visit):
    page = ready(visit(PATH))
    turn(page, 3, 1)
    sent: list[str] = []
    page.on(
        "request",
        lambda r: (
            sent.append(r.post_data or "") if "queue/join" in r.url and '"chips"' in (r.post_data or "") else None
        ),
    )
    slider = part(page, "dials").locator("input[type=range]")
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.55, middle)
    page.mouse.down()
    for share in (0.6, 0.7, 0.8, 0.9):
        page.mouse.move(box["x"] + box["width"] * share, middle)
        page.wait_for_timeout(120)
    page.wait_for_timeout(500)
    assert not sent, sent
    page.mouse.up()
    ready(page)
    expect(page).not_to_have_url(re.compile(r"steer=3\.add\.1(&|$)"))
    assert len(sent) == 1, sent
    amount = state(page)["chips"][0]["amount"]
    expect(page).to_have_url(re.compile(rf"steer=3\.add\.{amount:g}(&|$)"))


def test_a_link_opens_the_same_view(visit: Visit):
    page = ready(
        visit(f"{PATH}?example=cat-and-dog&steer=3.add.-4_7.ablate&where=image&control=random&latent=7&section=words")
    )
    before = {name: said(page, name) for name in ("original", "reconstruction", "steered", "control")}
    page.reload()
    ready(page)
    assert {name: said(page, name) for name in before} == before
    assert state(page)["latent"] == 7 and state(page)["section"] == "words" and state(page)["kinds"] == ["image"]


def test_what_is_taken_away(visit: Visit):
    page = ready(visit(f"{PATH}?steer=3.add.-4"))
    with page.expect_download() as numbers:
        page.locator("#save-numbers").click()
    table = json.loads(Path(numbers.value.path()).read_text())
    assert table["said"]["original"]["text"] and table["turn"]["chips"][0]["latent"] == 3
    with page.expect_download() as drawn:
        page.locator("#save-picture").click()
    assert Path(drawn.value.path()).read_bytes().startswith(b"\x89PNG")


def test_two_visitors_at_once(visit: Visit):
    one, two = visit(PATH), visit(f"{PATH}?example=apple-beside-bagel")
    ready(one)
    ready(two)
    turn(one, 3, -8)
    turn(two, 7, 8)
    assert state(one)["chips"] != state(two)["chips"]
    assert "apple" in said(two, "original") and "apple" not in said(one, "original")


@pytest.mark.parametrize("width", [390, 1024])
def test_nothing_is_wider_than_the_screen(visit: Visit, width: int):
    page = ready(visit(PATH, viewport={"width": width, "height": 900}))
    assert page.evaluate("document.documentElement.scrollWidth") <= width
