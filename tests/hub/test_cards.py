"""Cards say what was measured, in words that the Hub takes, and are found out where they do not."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from PIL import Image

from miniature_zoo import trained
from model_cards import __main__ as command
from model_cards import build, curves, schema

EVERY = build.folders()


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("zoo")
    folder = trained(root / "cards", root / "out", with_steps=True)
    build.build(folder)
    return folder


@pytest.fixture
def copy(model, tmp_path) -> Path:
    return Path(shutil.copytree(model, tmp_path / model.name))


@pytest.mark.parametrize("folder", EVERY, ids=lambda folder: folder.name)
def test_a_shipped_card_says_what_was_measured(folder):
    assert build.faults(folder) == []


def test_a_zoo_card_has_every_figure_of_its_scores_and_history(model):
    text, scores = (model / "README.md").read_text(), json.loads((model / "eval.json").read_text())
    for part, found in scores["held_out"].items():
        share = f"{100 * found['accuracy']:.2f} % | {100 * found['low']:.2f} % … {100 * found['high']:.2f} %"
        assert f"| {part} | 40 | {share} |" in text
    assert f"{scores['n_parameters']:,} parameters" in text
    assert all(f"`step-{step:06d}`" in text for step in (0, 1, 2, 4, 6))
    assert "2 layers, with MLPs | dSprites | 99.6 %" in text, "the public suite's model of this size"
    assert 'name = "dsprites-mini"' in text and "n_layers = 2" in text
    assert build.faults(model) == []


def test_the_results_are_a_model_index(model):
    data = ModelCard.load(model / "README.md").data
    scores = json.loads((model / "eval.json").read_text())["held_out"]
    assert {r.dataset_split: r.metric_value for r in data.eval_results} == {
        part: found["accuracy"] for part, found in scores.items()
    }


def test_the_curves_are_small_and_know_their_history(copy):
    path = copy / curves.PICTURE
    with Image.open(path) as picture:
        assert picture.width >= 700
    assert path.stat().st_size < 60_000 and curves.is_current(copy)
    first = path.read_bytes()
    curves.draw(copy)
    assert path.read_bytes() == first, "the same history, another picture"
    with (copy / "history.jsonl").open("a") as file:
        file.write('{"step": 7, "loss": 1, "accuracy": 1, "held_out_loss": 1, "held_out_accuracy": 1}\n')
    assert not curves.is_current(copy)
    assert any("does not show its history" in fault for fault in build.faults(copy))


def test_a_card_that_differs_from_its_numbers_is_found(copy):
    path = copy / "eval.json"
    path.write_text(path.read_text().replace('"n": 40', '"n": 41'))
    (fault,) = build.faults(copy)
    assert fault == "dsprites-mini/README.md is not what its numbers say; run python -m model_cards build"
    build.build(copy)
    assert build.faults(copy) == []


def test_a_published_card_names_its_owner(model):
    text = build.card(model, owner="org")
    assert 'pe.load("org/dsprites-mini")' in text and 'pe.load("dsprites-mini")' not in text
    sae = build.card(build.CARDS / "emoji-vit-sae", owner="org")
    assert ModelCard(sae).data.base_model == "org/emoji-vit"
    tiny = build.card(build.CARDS / "vit-tiny-sae", owner="org")
    assert ModelCard(tiny).data.base_model == "timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k"


BROKEN = {
    "license: mit": ("license: mine", "no repository of ours has the licence 'mine'"),
    "library_name: prisma_engine\n": ("", "it says no library_name"),
    "pipeline_tag: image-classification": ("pipeline_tag: telepathy", "no model of ours does 'telepathy'"),
    "- toy-model": ("- 3", "its tags are not a list of words"),
    "metrics:\n    - type": ("metrics:\n    - kind", "its YAML cannot be read"),
    "value: 1.0": ("value: .nan", "is nan, not a number"),
    "---\nlibrary": ("---\nbase_model: a b\nlibrary", "'a b' in base_model is no name of a repository"),
    "metrics:\n- accuracy": ("base_model_relation: cousin", "a model cannot be 'cousin' to its base model"),
}


@pytest.mark.parametrize("old", BROKEN)
def test_what_the_hub_would_refuse_is_refused_here(model, old):
    new, fault = BROKEN[old]
    text = (model / "README.md").read_text()
    assert old in text and not schema.faults(text)
    assert any(fault in found for found in schema.faults(text.replace(old, new)))


def test_the_command_fails_where_a_card_is_out_of_date(copy, monkeypatch, capsys):
    monkeypatch.setattr(build, "CARDS", copy.parent)
    monkeypatch.setattr(build, "repositories", lambda: [])
    monkeypatch.setattr(sys, "argv", ["model_cards", "build", "--check"])
    command.main()
    assert "1 cards say what was measured" in capsys.readouterr().out
    (copy / "README.md").write_text("# something else\n")
    with pytest.raises(SystemExit, match="is not what its numbers say"):
        command.main()
    monkeypatch.setattr(sys, "argv", ["model_cards", "build", "nobody"])
    with pytest.raises(SystemExit, match="there is no 'nobody'"):
        command.main()
