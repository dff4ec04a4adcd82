"""Findings over a training: measured at every kept step, on the same pictures, and the same again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import prisma_engine as pe
from checkpoints import STEPS, random_weights, write_model
from prisma_engine.curves import FILE, Curves, read_curves
from prisma_engine.load import history, models_folder
from prisma_engine.studies import training_curves as study
from prisma_engine.studies.training_curves import Sizes, _drawn, report, training_curves
from prisma_engine.toy.dsprites_task import task

SIZES = Sizes(lens=40, threshold=30, heads=12, shuffles=19)


def answering(index: int) -> dict[str, torch.Tensor]:
    """Weights that answer one class whatever they read, and whose heads read every token alike."""
    weights = random_weights(99)
    for name, values in weights.items():
        if name.startswith("head.") or ".qkv." in name:
            values.zero_()
    weights["head.linear.bias"][index] = 9.0
    return weights


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two random steps, then one for each constant answer."""
    weights = {0: random_weights(0), 1: random_weights(1), **{2 << i: answering(i) for i in range(3)}}
    return write_model(tmp_path_factory.mktemp("cards"), weights=weights)


@pytest.fixture(scope="module")
def curves(folder: Path) -> Curves:
    return training_curves(folder, task(), "dsprites", SIZES)


def test_a_constant_answer_has_the_iou_of_a_constant_answer(curves: Curves):
    assert curves.lens is not None and curves.steps == (0, 1, 2, 4, 8)
    constant = [iou[-1] for iou in curves.lens.iou[2:]]
    assert max(constant) == pytest.approx(curves.lens.baseline) and min(constant) > 0
    assert all(iou[-1] != pytest.approx(curves.lens.baseline) for iou in curves.lens.iou[:2])


def test_heads_that_read_all_alike_are_of_no_type_and_random_ones_differ(curves: Curves):
    patches = [of for of in curves.types if of.id != "cls"]
    assert {"corner", "edges", "modulus"} <= {of.id for of in patches}
    for of in patches:
        assert not any(of.named[2:])
        assert all(abs(value or 0) < 0.02 for layers in of.strength[2:] for row in layers for value in row), of.id
    assert any(of.strength[0] != of.strength[1] for of in patches)


def test_the_same_again_and_through_its_file(folder: Path, curves: Curves, tmp_path: Path):
    again = training_curves(folder, task(), "dsprites", SIZES)
    assert again == curves
    assert training_curves(folder, task(), "dsprites", SIZES, seed=1) != replace(curves, seed=1)
    curves.save(tmp_path)
    read = read_curves(tmp_path)
    assert read is not None and read.to_dict() == curves.to_dict()
    assert read.sizes == {"lens": 40, "threshold": 30, "heads": 12, "shuffles": 19} and read.seed == 0


def test_thresholds_are_chosen_on_other_pictures():
    drawn = _drawn(task(), SIZES, seed=3)
    held = {name: {picture.numpy().tobytes() for picture in pictures} for name, (pictures, _) in drawn.items()}
    assert not held["threshold"] & (held["lens"] | held["heads"])
    assert held["heads"] <= held["lens"] and len(drawn["threshold"][0]) == 30


def test_without_masks_there_is_no_lens(folder: Path):
    found = training_curves(folder, task(), "some photos", SIZES)
    assert found.lens is None and found.types and set(found.sizes) == {"heads", "shuffles"}
    assert "lens" not in report(found)


def test_the_report_has_a_line_for_each_step(curves: Curves):
    lines = report(curves).splitlines()
    assert len(lines) == len(curves.steps) and "lens IoU" in lines[0] and "corner" in lines[0]


def test_a_model_without_steps_is_refused(tmp_path: Path):
    folder = write_model(tmp_path)
    for path in (folder / "steps").iterdir():
        path.unlink()
    with pytest.raises(ValueError, match="kept no steps"):
        training_curves(folder, task(), "dsprites", SIZES)


def test_too_few_pictures_are_refused():
    with pytest.raises(ValueError, match="held-out pictures are needed"):
        _drawn(task(), Sizes(lens=10**6), 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda values: values.pop("rule"), "lacks rule"),
        (lambda values: values.update(colour=1), "unknown fields: colour"),
        (lambda values: values["steps"].pop(), "other than its 4 steps"),
    ],
)
def test_a_damaged_file_is_refused(curves: Curves, tmp_path: Path, change, said: str):
    values = curves.to_dict()
    change(values)
    (tmp_path / FILE).write_text(json.dumps(values))
    with pytest.raises(ValueError, match=said):
        read_curves(tmp_path)
    assert read_curves(tmp_path / "elsewhere") is None


def test_the_command_writes_beside_the_weights(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("PRISMA_MODELS", str(tmp_path))
    folder = write_model(tmp_path)
    monkeypatch.setattr("sys.argv", ["training_curves", folder.name, "--share", "0.05"])
    study.main()
    found = read_curves(folder)
    assert found is not None and found.steps == STEPS and found.model == folder.name
    assert capsys.readouterr().out.count("step") == len(STEPS)


@pytest.mark.parametrize("name", [path.parent.name for path in models_folder().glob(f"*/{FILE}")] or [None])
def test_what_ships_is_about_the_model_beside_it(name: str | None):
    if name is None:
        pytest.skip("no shipped model has curves.json yet: run prisma_engine.studies.training_curves for one")
    found = read_curves(models_folder() / name)
    assert found is not None and found.model == name
    model = pe.load(name)
    assert (found.layers, found.n_heads) == (model.config.n_layers, model.config.n_heads)
    assert found.steps == history(name).steps
    if found.lens is not None:
        iou = np.array(found.lens.iou)
        assert ((iou >= 0) & (iou <= 1)).all() and iou.std(0).max() > 0
