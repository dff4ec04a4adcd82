"""What visitors of Cat–Dog Patching do, in a real browser: flip the answer, draw, sweep, apply, test it widely."""

from __future__ import annotations

import re
from pathlib import Path

from patching_steps import PATH, chips, find_flip, part, ready, until
from steps import Visit, choose, expect, picture, upload

TWO_HEADS = re.compile(r"patch=z\.3\.1\.cls_z\.4\.2\.cls")


def test_the_landing_page_leads_to_it(visit: Visit):
    page = visit("/")
    card = page.locator(".card", has_text="Cat–Dog Patching")
    expect(card.locator("img")).to_have_js_property("complete", True)
    assert card.locator("img").evaluate("(image) => image.naturalWidth") > 300
    card.click()
    ready(page)
    expect(page).to_have_title("Cat–Dog Patching")


def test_the_default_pair_flips_in_one_click(visit: Visit):
    page = ready(visit(PATH))
    expect(part(page, "cleanTop").locator("li").first).to_contain_text("cat face")
    expect(part(page, "corruptTop").locator("li").first).to_contain_text("dog face")
    expect(part(page, "closureClean")).to_have_attribute("data-closed", "true")
    part(page, "flipFirst").click()
    expect(part(page, "members").locator("li")).to_have_count(2)
    expect(part(page, "flipSentence")).to_contain_text("64 numbers")
    expect(part(page, "patchedTop").locator("li").first).to_contain_text("cat face")
    expect(chips(page)).to_have_count(2)
    expect(page).to_have_url(TWO_HEADS)


def test_is_it_general(visit: Visit):
    page = ready(visit(f"{PATH}?patch=z.3.1.cls_z.4.2.cls"))
    page.get_by_text("Pictures to try it on").click()
    page.locator("#cases-n input[type=number]").fill("20")
    page.locator("#cases-n input[type=number]").press("Tab")
    part(page, "generalButton").click()
    expect(part(page, "generalSentence")).to_contain_text("20")
    expect(part(page, "intervals")).to_be_visible()
    expect(part(page, "failures").locator("li img").first).to_be_visible()
    assert part(page, "failures").locator("li img").first.evaluate("(image) => image.naturalWidth") > 100


def test_a_refused_trial_says_why_and_may_be_asked_again(visit: Visit):
    page = ready(visit(f"{PATH}?patch=z.3.1.cls_z.4.2.cls"))
    page.get_by_text("Pictures to try it on").click()
    page.get_by_label("A folder on this computer").check()
    place = page.locator("#cases-place").locator("input, textarea").first
    for folder in ("/no/such/folder", "/no/such/folder"):
        place.fill(folder)
        place.press("Tab")
        part(page, "generalButton").click()
        expect(part(page, "generalSentence")).to_contain_text("There is no folder")
        expect(part(page, "generalButton")).to_be_enabled()
        expect(part(page, "intervals")).to_be_hidden()


def test_with_nothing_hidden_there_is_nothing_to_look_for(visit: Visit):
    page = ready(visit(f"{PATH}?hide="))
    expect(part(page, "caption")).to_contain_text("Both pictures are the same")


def test_a_patch_is_applied_by_its_cell_and_removed_by_its_chip(visit: Visit):
    page = ready(visit(PATH))
    canvas = part(page, "denoisePanel").locator("canvas.pl-over")
    canvas.focus()
    for key in ("ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(chips(page)).to_have_count(1)
    expect(part(page, "patchedTop").locator("li").first).to_be_visible()
    expect(page).to_have_url(re.compile("patch=z"))
    page.locator(".pl-patching").evaluate(
        "(root) => root.__patching.dispatch({type: 'toggle', chip: {site: 'z', layer: 3, head: 1, token: 'cls'}})"
    )
    expect(chips(page)).to_have_count(2)
    chips(page).first.locator(".pl-chipaway").click()
    expect(chips(page)).to_have_count(1)
    expect(page).not_to_have_url(TWO_HEADS)


def test_another_map_is_swept_and_cancelled_within_a_batch(visit: Visit):
    page = ready(visit(PATH))
    site, root = part(page, "site"), page.locator(".pl-patching")
    site.select_option("resid_pre")  # 1,450 patches: long enough to stop
    expect(root).to_have_attribute("data-sweep", "running")
    part(page, "cancelSweep").click()
    expect(root).to_have_attribute("data-sweep", "stopped")
    expect(page).to_have_url(re.compile("site=resid_pre"))
    site.select_option("q")
    choose(part(page, "by"), "layer,head")
    expect(root).to_have_attribute("data-sweep", "done")
    until(page, "s.site === 'q' && s.wanted")


def test_drawing_a_box_makes_another_second_picture(visit: Visit):
    page = ready(visit(PATH))
    before = part(page, "corruptTop").inner_text()
    mask = page.locator('#mask [data-part="canvas"]')
    mask.scroll_into_view_if_needed()
    page.locator('#mask [data-part="clear"]').click()
    box = mask.bounding_box()
    assert box
    page.mouse.move(box["x"] + 0.1 * box["width"], box["y"] + 0.1 * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + 0.55 * box["width"], box["y"] + 0.6 * box["height"], steps=4)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"hide=b\.\d+"))
    page.wait_for_function(
        "(before) => document.querySelector('.pl-patching [data-part=corruptTop]').innerText !== before", arg=before
    )
    ready(page)
    choose(page.locator('#mask [data-part="fill"]'), "noise")
    expect(page).to_have_url(re.compile("fill=noise"))


def test_two_pictures_and_other_answers(visit: Visit):
    page = ready(visit(PATH))
    page.get_by_label("Take another picture").check()
    expect(page.locator("#other-examples")).to_be_visible()
    expect(page.locator("#mask")).to_be_hidden()
    expect(page).to_have_url(re.compile("with-example="))
    page.locator("#other-examples button").first.click()
    expect(page).to_have_url(re.compile("with-example=cat-in-toilet"))
    ready(page)
    answer = page.locator("#answer-b input")
    answer.fill("banana")
    answer.press("Enter")
    expect(page).to_have_url(re.compile("b=32"))
    page.locator("#start-over").click()
    expect(part(page, "cleanTop").locator("li").first).to_contain_text("cat face")
    expect(page).to_have_url(re.compile("b=2&"))


def test_swapped_one_head_is_enough(visit: Visit):
    page = ready(visit(f"{PATH}?example=cat-and-dog"))
    page.locator("#swap input").check()
    expect(page).to_have_url(re.compile("swap=1"))
    ready(page)
    expect(part(page, "corruptTop").locator("li").first).to_contain_text("dog face")
    find_flip(page)
    expect(chips(page)).to_have_count(1)
    expect(part(page, "patchedTop").locator("li").first).to_contain_text("cat face")


def test_by_keyboard_alone(visit: Visit):
    page = ready(visit(PATH))
    part(page, "flipFirst").focus()
    page.keyboard.press("Enter")
    expect(chips(page)).to_have_count(2)
    expect(part(page, "flipButton")).to_be_focused()
    chips(page).first.locator(".pl-chipaway").focus()
    page.keyboard.press("Enter")  # the focus goes on to the next chip, and from the last one to what puts them in again
    expect(chips(page)).to_have_count(1)
    expect(chips(page).first.locator(".pl-chipaway")).to_be_focused()
    page.keyboard.press("Enter")
    expect(part(page, "applyFound")).to_be_focused()
    page.keyboard.press("Enter")
    expect(chips(page)).to_have_count(2)
    expect(chips(page).first.locator(".pl-chipaway")).to_be_focused()
    mask = page.locator('#mask [data-part="canvas"]')
    mask.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"hide=b[\d.]+_b"))


def test_two_visitors_at_once(visit: Visit):
    one, two = ready(visit(PATH)), ready(visit(f"{PATH}?example=apple-beside-bagel"))
    part(one, "flipFirst").click()
    part(two, "flipFirst").click()
    expect(part(one, "members").locator("li")).to_have_count(2)
    expect(part(one, "flipSentence")).to_contain_text("cat face")
    expect(part(two, "flipSentence")).not_to_be_empty()
    expect(part(two, "flipSentence")).not_to_contain_text("cat face")
    expect(one).to_have_url(TWO_HEADS)
    assert "z.3.1.cls_z.4.2.cls" not in two.url or "apple" in two.url


def test_a_link_restores_what_was_seen(visit: Visit):
    first = ready(visit(PATH))
    find_flip(first)
    expect(first).to_have_url(TWO_HEADS)
    choose(part(first, "plot"), "rank")
    expect(first).to_have_url(re.compile("plot=rank"))
    second = ready(visit(f"{PATH}?{first.url.split('?')[1]}"))
    expect(chips(second)).to_have_count(2)
    expect(part(second, "patchedTop").locator("li").first).to_contain_text("cat face")
    until(second, "s.plot === 'rank'")


def test_an_upload_and_a_bad_one(visit: Visit, tmp_path: Path):
    page = ready(visit(PATH))
    upload(page, picture(tmp_path / "mine.png", 3))
    expect(page).to_have_url(re.compile("upload=[0-9a-f]{16}"))
    ready(page)
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"words")
    page.locator("#photo input[type=file]").set_input_files(bad)
    expect(page.get_by_text("is not a PNG")).to_be_visible()
    ready(page)


def test_files_are_saved(visit: Visit):
    page = ready(visit(PATH))
    for button, suffix in (("save-picture", "png"), ("save-table", "csv"), ("save-numbers", "json")):
        with page.expect_download() as downloading:
            page.locator(f"#{button}").click()
        assert downloading.value.suggested_filename.endswith(f".{suffix}")


def test_on_a_phone(visit: Visit):
    page = ready(visit(PATH, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    tops = [part(page, "caption").bounding_box(), page.locator("#answer-a").bounding_box()]
    assert tops[0] and tops[1] and tops[1]["y"] < tops[0]["y"], "the answers are chosen before what comes of them"
    part(page, "flipFirst").tap()
    expect(chips(page)).to_have_count(2)


def test_on_a_phone_what_a_cell_does_stays_in_sight(visit: Visit):
    page = ready(visit(PATH, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True))
    canvas = part(page, "denoisePanel").locator("canvas.pl-over")
    canvas.evaluate("(canvas) => canvas.scrollIntoView({block: 'end'})")
    canvas.tap()
    expect(part(page, "putIn")).to_be_in_viewport()
    part(page, "putIn").tap()
    expect(chips(page)).to_have_count(1)
