"""What a visitor takes away says what the screen said: pictures, the matrix, the numbers, the Python."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import gradio as gr
import numpy as np
import pytest
from PIL import Image

from apps.attention_tour import export, saved
from apps.attention_tour.analysis import TourResult
from apps.attention_tour.compare import with_causal, with_picture
from apps.attention_tour.first import first_view
from apps.attention_tour.handlers import TourDesk
from apps.attention_tour.measures import say
from apps.attention_tour.page import WRITERS, TourPage
from apps.attention_tour.painting import HIDDEN, READS, colors, rgb, tints
from apps.attention_tour.view import TourView
from apps.attention_tour.whatif import WhatIf
from apps.common import pictures

ROOT = Path(__file__).parents[2]


def printed(code: str) -> dict[str, list[tuple[str, list[float]]]]:
    """Run the copied Python as a visitor would; for each run its rows: place, and the numbers as printed."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    runs: dict[str, list[tuple[str, list[float]]]] = {}
    for line in done.stdout.splitlines():
        if not line.startswith("  "):
            rows = runs.setdefault(line, [])
            continue
        words = line.replace("value-weighted", "value").split()
        first = min(words.index(word) for word in ("pattern", "rollout") if word in words)
        rows.append((" ".join(words[:first]), [float(word) for word in words[first + 1 :: 2]]))
    return runs


def expected(result: TourResult, view: TourView) -> list[tuple[int, list[float]]]:
    """The ten keys that the locked token reads most, with the numbers of the page's table."""
    rows = {kind: row for kind, (row, _) in result.exact(view.layer, view.unit, view.token or 0).items()}
    kinds = ("pattern",) if view.unit == "rollout" else ("pattern", "scores", "value")
    keys = np.argsort(-rows["pattern"], kind="stable")[:10]
    return [(int(key), [float(rows[kind][key]) for kind in kinds]) for key in keys]


def place(result: TourResult, token: int) -> str:
    row, column = divmod(token - 1, result.maps.grid[1])
    return f"row {row + 1}, column {column + 1}" if token else "CLS"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("view", "variant"),
    [
        (TourView(layer=3, unit=0, token=103), ""),
        (TourView(layer=2, unit="mean", token=0), "causal:1"),
        (TourView(layer=4, unit="rollout", token=60), ""),
        (TourView(layer=2, unit=1, token=88, kind="scores"), "causal:0:all"),
    ],
)
def test_the_copied_python_prints_the_numbers_on_screen(tour_desk: TourDesk, view: TourView, variant: str):
    result = tour_desk.run(pictures.first(), "emoji-vit", variant=variant)
    (rows,) = printed(export.python_code(result, view)).values()
    wanted = expected(result, view)
    assert len(rows) == len(wanted) == 10
    for (where, numbers), (key, exact) in zip(rows, wanted, strict=True):
        assert where == place(result, key)
        np.testing.assert_allclose(numbers, exact, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["causal:2", "picture"])
def test_the_copied_python_prints_both_runs_of_a_comparison(tour_desk: TourDesk, tour: TourResult, what: str):
    seen = pictures.seeded("17") if what == "picture" else pictures.first()
    beside = tour_desk.run(seen, "emoji-vit", variant="" if what == "picture" else what)
    view = first_view(tour)
    runs = printed(export.python_code(tour, view, beside))
    assert len(runs) == 2
    for result, rows in zip((tour, beside), runs.values(), strict=True):
        for (where, numbers), (key, exact) in zip(rows, expected(result, view), strict=True):
            assert where == place(result, key)
            np.testing.assert_allclose(numbers, exact, atol=2e-5)


def test_python_for_an_upload_says_which_picture_it_needs(tour_desk: TourDesk, tour: TourResult, tmp_path: Path):
    path = tmp_path / "a.png"
    Image.new("RGB", (20, 20), "red").save(path)
    mine = tour_desk.run(pictures.uploaded(str(path)), "emoji-vit")
    for code in (export.python_code(mine, TourView()), export.python_code(tour, TourView(), mine)):
        compile(code, "copied", "exec")
        assert "-picture.jpg" in code and str(tmp_path) not in code


def test_python_leaves_out_a_second_run_that_has_no_such_token(tour_desk: TourDesk, tour: TourResult):
    class Small:
        """A run of a model with fewer layers."""

        maps = type("Maps", (), {"n_layers": 1, "n_heads": 4, "n_tokens": 145, "layout": tour.maps.layout})()

    code = export.python_code(tour, TourView(layer=3, unit=0, token=103), Small())  # type: ignore[arg-type]
    assert code == export.python_code(tour, TourView(layer=3, unit=0, token=103))


@pytest.mark.parametrize("unit", [2, "mean", "rollout"])
@pytest.mark.parametrize("kind", ["pattern", "scores", "rank", "value"])
def test_the_saved_matrix_is_the_one_on_show(tour: TourResult, unit: int | str, kind: str):
    if unit == "rollout" and kind != "pattern":
        return
    view = TourView(layer=3, unit=unit, kind=kind, scale="log")  # type: ignore[arg-type]
    matrix = np.load(io.BytesIO(export.matrix_file(tour, view)))
    assert matrix.shape == (145, 145) and matrix.dtype == np.float32
    np.testing.assert_array_equal(matrix, tour.matrix(kind, 3, unit))  # type: ignore[arg-type]
    if kind != "rank":
        np.testing.assert_allclose(matrix[9], tour.exact(3, unit, 9)[kind][0], atol=2e-5)  # type: ignore[arg-type]


def test_the_numbers_are_the_run_s(tour_desk: TourDesk):
    result = tour_desk.run(pictures.first(), "emoji-vit", variant="causal:1")
    table = json.loads(export.numbers_json(result, TourView(layer=2, unit=1, token=50)))
    assert table["view"] == {"layer": 2, "head": 1, "token": 50, "kind": "pattern"}
    assert table["causal"] == {"from": 1, "prefix_sees_all": True}
    scores = table["token"]["scores"]["row"]
    assert scores[51] is None and scores[50] is not None  # hidden by the mask, not a number
    np.testing.assert_allclose(table["token"]["pattern"]["row"], result.matrix("pattern", 2, 1)[50], atol=1e-5)
    np.testing.assert_allclose(table["token"]["value"]["column"], result.matrix("value", 2, 1)[:, 50], atol=1e-5)
    assert np.array(table["metrics"]["entropy"]).shape == (5, 4)
    assert table["answer"][0]["name"] == result.top5[0].name


@pytest.mark.slow
@pytest.mark.parametrize(
    "view",
    [
        TourView(layer=3, unit=0, token=103),
        TourView(layer=1, unit="mean", kind="value", scale="log", norm="matrix"),
        TourView(layer=2, unit="rollout", token=0),
        TourView(layer=2, unit=3, kind="rank", token=144),
    ],
)
def test_the_picture_is_for_print_and_shows_both_runs(tour_desk: TourDesk, tour: TourResult, view: TourView):
    one = Image.open(io.BytesIO(saved.picture_png(tour, view)))
    both = tour_desk.run(pictures.first(), "emoji-vit", variant="causal:0:all")
    two = Image.open(io.BytesIO(saved.picture_png(tour, view, both)))
    assert one.format == two.format == "PNG" and one.width >= 2000 and two.height > 1.8 * one.height


def test_the_animation_has_every_layer(tour: TourResult):
    animation = Image.open(io.BytesIO(saved.animation_gif(tour, first_view(tour))))
    assert animation.format == "GIF" and getattr(animation, "n_frames", 1) == tour.maps.n_layers


def test_a_comparison_is_taken_away_whole(tour_desk: TourDesk, tour: TourResult):
    view = TourView(layer=3, unit=0, token=50)
    other = tour_desk.run(pictures.first(), "emoji-vit", variant="causal:2")
    both = np.load(io.BytesIO(export.matrix_file(tour, view, other)))
    for name, run in (("first", tour), ("second", other)):
        assert both[name].dtype == np.float32
        np.testing.assert_array_equal(both[name], run.matrix("pattern", 3, 0))
    assert not np.allclose(both["first"], both["second"], atol=0.01)
    one, two = json.loads(export.numbers_json(tour, view, other))["runs"]
    assert one == json.loads(export.numbers_json(tour, view)) and two == json.loads(export.numbers_json(other, view))
    assert (one["causal"], two["causal"]) == (None, {"from": 2, "prefix_sees_all": True})
    alone, film = (Image.open(io.BytesIO(saved.animation_gif(tour, view, beside))) for beside in (None, other))
    assert film.height == 2 * alone.height and film.n_frames == alone.n_frames  # type: ignore[attr-defined]


def test_what_a_mask_hides_is_grey_and_said_to_be_hidden(tour_desk: TourDesk):
    causal = tour_desk.run(pictures.first(), "emoji-vit", variant="causal:2:all")
    view = saved.head_view(causal, TourView(layer=3, unit=0, token=50))
    assert (
        np.isneginf(view.row[51:]).all()
        and np.isfinite(view.row[:51]).all()
        and say("pattern", view.row[60]) == "hidden"
    )
    assert (colors(view.shades(view.row), "pattern")[51:] == rgb(HIDDEN)).all()
    hues, opacity = tints(view, view.shades(view.row), READS)
    assert (hues[51:] == rgb(HIDDEN)).all() and (opacity[51:] > 0.5).all() and (hues[:51] == rgb(READS)).all()
    assert np.isfinite(saved.head_view(causal, TourView(layer=1, unit=0, token=50)).matrix).all()  # before the mask


def test_the_newest_view_is_the_canvas_s_own(tour_desk: TourDesk, tour: TourResult):
    page, session, told = TourPage(tour_desk), tour_desk.show(pictures.first(), "emoji-vit"), first_view(tour)
    newest = {**told.as_dict(), "layer": 1, "unit": 2}
    view, address, link, code = page.newest_links(session, None, told, newest)
    assert (view.layer, view.unit) == (1, 2) and "layer=1&head=2" in link == address["query"] and "[2, token]" in code
    assert "layer1-head2" in Path(page.saver("matrix")(session, None, told, newest)).name
    assert "layer3-head0" in Path(page.saver("matrix")(session, None, told, {"layer": 99})).name  # of another run
    assert page.newest_links(None, None, None, newest) == gr.skip()


@pytest.mark.slow
def test_the_python_says_where_no_patch_is_locked_and_prints_ranks(tour: TourResult):
    code = export.python_code(tour, TourView(layer=3, unit=0, kind="rank"))
    assert "no patch is locked, so the CLS token" in code and "no patch" not in export.python_code(
        tour, TourView(token=0)
    )
    rows = next(iter(printed(code).values()))
    keys = np.argsort(-tour.matrix("pattern", 3, 0)[0], kind="stable")[:10]
    np.testing.assert_allclose([row[1][-1] for row in rows], tour.matrix("rank", 3, 0)[0][keys], atol=1e-3)


def test_the_card_is_a_picture(tour: TourResult):
    assert Image.open(io.BytesIO(saved.card(tour, first_view(tour)))).size[0] > 600


def test_every_save_button_writes_a_file_named_after_what_it_holds(tour_desk: TourDesk, tour: TourResult):
    page, session = TourPage(tour_desk), tour_desk.show(pictures.first(), "emoji-vit")
    for name, (_, suffix) in WRITERS.items():
        file = Path(page.saver(name)(session, None, first_view(tour)))
        assert file.name == f"attention-tour-{name}-emoji-vit-layer3-head0-pattern.{suffix}"
        assert file.stat().st_size > 1000
    against = with_causal(tour_desk, session, WhatIf(2, prefix_sees_all=False))
    file = Path(page.saver("matrix")(session, against, first_view(tour)))
    assert file.name == "attention-tour-matrix-emoji-vit-layer3-head0-pattern-vs-causal-from-2-all-tokens.npz"
    against = with_picture(tour_desk, session, pictures.example("cat-and-dog"))
    file = Path(page.saver("numbers")(session, against, first_view(tour)))
    assert file.name == "attention-tour-numbers-emoji-vit-layer3-head0-pattern-vs-A-cat-and-a-dog.json"
    with pytest.raises(ValueError, match="no result to save"):
        page.saver("matrix")(None, None, None)
