"""Every number of docs/toy-zoo.md is one that the models' own folders or docs/data keep."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from apps.pictures.zoo import strongest
from notes import table_rows
from prisma_engine.curves import read_curves
from prisma_engine.history import read_history
from prisma_engine.studies.sprite_errors import COUNTING, by_counting, report, sprite_errors
from prisma_engine.toy.zoo.evaluate import read

ROOT = Path(__file__).resolve().parents[2]
CARDS = ROOT / "model_cards"
NOTE = (ROOT / "docs" / "toy-zoo.md").read_text(encoding="utf-8")
SIZES = ("tiny", "base", "small", "medium")


def percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def test_the_table_of_accuracies_is_that_of_the_models() -> None:
    told = table_rows(NOTE, "layers")
    assert len(told) == 4
    for size, cells in zip(SIZES, told, strict=True):
        scores = {
            (data, kind): read(CARDS / f"{data}-{size}-{kind}")["held_out"]
            for data in ("dsprites", "cifar10")
            for kind in ("attn-only", "attn-mlp")
        }
        expected = [
            f"{SIZES.index(size) + 1}",
            percent(scores["dsprites", "attn-only"]["random"]["accuracy"], 2),
            percent(scores["dsprites", "attn-only"]["compositional"]["accuracy"], 2),
            percent(scores["dsprites", "attn-mlp"]["random"]["accuracy"], 2),
            percent(scores["dsprites", "attn-mlp"]["compositional"]["accuracy"], 2),
            percent(scores["cifar10", "attn-only"]["test"]["accuracy"]),
            percent(scores["cifar10", "attn-mlp"]["test"]["accuracy"]),
        ]
        assert cells == expected


def test_the_table_of_mistakes_is_that_of_the_study() -> None:
    study = json.loads((ROOT / "docs" / "data" / "dsprites-errors.json").read_text(encoding="utf-8"))
    known = {one["model"]: one for one in study["models"]}
    told = table_rows(NOTE, "model")
    assert [cells[0].strip("`") for cells in told] == list(known)
    for cells in told:
        one = known[cells[0].strip("`")]
        assert cells[1] == percent(one["accuracy"])
        assert cells[2:] == [percent(one["by_scale"][shape][size]) for shape in range(3) for size in (0, -1)]


def test_when_each_left_chance_is_what_its_history_says() -> None:
    told = table_rows(NOTE, "training")
    assert len(told) == 8
    for cells in told:
        past = read_history(CARDS / cells[0].strip("`")).rows
        left = next(row.step for row in past if row.held_out_accuracy > 0.5)
        most = next((row.step for row in past if row.held_out_accuracy > 0.95), None)
        assert cells[1:] == [f"{left:,}", "never" if most is None else f"{most:,}", f"{past[-1].step:,}"], cells[0]


@pytest.mark.parametrize("name", ["dsprites-base-attn-mlp", "cifar10-base-attn-mlp"])
def test_the_strongest_heads_are_those_of_the_curves(name: str) -> None:
    curves = read_curves(CARDS / name)
    assert curves is not None
    told = next(cells for cells in table_rows(NOTE, "strongest head") if cells[0].strip("`") == name)
    tops = {kind.id: strongest(kind) for kind in curves.types}
    wanted = ("corner", "edges", "neighbour", "cls", "sink")
    assert told[1:] == [
        f"{max(tops[kind]):.2f} (step {curves.steps[tops[kind].index(max(tops[kind]))]:,})" for kind in wanted
    ]


def test_every_command_of_the_note_is_there() -> None:
    for module in re.findall(r"python -m (prisma_engine[.\w]+)", NOTE):
        assert (ROOT / (module.replace(".", "/") + ".py")).exists(), module


def test_the_study_of_mistakes_counts_and_lets_a_model_answer() -> None:
    study = sprite_errors(["dsprites-base-attn-mlp"], n=300)
    model, counting = study.models
    assert model.accuracy > 0.99 and counting.model == COUNTING and 0.7 < counting.accuracy < 1
    assert all(sum(row) == pytest.approx(1, abs=1e-3) for row in model.confusion)
    assert "300 held-out pictures" in report(study)
    with pytest.raises(ValueError, match="emoji-vit does not name the shapes of dSprites"):
        sprite_errors(["emoji-vit"], n=10)
    with pytest.raises(ValueError, match="n is from 1 to that, got 0"):
        sprite_errors([], n=0)


def test_counting_is_at_chance_where_areas_say_nothing() -> None:
    import numpy as np

    one = np.full(50, 1024 * 3)
    assert (by_counting(one, one) == 0).all()
