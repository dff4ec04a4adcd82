"""What a visitor of the Attention Tour runs, in a real browser: comparisons, own pictures, links, measurements."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from steps import Visit, choose, expect, picture, type_number, upload
from tour_steps import PATH, answer, choose_model, compare_with, part, patch, picture_of, ready, shown_keys, thumbnail


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A folder with another small model, as transformers saves it: 4 × 4 patches, 2 layers, 3 heads."""
    from transformers import ViTImageProcessor

    from families import tiny as family

    folder = tmp_path / "tiny-vit"
    family("ViT").original.save_pretrained(folder)
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    return folder


def test_two_pictures_side_by_side(visit: Visit):
    page = ready(visit(PATH))
    compare_with(page, "Another picture")
    expect(page.locator("#other-answer li")).to_have_count(5)
    expect(picture_of(page, 1)).to_be_visible()
    expect(page.locator('#other-examples button[aria-pressed="true"]')).to_have_count(1)
    page.locator("#other-examples button").nth(4).click()
    expect(page).to_have_url(re.compile("vs-example=cat-and-dog"))
    expect(page.locator("#other-answer .answer-caption")).to_have_text("emoji-vit: A cat and a dog")
    other = picture_of(page, 1)
    part(page, "tokenLock").click()
    other.hover(position=patch(other, 0.5 / 12, 0.5 / 12))
    expect(part(page, "readingName")).to_have_text("row 1, column 1")  # one selection for both
    page.locator("#other-examples button").nth(0).click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("that is the picture on show")
    compare_with(page, "Nothing")
    expect(picture_of(page, 1)).to_be_hidden()
    expect(page.locator("#other-answer li")).to_have_count(0)
    expect(page).not_to_have_url(re.compile("vs-"))


def test_what_if_attention_were_causal(visit: Visit):
    page = ready(visit(PATH))
    before = answer(page)
    compare_with(page, "What if attention were causal?")
    expect(page.locator("#other-answer li")).to_have_count(5)
    expect(page.locator("#other-answer .answer-caption")).to_contain_text("causal from layer 0 on")
    assert answer(page) == before != answer(page, "other-answer")
    from_first = answer(page, "other-answer")
    slider = page.locator("#causal-from input[type=range]")
    expect(slider).to_have_attribute("max", "4")
    slider.focus()
    slider.press("End")
    expect(page).to_have_url(re.compile("vs-causal=4"))
    expect(page.locator("#other-answer .answers")).not_to_have_text(from_first)
    page.get_by_label("CLS may still see everything").uncheck()
    expect(page).to_have_url(re.compile("vs-causal=4%3Aall"))
    expect(page.locator("#other-answer .answer-caption")).to_contain_text("CLS included")
    page.locator("#examples .picker button").nth(1).click()
    expect(page).to_have_url(re.compile("example=cheetah-behind-deer.*vs-causal=4%3Aall"))
    expect(page.locator("#other-answer .answer-caption")).to_contain_text("A leopard behind a deer")
    again = ready(visit(f"{PATH}?{page.url.split('?')[1]}"))
    expect(again.locator("#sees-all input")).not_to_be_checked()
    expect(again.locator("#causal-from input[type=range]")).to_have_value("4")


def test_a_layer_that_is_not_there_is_brought_into_range_with_a_sentence(visit: Visit):
    page = ready(visit(f"{PATH}?vs-causal=2"))
    number = page.locator("#causal-from input[type=number]")
    for typed, layer in (("99", "4"), ("-3", "0")):
        number.fill(typed)
        number.press("Enter")
        expect(page).to_have_url(re.compile(f"vs-causal={layer}"))
        expect(page.locator("#note")).to_contain_text("emoji-vit has layers 0 to 4")
        expect(number).to_have_value(layer)
    number.fill("3")
    number.press("Enter")
    expect(page).to_have_url(re.compile("vs-causal=3"))
    expect(page.locator("#note")).not_to_contain_text("layers 0 to 4")


def test_what_is_taken_away_right_after_a_step_is_what_is_on_show(visit: Visit):
    page = ready(visit(PATH, permissions=["clipboard-read", "clipboard-write"]))
    page.get_by_label("One layer back").click()
    with page.expect_download() as waiting:
        page.locator("#save-matrix").click()
    assert waiting.value.suggested_filename == "attention-tour-matrix-emoji-vit-layer2-head0-pattern.npy"
    page.get_by_label("One layer back").click()
    page.locator("#copy-link").click()
    expect(page.locator("#said")).to_have_text("Link copied.")
    assert "layer=1&" in page.evaluate("navigator.clipboard.readText()")


def test_a_name_left_without_enter_is_not_run(visit: Visit):
    page = ready(visit(PATH))
    field = page.locator("#model input")
    field.fill("no such model")
    field.press("Tab")
    expect(field).to_have_value(re.compile("emoji-vit"))
    page.locator("#examples .picker button").nth(1).click()
    expect(page).to_have_url(re.compile("model=emoji-vit&example=cheetah"))
    expect(page.get_by_test_id("toast-body")).to_have_count(0)


def test_two_visitors_on_two_models_at_once(visit: Visit, tiny: Path):
    first, second = ready(visit(PATH)), ready(visit(PATH))
    choose_model(second, str(tiny))
    expect(part(second, "wallSize")).to_have_text("2 layers × 3 heads")
    ready(second)
    first.locator("#examples .picker button").nth(2).click()
    expect(first.locator("#examples .picker button").nth(2)).to_have_attribute("aria-pressed", "true")
    ready(first)
    expect(part(first, "wallSize")).to_have_text("5 layers × 4 heads")
    expect(part(second, "wallSize")).to_have_text("2 layers × 3 heads")
    assert answer(first) != answer(second) and not set(shown_keys(first)[1:]) & set(shown_keys(second)[1:])
    compare_with(first, "Another model")
    choose_model(first, str(tiny), "#other-model")
    expect(first.locator("#other-answer .answer-caption")).to_contain_text("tiny-vit")
    expect(picture_of(first, 1)).to_be_visible()
    expect(part(first, "compareNote")).not_to_be_empty()


def test_a_picture_of_ones_own(visit: Visit, tmp_path: Path):
    page = ready(visit(PATH))
    before = shown_keys(page)[-1]
    upload(page, picture(tmp_path / "mine.png", 1))
    expect(page.locator('#examples .picker button[aria-pressed="true"]')).to_have_count(0)
    expect(part(page, "picture0").locator("figcaption")).to_contain_text("Your picture")
    ready(page)
    assert shown_keys(page)[-1] != before


def test_a_bad_upload_is_one_sentence_and_the_old_view_stays(visit: Visit, tmp_path: Path):
    page = ready(visit(PATH))
    before, shown = shown_keys(page), answer(page)
    bad = tmp_path / "words.png"
    bad.write_bytes(b"this is no picture")
    upload(page, bad)
    expect(page.get_by_test_id("toast-body")).to_contain_text("is not a PNG, JPEG, WebP, GIF or BMP image")
    assert shown_keys(page) == before and answer(page) == shown
    upload(page, picture(tmp_path / "good.png", 2))
    expect(page.locator("#answer .answers")).not_to_have_text(shown)


def test_a_model_out_of_reach_is_one_sentence_and_the_page_stays_usable(visit: Visit):
    page = ready(visit(PATH))
    choose_model(page, "timm/no_such_model")
    expect(page.get_by_test_id("toast-body")).to_contain_text("timm/")
    expect(page.locator("#model input")).to_have_value(re.compile("emoji-vit"))
    page.locator("#examples .picker button").nth(1).click()
    expect(page.locator("#examples .picker button").nth(1)).to_have_attribute("aria-pressed", "true")
    ready(page)


def test_a_copied_link_restores_the_view(visit: Visit):
    page = ready(visit(PATH, permissions=["clipboard-read", "clipboard-write"]))
    page.locator("#examples .picker button").nth(3).click()
    expect(page.locator("#examples .picker button").nth(3)).to_have_attribute("aria-pressed", "true")
    ready(page)
    part(page, "wall").click(position=thumbnail(page, 2, 3))
    choose(part(page, "kind"), "value")
    choose(part(page, "scale"), "log")
    choose(part(page, "norm"), "matrix")
    compare_with(page, "What if attention were causal?")
    expect(page.locator("#link-text")).to_contain_text("vs-causal=0")
    expect(page.locator("#link-text")).to_contain_text("norm=matrix")
    page.locator("#copy-link").click()
    expect(page.locator("#said")).to_have_text("Link copied.")
    link, caption = page.evaluate("navigator.clipboard.readText()"), part(page, "caption").inner_text()
    again = ready(visit(f"{PATH}?{link.split('?')[1]}"))
    expect(again.locator("#examples .picker button").nth(3)).to_have_attribute("aria-pressed", "true")
    expect(part(again, "caption")).to_have_text(caption)
    expect(part(again, "headLock")).to_have_attribute("aria-pressed", "true")
    for name, value in (("kind", "value"), ("scale", "log"), ("norm", "matrix")):
        expect(part(again, name).locator(f"input[value={value}]")).to_be_checked()
    expect(again.locator("#compare input")).to_have_value("What if attention were causal?")
    expect(again.locator("#causal-from")).to_be_visible()
    expect(again.locator("#other-answer li")).to_have_count(5)


def test_a_link_to_an_upload_asks_for_the_same_picture(visit: Visit, tmp_path: Path):
    page = ready(visit(PATH))
    mine = picture(tmp_path / "mine.png", 5)
    upload(page, mine)
    expect(page.locator("#link-text")).to_contain_text("upload=")
    ready(page)
    part(page, "wall").click(position=thumbnail(page, 1, 3))
    expect(page.locator("#link-text")).to_contain_text("layer=1&head=3")
    query = page.locator("#link-text").inner_text()
    again = ready(visit(f"{PATH}?{query}"))
    expect(again.locator("#note")).to_contain_text("choose the same picture")
    upload(again, mine)
    expect(part(again, "wallHead")).to_contain_text("L1 H3")
    expect(again.locator("#note")).not_to_contain_text("choose the same picture")


def test_nonsense_in_the_address_is_told_in_a_sentence_and_never_becomes_markup(visit: Visit):
    page = ready(visit(f"{PATH}?layer=99&model=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E&vs-causal=zz"))
    expect(page.locator("#note")).to_contain_text("shown instead")
    expect(page.locator("#note")).to_contain_text("The comparison is left out")
    expect(page.locator("#note img")).to_have_count(0)


def test_copy_as_python_is_the_code_below(visit: Visit):
    page = ready(visit(PATH, permissions=["clipboard-read", "clipboard-write"]))
    page.locator("#copy-code").click()
    expect(page.locator("#said")).to_have_text("Python copied.")
    code = page.evaluate("navigator.clipboard.readText()")
    compile(code, "copied", "exec")
    assert "layer, token = 3, 103" in code and "pe.attention_maps" in code


@pytest.mark.parametrize(
    ("button", "start"),
    [
        ("#save-picture", b"\x89PNG"),
        ("#save-animation", b"GIF89a"),
        ("#save-matrix", b"\x93NUMPY"),
        ("#save-numbers", b'{"model"'),
    ],
)
def test_save_buttons_give_files(visit: Visit, button: str, start: bytes):
    page = ready(visit(PATH))
    with page.expect_download() as waiting:
        page.locator(button).click()
    assert Path(waiting.value.path()).read_bytes().startswith(start)


def test_head_types_are_measured_with_a_bar_and_saved(visit: Visit, tiny: Path):
    page = ready(visit(PATH))
    choose_model(page, str(tiny))
    expect(part(page, "wallSize")).to_have_text("2 layers × 3 heads")
    expect(part(page, "typeEmpty")).to_be_visible()
    page.locator("#measure > button").click()
    count = page.locator("#measure-n input[type=number]")
    type_number(count, "20")
    page.locator("#measure-start").click()
    expect(page.locator("#measured p")).to_contain_text("Done: 20 emoji scenes")
    expect(part(page, "typeEmpty")).to_be_hidden()
    expect(part(page, "typeSource")).to_contain_text("20 emoji scenes")
    expect(page.locator("#measure-start")).to_be_enabled()
    with page.expect_download() as waiting:
        page.locator("#measure-save").click()
    assert b'"n_images":20' in Path(waiting.value.path()).read_bytes()


def test_a_measurement_can_be_stopped_and_others_go_on_meanwhile(visit: Visit):
    page, other = ready(visit(PATH)), ready(visit(PATH))
    page.locator("#measure > button").click()
    count = page.locator("#measure-n input[type=number]")
    type_number(count, "2000")
    page.locator("#measure-start").click()
    expect(page.locator("#measured p")).to_have_text(re.compile(r"emoji-vit: \d+ of 2000 pictures"))
    expect(page.locator("#measured p")).not_to_have_text(re.compile("emoji-vit: [0-9] of"))
    other.locator("#examples .picker button").nth(1).click()
    expect(part(other, "picture0").locator("figcaption")).to_contain_text("leopard")
    expect(page.locator("#measured p")).to_have_text(re.compile(r"emoji-vit: \d+ of 2000 pictures"))
    page.locator("#measure-stop").click()
    expect(page.locator("#measured p")).to_contain_text(re.compile("Stopped after|Not enough pictures to name heads"))
    expect(page.locator("#measure-start")).to_be_enabled()


def test_there_is_a_way_back_to_the_shipped_figures(visit: Visit):
    page = ready(visit(PATH))
    page.locator("#measure > button").click()
    expect(page.locator("#measure-back")).to_be_hidden()
    count = page.locator("#measure-n input[type=number]")
    type_number(count, "20")
    page.locator("#measure-start").click()
    expect(part(page, "typeSource")).to_contain_text("20 emoji scenes")
    page.locator("#measure-back").click()
    expect(part(page, "typeSource")).to_contain_text("1,000")
    expect(page.locator("#measure-back")).to_be_hidden()


def test_a_measurement_ends_when_its_visitor_leaves(visit: Visit):
    page, other = ready(visit(PATH)), ready(visit(PATH))
    for visitor, n in ((page, "2000"), (other, "20")):
        visitor.locator("#measure > button").click()
        count = visitor.locator("#measure-n input[type=number]")
        type_number(count, n)
        visitor.locator("#measure-start").click()
    expect(page.locator("#measured p")).to_have_text(re.compile(r"emoji-vit: \d+ of 2000 pictures"))
    expect(other.locator("#measured p")).to_have_text("Waiting for its turn…")
    page.close()
    # the server asks every 15 s who is still there
    expect(other.locator("#measured p")).to_contain_text("Done: 20 emoji scenes", timeout=120_000)


def test_a_folder_that_is_not_there_is_one_sentence(visit: Visit):
    page = ready(visit(PATH))
    page.locator("#measure > button").click()
    page.locator("#measure-source").get_by_label("A folder on this computer").check()
    page.locator("#measure-place textarea, #measure-place input").fill("/no/such/folder")
    page.locator("#measure-start").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("there is no folder")
    expect(page.locator("#measure-start")).to_be_enabled()
    expect(page.locator("#measured p")).to_be_hidden()
