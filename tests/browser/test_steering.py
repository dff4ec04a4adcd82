"""What visitors of SAE Steering do, in a real browser: look at latents, turn them, doubt them, take them away."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from prisma_engine.sae import files
from prisma_engine.sae.features import facts
from steering_steps import PATH, best, dials, dispatch, part, ready, state, turn, until
from steps import Visit, expect, picture, upload

GUIDED = re.compile(r"steer=\d+\.")
FIRST, SECOND = "emoji-vit-sae/blocks.0.hook_resid_post", "emoji-vit-sae/blocks.2.hook_resid_post"


def test_the_landing_page_leads_to_it(visit: Visit):
    page = visit("/")
    card = page.locator(".card", has_text="SAE Steering")
    expect(card.locator("img")).to_have_js_property("complete", True)
    assert card.locator("img").evaluate("(image) => image.naturalWidth") > 300
    card.click()
    ready(page)
    expect(page).to_have_title("SAE Steering")


def test_the_guide_changes_the_answer_in_one_click(visit: Visit):
    page = ready(visit(f"{PATH}?example=apple-beside-bagel"))
    expect(part(page, "steeredTop").locator("li")).to_have_count(10)
    part(page, "guideButton").click()
    expect(dials(page)).not_to_have_count(0)
    expect(page).to_have_url(GUIDED)
    ready(page)
    expect(part(page, "guideResult")).to_be_visible()  # the guide stays open, though it opened another picture
    for said in ("verdict", "guideResult"):
        expect(part(page, said)).to_contain_text("the answer turns from")
    assert best(page, "steered").inner_text().split("\n")[0] != best(page, "original").inner_text().split("\n")[0]


def test_patches_are_chosen_and_their_latents_listed(visit: Visit):
    page = ready(visit(PATH))
    rows = part(page, "active").locator("li[data-latent]")
    before = part(page, "activeCount").inner_text()
    stage = part(page, "stage").locator("canvas.pl-over")
    stage.focus()
    part(page, "clearTokens").click()
    dispatch(page, {"type": "paint", "tokens": [0], "mode": "replace"})
    expect(page).to_have_url(re.compile(r"at=0(&|$)"))
    assert part(page, "activeCount").inner_text() != before
    expect(rows).not_to_have_count(0)
    part(page, "sort").locator('input[value="activation"]').check(force=True)
    expect(page).to_have_url(re.compile("sort=activation"))


def test_a_latent_s_address_opens_its_page(visit: Visit):
    page = ready(visit(f"{PATH}?sae={SECOND}&latent=12"))
    expect(part(page, "latentTitle")).to_contain_text("12")
    until(page, "s.latent === 12")
    neighbour = part(page, "section").locator('input[value="neighbours"]')
    neighbour.check(force=True)
    part(page, "neighbours").locator("button").first.click()
    until(page, "s.latent !== 12 && s.latent !== null")
    expect(page).to_have_url(re.compile(f"latent={state(page)['latent']}"))
    expect(part(page, "latentTitle")).to_contain_text(str(state(page)["latent"]))


def test_latents_are_found_by_label_by_class_and_by_example(visit: Visit):
    page = ready(visit(PATH))
    part(page, "labelText").fill("dog")
    found = part(page, "found").locator("li[data-latent]")
    expect(found).not_to_have_count(0)
    expect(found.first).to_contain_text("dog")
    part(page, "search").locator('input[value="class"]').check(force=True)
    part(page, "classText").fill("banana")
    part(page, "classText").press("Enter")
    expect(part(page, "foundWords")).to_contain_text("banana")
    expect(found).not_to_have_count(0)
    found.first.locator(".pl-turn").click()
    expect(dials(page)).to_have_count(1)


def test_a_rack_of_several_and_all_its_choices(visit: Visit):
    page = ready(visit(PATH))
    first, second = (
        int(part(page, "active").locator("li[data-latent]").nth(i).get_attribute("data-latent") or 0) for i in (0, 1)
    )
    part(page, "active").locator(f'li[data-latent="{first}"] .pl-turn').click()
    expect(dials(page)).to_have_count(1)
    number = dials(page).first.locator("input[type=number]")
    number.fill("-6")
    number.press("Enter")
    expect(page).to_have_url(re.compile(rf"steer={first}\.\w+\.-6"))
    turn(page, second, 0, "ablate")
    expect(dials(page)).to_have_count(2)
    part(page, "where").select_option("cls")
    expect(page).to_have_url(re.compile("where=cls"))
    part(page, "keepError").uncheck()
    expect(page).to_have_url(re.compile("error=replaced"))
    ready(page)
    dials(page).first.locator(".pl-chipaway").click()
    expect(page).not_to_have_url(re.compile(rf"steer={first}\."))
    part(page, "clearChips").click()
    expect(dials(page)).to_have_count(0)
    expect(page).not_to_have_url(re.compile("steer="))


def test_controls_and_other_pictures_and_cancel(visit: Visit):
    page = ready(visit(f"{PATH}?steer=12.add.5"))
    part(page, "controlsButton").click()
    expect(part(page, "controlsSentence")).to_contain_text("50 random")
    page.get_by_text("Pictures to try it on").click()
    number = page.locator("#cases-n input[type=number]")
    number.fill("2000")
    number.press("Tab")
    part(page, "generalButton").click()
    expect(part(page, "generalSentence")).to_contain_text("So far")
    part(page, "generalCancel").click()
    expect(part(page, "generalCancel")).to_be_hidden()
    expect(part(page, "generalSentence")).not_to_contain_text("So far")
    expect(part(page, "failures").locator("li img").first).to_be_visible()
    assert part(page, "failures").locator("li img").first.evaluate("(image) => image.naturalWidth") > 50


def test_work_that_is_refused_can_be_asked_for_again(visit: Visit):
    page = ready(visit(f"{PATH}?steer=12.add.5"))
    page.get_by_text("Pictures to try it on").click()
    page.locator("#cases-source label", has_text="A folder").click()
    page.locator("#cases-place textarea, #cases-place input").fill("/no/such")
    part(page, "generalButton").click()
    expect(page.get_by_text("there is no folder '/no/such'")).to_be_visible()
    expect(part(page, "generalButton")).to_be_enabled()
    expect(part(page, "generalRunning")).to_be_hidden()


def test_a_turn_that_is_refused_leaves_the_rack_that_holds(visit: Visit):
    known = facts(files.find(FIRST))
    assert known is not None
    on, never_on = int(known.typical.argmax()), int((known.typical == 0).nonzero()[0])
    page = ready(visit(f"{PATH}?sae={FIRST}&steer={on}.add.2"))
    dispatch(page, {"type": "addChip", "latent": never_on, "how": "add", "amount": 2})
    expect(page.get_by_text(f"latent {never_on} was never active where")).to_be_visible()
    until(page, f"s.chips.length === 1 && s.chips[0].latent === {on} && !s.steering")


def test_a_turn_that_arrives_late_undoes_nothing(visit: Visit):
    page = ready(visit(PATH))
    held: list[Any] = []

    def hold(route: Any) -> None:
        if not held and '"chips"' in (route.request.post_data or ""):
            held.append(route)
        else:
            route.continue_()

    page.route("**/queue/join**", hold)
    with page.expect_request(lambda request: '"chips"' in (request.post_data or "")):
        dispatch(page, {"type": "addChip", "latent": 12, "how": "add", "amount": 1})
    dispatch(page, {"type": "chip", "latent": 12, "how": "add", "amount": 7})
    expect(page).to_have_url(re.compile(r"steer=12\.add\.7(&|$)"))
    ready(page)
    with page.expect_response(lambda reply: "queue/join" in reply.url):
        held[0].continue_()
    part(page, "watchText").fill("banana")
    part(page, "watchText").press("Enter")  # its answer comes after that of the late turn
    expect(part(page, "steeredWatchedName")).to_have_text("banana")
    until(page, "s.chips[0].amount === 7 && !s.steering")
    expect(page).to_have_url(re.compile(r"steer=12\.add\.7(&|$)"))
    expect(part(page, "verdict")).to_contain_text("up by 7×")


def test_another_sae_is_chosen_compared_and_refused(visit: Visit):
    page = ready(visit(PATH))
    part(page, "other").select_option(SECOND)
    expect(part(page, "errorMaps").locator("canvas").first).to_be_visible()
    expect(page).to_have_url(re.compile("compare="))
    box = page.locator("#sae input")
    box.fill("no-such")
    box.press("Enter")
    expect(page.get_by_text("there is no SAE 'no-such'")).to_be_visible()
    expect(box).to_have_value("after layer 3 · 1,024 latents")
    box.click()
    page.locator('li[role="option"]', has_text="after layer 2 · 1,024 latents").click()
    expect(page).to_have_url(re.compile(r"[?&]sae=[^&]*blocks\.2\.hook_resid_post"))
    ready(page)


def test_an_sae_of_one_s_own_is_profiled(visit: Visit, tmp_path: Path):
    files.save(files.load(SECOND), tmp_path / "mine")
    page = ready(visit(PATH))
    box = page.locator("#sae input")
    box.fill(str(tmp_path / "mine"))
    box.press("Enter")
    expect(page).to_have_url(re.compile("mine"))
    ready(page)
    page.get_by_text("Pictures to try it on").click()
    number = page.locator("#cases-n input[type=number]")
    number.fill("40")
    number.press("Tab")
    part(page, "latentProfile").click()
    expect(part(page, "exemplars").locator("li").first).to_be_visible()


def test_two_visitors_steer_at_once_and_do_not_meet(visit: Visit):
    one, two = ready(visit(PATH)), ready(visit(PATH))
    for amount in (1, 3, -4):
        dispatch(one, {"type": "addChip", "latent": 12, "how": "add", "amount": amount})
        dispatch(two, {"type": "addChip", "latent": 700, "how": "clamp", "amount": -amount})
    dispatch(one, {"type": "chip", "latent": 12, "how": "add", "amount": -4})
    dispatch(two, {"type": "chip", "latent": 700, "how": "clamp", "amount": 4})
    expect(one).to_have_url(re.compile(r"steer=12\.add\.-4(&|$)"))
    expect(two).to_have_url(re.compile(r"steer=700\.clamp\.4(&|$)"))
    for page in (one, two):
        ready(page)
    expect(part(one, "verdict")).to_contain_text("latent 12 ")
    expect(part(two, "verdict")).to_contain_text("latent 700 ")
    assert part(one, "steeredTop").inner_text() != part(two, "steeredTop").inner_text()


def test_a_link_restores_what_was_seen(visit: Visit):
    first = ready(visit(f"{PATH}?example=cat-in-toilet"))
    turn(first, 40, -2.5)
    dispatch(first, {"type": "paint", "tokens": [0, 29, 30], "mode": "replace"})
    dispatch(first, {"type": "lens", "value": "4_mid"})
    expect(first).to_have_url(re.compile(r"at=0\.29-30.*lens=4_mid"))
    ready(first)
    second = ready(visit(f"{PATH}?{first.url.split('?')[1]}"))
    expect(dials(second)).to_have_count(1)
    until(second, "s.lens === '4_mid' && s.chips[0].amount === -2.5 && s.chips[0].latent === 40")
    assert part(second, "steeredTop").inner_text() == part(first, "steeredTop").inner_text()
    assert part(second, "selection").inner_text() == part(first, "selection").inner_text()


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
    expect(page).to_have_url(re.compile("upload=[0-9a-f]{16}"))


def test_files_are_saved(visit: Visit):
    page = ready(visit(f"{PATH}?steer=12.add.5"))
    for button, suffix in (("save-picture", "png"), ("save-table", "csv"), ("save-numbers", "json")):
        with page.expect_download() as downloading:
            page.locator(f"#{button}").click()
        assert downloading.value.suggested_filename.endswith(f".{suffix}")


def test_by_keyboard_alone(visit: Visit):
    page = ready(visit(PATH))
    stage = part(page, "stage").locator("canvas.pl-over")
    stage.focus()
    page.keyboard.press("Escape")
    for key in ("ArrowRight", "ArrowDown", "Space"):
        page.keyboard.press(key)
    expect(page).to_have_url(re.compile("at="))
    row = part(page, "active").locator("li[data-latent]").first
    expect(row).to_be_visible()
    row.locator(".pl-turn").focus()
    page.keyboard.press("Enter")
    expect(dials(page)).to_have_count(1)
    dials(page).first.locator("input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(GUIDED)


def test_on_a_phone(visit: Visit):
    page = ready(visit(PATH, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    part(page, "active").locator("li[data-latent] .pl-turn").first.tap()
    expect(dials(page)).to_have_count(1)
    expect(page).to_have_url(GUIDED)
    ready(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    box = part(page, "columns")
    assert box.evaluate("(columns) => columns.scrollWidth <= columns.clientWidth"), "all three runs without scrolling"
