"""The evaluation of a toy model: known proportions, known patches, and cards that say what was measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from model_cards.build import card
from model_cards.text import to_toml
from prisma_engine.toy.emoji.evaluate import Sizes, add_control, named_right, read_scores, score, wilson, write_scores
from prisma_engine.toy.emoji.export import export
from prisma_engine.toy.emoji.recipe import load_recipe
from prisma_engine.toy.emoji.train import record
from prisma_engine.vit import HookedViT

FEW = Sizes(single=8, pairs=4, threshold=4, resamples=20)


def test_wilson_interval() -> None:
    low, high = wilson(50, 100)
    assert (low, high) == pytest.approx((0.4038, 0.5962), abs=1e-3)
    assert wilson(10, 10)[1] == pytest.approx(1) and wilson(10, 10)[0] == pytest.approx(0.722, abs=1e-3)


def test_named_counts_patches_mostly_covered_by_one_object() -> None:
    truth = torch.tensor([[[0, 0, 1, -1], [0, 0, 1, -1]]])  # two patches: one all 0, one half 1 and half nothing
    logits = torch.tensor([[[2.0, 0.0], [2.0, 0.0]]])
    assert named_right(logits, truth, (1, 2)) == 1
    assert named_right(-logits, truth, (1, 2)) == 0


def test_export_score_and_card(tmp_path: Path) -> None:
    """The whole way of a model nobody trained: readable, scored near chance, and a card with those scores."""
    recipe = load_recipe("emoji-vit")
    torch.manual_seed(0)
    folder = export(HookedViT(recipe.model.config()), recipe, tmp_path)
    score(folder, FEW, training=record(recipe))
    scores = read_scores(folder)
    assert scores["top1"]["accuracy"] < 0.5
    assert all(s["iou"] < 0.1 for s in scores["lens"]["layers"])
    assert len(scores["lens"]["per_class"]) == 64
    text = card(folder)
    assert f"{100 * scores['top1']['accuracy']:.1f} %" in text and 'name = "emoji-vit"' in text
    assert "Control" not in text
    add_control(folder, folder)
    assert "Control" in card(folder)
    score(folder, FEW)  # another score of the same weights keeps what it does not measure
    assert read_scores(folder)["control"]["name"] == "emoji-vit" and "training" in read_scores(folder)


def test_a_recipe_survives_being_printed() -> None:
    import tomllib

    recipe = record(load_recipe("emoji-vit"))["recipe"]
    assert tomllib.loads(to_toml(json.loads(json.dumps(recipe)))) == json.loads(json.dumps(recipe))


def test_scores_are_rounded_and_readable(tmp_path: Path) -> None:
    write_scores(tmp_path, {"a": [0.123456789], "b": {"c": 1}})
    assert read_scores(tmp_path) == {"a": [0.12346], "b": {"c": 1}}
