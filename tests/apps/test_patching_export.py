"""What a visitor takes away says what the screen said: picture, table, numbers, Python."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apps.cat_dog_patching import export, saved
from apps.cat_dog_patching.analysis import PairResult
from apps.cat_dog_patching.applying import apply_chips
from apps.cat_dog_patching.bench import Bench
from apps.cat_dog_patching.first import opening
from apps.cat_dog_patching.handlers import PairDesk
from apps.cat_dog_patching.page import WRITERS, PatchingPage
from apps.cat_dog_patching.places import Chip
from apps.cat_dog_patching.plan import Other, Plan
from apps.cat_dog_patching.sweeping import sweep_steps
from apps.cat_dog_patching.view import PatchView
from apps.common import pictures

ROOT = Path(__file__).parents[2]
HEADS = (Chip("z", 3, 1, "cls"), Chip("z", 4, 2, "cls"))


def worked_on(desk: PairDesk, picture: pictures.Picture, plan: Plan, view: PatchView) -> tuple[PairResult, Bench]:
    session = desk.show(picture, "emoji-vit", "", None, plan.text)
    result, model, bench = desk.result(session), desk.model(session), Bench()
    bench.applied = apply_chips(model, result, HEADS)
    *_, bench.sweep = sweep_steps(model, result, view.ask)
    bench.view = view
    return result, bench


@pytest.fixture(scope="module")
def done(pair_desk: PairDesk) -> tuple[PairResult, Bench]:
    return worked_on(pair_desk, opening(), Plan(), PatchView())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("picture", "plan", "view"),
    [
        (opening(), Plan(), PatchView()),
        (opening(), Plan(preparation="tutorial"), PatchView("v", "head,token", 4)),
        (pictures.example("cat-and-dog"), Plan(swap=True), PatchView()),
        (
            pictures.example("apple-beside-bagel"),
            Plan(other=Other("seed", "3")),
            PatchView("mlp_out", "layer,token"),
        ),
    ],
)
def test_the_copied_python_prints_the_numbers_on_screen(
    pair_desk: PairDesk, picture: pictures.Picture, plan: Plan, view: PatchView
):
    result, bench = worked_on(pair_desk, picture, plan, view)
    code = export.python_code(result, bench, view)
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    metrics = {line.split()[0]: float(line.split()[1]) for line in lines if line[0] != " " and len(line.split()) == 2}
    assert bench.applied is not None and bench.sweep is not None
    expected = {"clean": result.clean.metric, "corrupt": result.corrupt.metric, "patched": bench.applied.metric}
    assert metrics == pytest.approx(expected, abs=2e-4)
    first = next(i for i, line in enumerate(lines) if line.startswith("denoise"))
    second = next(i for i, line in enumerate(lines) if line.startswith("noise"))
    n = len(bench.sweep.as_dict()["denoise"])
    for start, direction in ((first, "denoise"), (second, "noise")):
        rows = [[float(word) for word in line.split()[1:]] for line in lines[start + 1 : start + 1 + n]]
        np.testing.assert_allclose(rows, bench.sweep.as_dict()[direction], atol=2e-4)
    classes = [int(line.split()[-1]) for line in lines if "class" in line]
    assert classes == [answer["index"] for answer in bench.applied.as_dict(result)["top"]]


def test_python_for_an_upload_says_which_picture_it_needs(pair_desk: PairDesk, tmp_path: Path):
    path = tmp_path / "a.png"
    Image.new("RGB", (20, 20), "red").save(path)
    result, bench = worked_on(pair_desk, opening(), Plan(other=Other("upload", "a", str(path))), PatchView())
    code = export.python_code(result, bench, bench.view)
    compile(code, "copied", "exec")
    assert "your-other-picture.jpg" in code and str(tmp_path) not in code


def test_the_table_has_a_row_for_each_patch(done: tuple[PairResult, Bench]):
    result, bench = done
    rows = list(csv.reader(io.StringIO(export.table_csv(result, bench, bench.view).decode())))
    assert rows[0][0] == "# logit of cat face − logit of dog face" and rows[1][:2] == ["layer", "head"]
    assert len(rows) == 2 + 20 and bench.sweep is not None
    cell = rows[2 + 4 * 3 + 1]
    assert cell[:2] == ["L3", "H1"]
    assert float(cell[2]) == pytest.approx(bench.sweep.as_dict()["denoise"][3][1], abs=1e-4)
    share = (float(cell[2]) - result.corrupt.metric) / (result.clean.metric - result.corrupt.metric)
    assert float(cell[5]) == pytest.approx(share, abs=1e-4)
    with pytest.raises(ValueError, match="no map to save yet"):
        export.table_csv(result, Bench(), PatchView())


def test_the_numbers_are_the_pair_s(done: tuple[PairResult, Bench]):
    result, bench = done
    text = export.numbers_json(result, bench, bench.view).decode()
    table = json.loads(text)
    assert table["run"]["metric"]["clean"] == result.clean.metric and "/gradio_api/" not in text
    assert table["second"]["fill"] == "black" and table["applied"]["n_numbers"] == 64
    assert table["sweep"]["state"] == "done" and table["flip"] is None


def test_the_picture_is_for_print(pair_desk: PairDesk, done: tuple[PairResult, Bench]):
    picture = Image.open(io.BytesIO(saved.picture_png(*done, done[1].view)))
    assert picture.format == "PNG" and picture.width >= 2000
    wide = worked_on(pair_desk, opening(), Plan(), PatchView("v", "head,token", 4))
    assert Image.open(io.BytesIO(saved.picture_png(*wide, wide[1].view))).height > picture.height * 0.8
    assert saved.picture_png(done[0], Bench(), PatchView()).startswith(b"\x89PNG")


def test_applied_cells_are_marked_on_the_map(done: tuple[PairResult, Bench]):
    _, bench = done
    assert saved._marked(bench.sweep, bench.chips) == {(3, 1), (4, 2)}
    assert not saved._marked(bench.sweep, (Chip("v", 3, 1, "cls"),)) and not saved._marked(None, bench.chips)


def test_the_card_is_a_picture():
    from apps.cat_dog_patching.app import card_picture

    assert Image.open(io.BytesIO(card_picture())).size[0] > 600


def test_every_save_button_writes_a_file(pair_desk: PairDesk, done: tuple[PairResult, Bench]):
    page, session = PatchingPage(pair_desk), pair_desk.show(opening(), "emoji-vit")
    for name, (_, suffix) in WRITERS.items():
        file = Path(page.saver(name)(session, done[1]))
        assert file.name == f"patching-{name}-z.{suffix}" and file.stat().st_size > 500
    with pytest.raises(ValueError, match="no result to save"):
        page.saver("table")(None, None)
