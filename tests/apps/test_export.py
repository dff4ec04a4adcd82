"""What a visitor takes away says what the screen said."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from apps.common import pictures
from apps.dogit_lens import drawing, export
from apps.dogit_lens.analysis import LensResult
from apps.dogit_lens.handlers import LensDesk
from apps.dogit_lens.view import View

ROOT = Path(__file__).parents[2]


def printed(code: str) -> list[tuple[str, float, float]]:
    """Run the copied Python as a visitor would; (name, logit, probability) of each line."""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines()]
    return [(" ".join(row[: row.index("logit")]), float(row[row.index("logit") + 1]), float(row[-1])) for row in rows]


@pytest.mark.slow
@pytest.mark.parametrize("scene", [False, True])
def test_the_copied_python_prints_the_numbers_on_screen(desk: LensDesk, result: LensResult, scene: bool):
    if scene:
        result = desk.run(pictures.scene_in_link("5_48.300.400.450.-100"), "emoji-vit")
    view = View(layer=5, token=40)
    logits = result.logits[view.layer, 40]
    order = np.argsort(-logits)[:5]
    probability = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    for (name, logit, p), index in zip(printed(export.python_code(result, view)), order, strict=True):
        assert name == result.vocabulary.names[index]
        assert logit == pytest.approx(logits[index], abs=2e-3) and p == pytest.approx(probability[index], abs=2e-4)


def test_the_code_for_an_upload_says_which_picture_it_needs(desk: LensDesk, tmp_path: Path):
    path = tmp_path / "a.png"
    Image.new("RGB", (20, 20), "red").save(path)
    code = export.python_code(desk.run(pictures.uploaded(str(path)), "emoji-vit"), View())
    compile(code, "copied", "exec")
    assert "your-picture.jpg" in code and str(tmp_path) not in code


def test_the_numbers_are_the_result_s(result: LensResult):
    table = json.loads(export.numbers_json(result, View(layer=2, token=7)))
    shape = np.array(table["logit"]).shape
    assert shape == (len(result.labels), 145, 5) and table["view"] == {"layer": result.labels[2], "token": 7}
    best = np.array(table["class"])[2, 7]
    np.testing.assert_allclose(np.array(table["logit"])[2, 7], result.logits[2, 7][best], atol=1e-3)
    assert table["names"][best[0]] == result.vocabulary.names[int(result.logits[2, 7].argmax())]


@pytest.mark.parametrize(
    "view",
    [
        View(layer=4),
        View(layer=4, color="logit"),
        View(color="probability", least=0.5),
        View(search=3, overlay="search"),
    ],
)
def test_the_picture_is_for_print(result: LensResult, view: View):
    picture = Image.open(io.BytesIO(drawing.picture_png(result, view)))
    assert picture.format == "PNG" and picture.width >= 2000


def test_a_frame_shows_what_the_screen_shows(result: LensResult):
    last = len(result.labels) - 1
    every = drawing.frame(result, last, View())
    sure = drawing.frame(result, last, View(least=0.5))
    heat = drawing.frame(result, last, View(search=int(result.picture.objects[0]), overlay="search"))
    best = result.logits[last, result.n_prefix :]
    assert every.emoji[0] == result.vocabulary.emoji[int(best[0].argmax())] and all(every.tints)
    probability = np.exp(best.max(-1) - drawing.logsumexp(best))
    assert [bool(emoji) for emoji in sure.emoji] == [bool(tint) for tint in sure.tints] == list(probability >= 0.5)
    assert not any(heat.emoji) and len(set(heat.tints)) > 2


def test_the_animation_has_every_layer(result: LensResult):
    animation = Image.open(io.BytesIO(drawing.layers_gif(result, View())))
    assert animation.format == "GIF" and getattr(animation, "n_frames", 1) == len(result.labels)


def test_strip_and_card_are_pictures(result: LensResult):
    for data in (drawing.strip_png(result, View(), width=60), drawing.card_png(result)):
        assert Image.open(io.BytesIO(data)).format == "PNG"
