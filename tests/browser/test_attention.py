"""What a visitor of the Attention Tour looks at, in a real browser: the wall, one head, one patch, by every means."""

from __future__ import annotations

import re

from steps import Visit, choose, expect
from tour_steps import PATH, answer, matrix_of, part, patch, picture_of, ready, state, thumbnail, until


def test_the_landing_page_leads_to_the_tour(visit: Visit):
    page = visit("/")
    expect(page.locator("#miniature .pl-lens")).to_have_attribute("data-phase", "ready")
    card = page.locator(".card", has_text="Attention Tour")
    expect(card.locator("img")).to_have_js_property("complete", True)
    assert card.locator("img").evaluate("(image) => image.naturalWidth") > 300
    card.click()
    ready(page)


def test_the_first_example_is_there_without_asking(visit: Visit):
    page = ready(visit(PATH))
    expect(page).to_have_title("Attention Tour")
    expect(part(page, "caption")).to_contain_text("Layer 3, head 0: the patch in row 9, column 7 reads mostly")
    expect(page.locator("#answer li")).to_have_count(5)
    expect(page.locator('#examples .picker button[aria-pressed="true"]')).to_have_count(1)
    expect(page.locator("#other-answer li")).to_have_count(0)
    expect(page.get_by_text("Attention says where a head reads")).to_be_visible()


def test_the_wall_previews_locks_and_releases(visit: Visit):
    page = ready(visit(PATH))
    wall = part(page, "wall")
    wall.hover(position=thumbnail(page, 1, 2))
    expect(part(page, "caption")).to_contain_text("Layer 1, head 2")
    wall.hover(position=thumbnail(page, 4, 0))
    expect(part(page, "caption")).to_contain_text("Layer 4, head 0")
    page.mouse.move(5, 5)
    expect(part(page, "caption")).to_contain_text("Layer 3, head 0")
    wall.click(position=thumbnail(page, 0, 1))
    expect(part(page, "wallHead")).to_contain_text("L0 H1 · Neighbour head")
    expect(part(page, "headLock")).to_have_attribute("aria-pressed", "true")
    wall.hover(position=thumbnail(page, 2, 2))
    expect(part(page, "caption")).to_contain_text("Layer 0, head 1")
    expect(page).to_have_url(re.compile("layer=0&head=1&locked=1"))
    wall.press("Escape")
    expect(part(page, "headLock")).to_have_attribute("aria-pressed", "false")


def test_changing_heads_within_a_layer_asks_the_server_for_nothing(visit: Visit):
    page = ready(visit(PATH))
    expect(part(page, "layerName")).to_have_text("3")
    page.get_by_label("One layer on").click()
    until(page, "s.layer === 4")
    ready(page)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.get_by_label("One head on").click()
    until(page, "s.unit === 1")
    ready(page)
    expect(part(page, "caption")).to_contain_text("Layer 4, head 1")
    assert not [url for url in asked if "/maps/" in url or "/token/" in url]


def test_pointing_works_both_ways(visit: Visit):
    page = ready(visit(PATH))
    part(page, "tokenLock").click()
    canvas, matrix = picture_of(page), matrix_of(page)
    canvas.hover(position=patch(canvas, 0.5 / 12, 0.5 / 12))
    expect(part(page, "readingName")).to_have_text("row 1, column 1")
    canvas.hover(position=patch(canvas, 3.5 / 12, 5.5 / 12))
    expect(part(page, "readingName")).to_have_text("row 6, column 4")
    expect(part(page, "reads").locator("li")).not_to_have_count(0)
    expect(part(page, "readBy").locator("li")).not_to_have_count(0)
    box = matrix.bounding_box()
    assert box
    matrix.hover(position={"x": box["width"] * 0.8, "y": box["height"] * 0.3})
    until(page, "s.cell !== null && s.cell.query !== s.cell.key && s.cell.key > s.cell.query")


def test_a_locked_patch_stays_while_heads_and_layers_are_scrubbed(visit: Visit):
    page = ready(visit(PATH))
    canvas = picture_of(page)
    canvas.click(position=patch(canvas, 4.5 / 12, 5.5 / 12))
    until(page, "s.token === 65")
    page.mouse.move(5, 5)
    for name, layer, head in (("One head on", 3, 1), ("One layer back", 2, 1), ("One layer back", 1, 1)):
        page.get_by_label(name).click()
        until(page, f"s.layer === {layer} && s.unit === {head} && s.token === 65")
    ready(page)
    expect(part(page, "readingName")).to_have_text("row 6, column 5")
    expect(page).to_have_url(re.compile("layer=1&head=1&token=65"))


def test_by_keyboard_alone(visit: Visit):
    page = ready(visit(PATH))
    part(page, "wall").focus()
    for key in ("ArrowUp", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    until(page, "s.layer === 2 && s.unit === 1 && s.locked")
    expect(part(page, "spoken")).to_contain_text("Head locked")
    page.keyboard.press("Escape")
    until(page, "!s.locked && s.token === 103")
    picture_of(page).focus()
    page.keyboard.press("Escape")
    until(page, "s.token === null")
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    until(page, "s.token !== null")
    page.keyboard.press("]")
    until(page, "s.layer === 3")
    matrix_of(page).focus()
    page.keyboard.press("ArrowRight")
    until(page, "s.cell !== null")


def test_on_a_phone_with_fingers(visit: Visit):
    page = ready(visit(PATH, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    canvas, wall = picture_of(page), part(page, "wall")
    canvas.scroll_into_view_if_needed()
    canvas.tap(position=patch(canvas, 1.5 / 12, 1.5 / 12))
    until(page, "s.token === 14")
    wall.scroll_into_view_if_needed()
    wall.tap(position=thumbnail(page, 1, 1))
    until(page, "s.layer === 1 && s.unit === 1 && s.locked")
    expect(part(page, "wallHead")).to_contain_text("Edges head")


def test_scores_patterns_and_their_difference(visit: Visit):
    page = ready(visit(PATH))
    kind, log = part(page, "kind"), part(page, "scale").locator("input[value=log]")
    for value in ("scores", "rank", "value", "pattern"):
        choose(kind, value)
        until(page, f"s.kind === '{value}'")
        ready(page)
        if value in ("scores", "rank"):
            expect(log).to_be_disabled()
        else:
            expect(log).to_be_enabled()
    choose(kind, "scores")
    expect(page).to_have_url(re.compile("kind=scores"))


def test_mean_and_rollout(visit: Visit):
    page = ready(visit(PATH))
    choose(part(page, "unit"), "mean")
    expect(page).to_have_url(re.compile("head=mean"))
    choose(part(page, "unit"), "rollout")
    expect(page).to_have_url(re.compile("head=rollout"))
    ready(page)
    part(page, "numbersTwin").locator("summary").click()
    expect(part(page, "numbersTable").locator("tr[data-token]").first).to_be_visible()


def test_exact_numbers_are_those_of_the_engine(visit: Visit):
    import prisma_engine as pe
    from apps.common import pictures

    model = pe.load("emoji-vit")
    row = pe.attention_maps(model, model.preprocess(pictures.first().image)).pattern(3)[0, 103]
    page = ready(visit(PATH))
    part(page, "numbersTwin").locator("summary").click()
    best = part(page, "numbersTable").locator(f'tr[data-token="{int(row.argmax())}"]')
    expect(best).to_contain_text(f"{100 * row.max():.2f}")


def test_a_point_of_the_scatter_selects_its_head_everywhere(visit: Visit):
    page = ready(visit(PATH))
    scatter = part(page, "scatter")
    scatter.scroll_into_view_if_needed()
    box = scatter.bounding_box()
    assert box
    found = None
    for x in range(60, int(box["width"]) - 10, 16):
        for y in range(15, int(box["height"]) - 30, 12):
            scatter.hover(position={"x": x, "y": y})
            peek = state(page)["peek"]
            if peek and (peek["layer"], peek["unit"]) != (3, 0):
                found = (x, y, peek)
                break
        if found:
            break
    assert found, "no point of the scatter answers the pointer"
    x, y, head = found
    expect(part(page, "caption")).to_contain_text(f"Layer {head['layer']}, head {head['unit']}")
    scatter.click(position={"x": x, "y": y})
    expect(part(page, "wallHead")).to_contain_text(f"L{head['layer']} H{head['unit']}")
    expect(part(page, "headLock")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("Metric across").select_option("cls_mass")
    expect(page).to_have_url(re.compile("x=cls_mass"))


def test_a_head_type_leads_to_its_head_and_to_its_examples(visit: Visit):
    page = ready(visit(PATH))
    part(page, "typeList").locator('.pl-headchip[data-layer="1"][data-head="1"]').click()
    expect(part(page, "wallHead")).to_contain_text("L1 H1 · Edges head")
    before = answer(page)
    examples = page.locator("#tour .pl-example")
    expect(examples).to_have_count(3)
    examples.first.click()
    expect(page).to_have_url(re.compile(r"seed=\d+"))
    expect(page.locator("#answer .answers")).not_to_have_text(before)
    expect(page.locator('#examples .picker button[aria-pressed="true"]')).to_have_count(0)
    expect(part(page, "picture0").locator("figcaption")).to_contain_text("Scene")
    again = ready(visit(f"{PATH}?{page.url.split('?')[1]}"))
    expect(part(again, "picture0").locator("figcaption")).to_contain_text("Scene")


def test_the_page_is_dark_when_asked(visit: Visit):
    page = ready(visit(f"{PATH}?__theme=dark"))
    expect(page.locator("body")).to_have_class(re.compile("dark"))
