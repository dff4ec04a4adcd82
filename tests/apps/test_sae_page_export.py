"""What a visitor takes away says what the screen said: picture, table, numbers, Python."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from apps.common import pictures
from apps.common.desk import Session
from apps.sae_steering import export, saved
from apps.sae_steering.analysis import SteerResult
from apps.sae_steering.bench import Bench
from apps.sae_steering.first import first_view, opening
from apps.sae_steering.handlers import SteerDesk
from apps.sae_steering.latents import latent_value
from apps.sae_steering.page import WRITERS, SteeringPage
from apps.sae_steering.plan import Plan
from apps.sae_steering.trying import Trial
from prisma_engine.sae.features import COLUMNS, Dial, Rack, controls, direct_effect, generality, steer_run
from prisma_engine.sources import scenes

ROOT = Path(__file__).parents[2]
SECOND = "emoji-vit-sae/blocks.2.hook_resid_post"


def worked_on(
    desk: SteerDesk, picture: pictures.Picture, sae: str, where: str | tuple[int, ...] = "all", keep_error: bool = True
) -> tuple[Session, Bench]:
    session = desk.show(picture, "emoji-vit", variant=Plan(sae).text)
    result = desk.result(session)
    view = first_view(result)
    latents = result.features.at(view.tokens[0])[0].tolist()
    dials = (Dial(latents[0], "add", -3.5), Dial(latents[1], "ablate"), Dial(latents[2], "scale", 2.0))
    rack = Rack(dials, where, keep_error)
    run = steer_run(result.start, rack, result.typical)
    return session, Bench(session.key, view, rack=rack, steered=run)


@pytest.fixture(scope="module")
def done(steer_desk: SteerDesk) -> tuple[SteerResult, Bench]:
    session, bench = worked_on(steer_desk, opening(), "emoji-vit-sae/blocks.3.hook_resid_post")
    result = steer_desk.result(session)
    bench.latent = latent_value(steer_desk, session, bench, bench.view.latent or 0)
    bench.controls = controls(result.start, bench.rack, result.typical, result.answer, 10)
    found = generality(result.loaded.sae, result.model, bench.rack, result.typical, result.answer, scenes(), 8)
    bench.trial = Trial(found, "8 scenes", "key")
    return result, bench


@pytest.mark.slow
@pytest.mark.parametrize(
    ("picture", "sae", "where", "keep_error"),
    [
        (opening(), "emoji-vit-sae/blocks.3.hook_resid_post", "all", True),
        (pictures.seeded("3"), SECOND, "cls", False),
        (pictures.example("cat-in-toilet"), SECOND, (0, 29, 40), True),
    ],
)
def test_the_copied_python_prints_the_numbers_on_screen(
    steer_desk: SteerDesk, picture: pictures.Picture, sae: str, where: str | tuple[int, ...], keep_error: bool
):
    session, bench = worked_on(steer_desk, picture, sae, where, keep_error)
    result = steer_desk.result(session)
    code = export.python_code(result, bench)
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert ran.returncode == 0, ran.stderr
    lines = ran.stdout.splitlines()
    explained, l0 = (float(part.split()[-1]) for part in lines[0].split(","))
    assert explained == pytest.approx(result.features.explained_variance, abs=1e-4) and l0 == result.features.l0
    printed = [line.split() for line in lines if line.startswith("token")]
    expected = [
        (token, latent, act)
        for token in bench.view.tokens
        for latent, act in zip(*(part.tolist() for part in result.features.at(token)), strict=True)
    ]
    assert [(int(row[1]), int(row[3])) for row in printed] == [(token, latent) for token, latent, _ in expected]
    assert [float(row[4]) for row in printed] == pytest.approx([act for *_, act in expected], abs=2e-4)
    run = bench.steered
    assert run is not None
    heads = {line.split(":")[0]: float(line.split()[-1]) for line in lines if "logit of" in line}
    assert heads == pytest.approx({name: float(run.column(name)[result.answer]) for name in COLUMNS}, abs=5e-4)
    classes = [int(line.split()[-1]) for line in lines if line.startswith("  ")]
    assert classes == [row["index"] for name in COLUMNS for row in result.top_of(run.column(name))]


def test_python_for_an_upload_says_which_picture_it_needs(steer_desk: SteerDesk, tmp_path: Path):
    path = tmp_path / "a.png"
    Image.new("RGB", (20, 20), "red").save(path)
    session = steer_desk.show(pictures.uploaded(str(path)), "emoji-vit", "", str(path))
    code = export.python_code(steer_desk.result(session), Bench())
    compile(code, "copied", "exec")
    assert "your-picture.jpg" in code and str(tmp_path) not in code


def test_names_that_a_visitor_typed_stay_text_in_python():
    name = 'a"{b}\n\\'
    assert eval(f'f"{export._quoted(name)}"') == "a'{b}\n\\"


def test_the_table_has_a_row_for_each_active_latent(done: tuple[SteerResult, Bench]):
    result, bench = done
    rows = list(csv.reader(io.StringIO(export.table_csv(result, bench).decode())))
    features = result.features
    assert len(rows) == 1 + features.n_entries and rows[1][:2] == ["0", "CLS"]
    assert rows[0][-1] == f"direct effect: {result.vocabulary.names[result.answer]}"
    effect = direct_effect(result.start, result.answer, features).effect
    for place in (0, 20, features.n_entries - 1):
        row = rows[1 + place]
        assert int(row[3]) == int(features.latents[place]) and int(row[0]) == int(features.token[place])
        assert float(row[5]) == pytest.approx(float(features.acts[place]), rel=1e-4)
        assert float(row[7]) == pytest.approx(float(effect[place]), rel=1e-4)
    assert rows[-1][:3] == ["144", "11", "11"]


def test_the_numbers_are_the_run_s(done: tuple[SteerResult, Bench]):
    result, bench = done
    text = export.numbers_json(result, bench).decode()
    table = json.loads(text)
    assert table["sae"]["id"] == result.loaded.id and "/gradio_api/prisma//" not in text
    assert len(table["rack"]["chips"]) == 3 and len(table["changes"]) == 3
    latent = bench.rack.dials[0].latent
    assert table["changes"][str(latent)][1] == pytest.approx(-3.5 * float(result.typical[latent]))
    assert table["controls"]["random"]["n"] == 10 and table["general"]["done"] == 8
    assert table["run"]["top"][0]["index"] == result.answer


def test_the_picture_is_for_print(done: tuple[SteerResult, Bench], steered: SteerResult):
    picture = Image.open(io.BytesIO(saved.picture_png(*done)))
    assert picture.format == "PNG" and picture.width >= 2000
    assert saved.picture_png(steered, Bench()).startswith(b"\x89PNG")


def test_a_lens_that_is_not_sure_is_left_blank(done: tuple[SteerResult, Bench]):
    result, bench = done
    assert bench.steered is not None and bench.steered.lens is not None
    frame = saved.frame_of(result, bench.steered, "original")
    assert frame is not None
    sure = (bench.steered.lens.probability[0, 1:] >= saved.LEAST).tolist()
    assert [bool(emoji) for emoji in frame.emoji] == sure and any(sure) and not all(sure)


def test_the_card_is_a_picture():
    from apps.sae_steering.app import card_picture

    assert Image.open(io.BytesIO(card_picture())).size[0] > 600


def test_every_save_button_writes_a_file(steer_desk: SteerDesk, done: tuple[SteerResult, Bench]):
    page, session = SteeringPage(steer_desk), steer_desk.show(opening(), "emoji-vit")
    for name, (_, suffix) in WRITERS.items():
        file = Path(page.saver(name)(session, done[1]))
        assert file.name == f"steering-{name}.{suffix}" and file.stat().st_size > 500
    with pytest.raises(ValueError, match="no result to save"):
        page.saver("table")(None, None)
