"""The models of the zoo that ship: better than the public suite's of the same size, small, and as good as they say."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import prisma_engine as pe
from prisma_engine.history import read_history
from prisma_engine.toy import cifar10
from prisma_engine.toy.zoo.evaluate import read
from prisma_engine.toy.zoo.recipe import Recipe, load_recipe
from prisma_engine.toy.zoo.scoring import score
from prisma_engine.toy.zoo.task import Task, load_task

CARDS = Path(__file__).resolve().parents[2] / "model_cards"
SIZES = ("tiny", "base", "small", "medium")
NAMES = [
    f"{data}-{size}-{kind}" for data in ("dsprites", "cifar10") for kind in ("attn-mlp", "attn-only") for size in SIZES
]
PUBLIC = {"attn-mlp": (0.535, 0.996, 1.000, 1.000), "attn-only": (0.459, 0.685, 0.774, 0.991)}
"""Accuracy of the public suite's dSprites models of 1 to 4 layers."""


def held_out(name: str) -> dict:
    return read(CARDS / name)["held_out"]


def public_parameters(n_layers: int) -> int:
    """Of a public dSprites model with MLPs: width 512, MLPs of 2,048, patches of 8 × 8, 65 tokens, no qkv biases."""
    block = 3 * 512 * 512 + 512 * 512 + 512 + 2 * 512 * 2048 + 2048 + 512
    return n_layers * block + 64 * 512 + 512 + 65 * 512 + 3 * 512 + 3


@pytest.mark.parametrize("name", NAMES)
def test_a_model_is_whole(name: str) -> None:
    folder, recipe = CARDS / name, load_recipe(name)
    model, told = pe.load(name), read(folder)
    assert Recipe.from_dict(told["training"]["recipe"]) == recipe, "the shipped weights are of another recipe"
    assert told["n_parameters"] == sum(p.numel() for p in model.parameters())
    assert model.config.n_layers == SIZES.index(name.split("-")[1]) + 1
    assert model.config.attn_only == name.endswith("attn-only") and model.vocabulary.id == name.split("-")[0]
    rows = read_history(folder).rows
    assert rows[0].step == 0 and rows[-1].step == recipe.optimizer.steps
    assert {2**k for k in range(10)} <= {row.step for row in rows}


@pytest.mark.parametrize("layers", range(1, 5))
@pytest.mark.parametrize("kind", list(PUBLIC))
def test_every_sprites_model_beats_the_public_one(kind: str, layers: int) -> None:
    name, public = f"dsprites-{SIZES[layers - 1]}-{kind}", PUBLIC[kind][layers - 1]
    accuracy = held_out(name)["random"]["accuracy"]
    assert accuracy > public or round(accuracy, 3) == 1.0
    assert held_out(name)["compositional"]["n"] > 10_000
    if kind == "attn-mlp":
        assert read(CARDS / name)["n_parameters"] <= public_parameters(layers) / 10


def test_photos_are_named_well_by_the_deepest_and_worst_by_the_shallowest() -> None:
    for kind in PUBLIC:
        curve = [held_out(f"cifar10-{size}-{kind}")["test"] for size in SIZES]
        assert all(point["n"] == 10_000 for point in curve)
        accuracies = [point["accuracy"] for point in curve]
        assert min(accuracies) == accuracies[0] > 0.3 and max(accuracies) < accuracies[-1] + 0.01
    assert held_out("cifar10-medium-attn-mlp")["test"]["accuracy"] >= 0.75


def test_they_are_small_and_two_keep_their_history() -> None:
    files = [path for name in NAMES for path in (CARDS / name).rglob("*.safetensors")]
    assert sum(path.stat().st_size for path in files) <= 25e6
    kept = {name: pe.history(name).steps for name in NAMES if pe.history(name).steps}
    assert sorted(name.split("-")[0] for name in kept) == ["cifar10", "dsprites"]
    assert all(len(steps) >= 12 and steps[:4] == (0, 1, 2, 4) for steps in kept.values())


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("dsprites")])
@pytest.mark.slow
def test_sprites_are_named_as_well_as_the_card_says(name: str) -> None:
    task = load_task("dsprites")
    for part, pictures in task.held_out.items():
        told, chosen = held_out(name)[part]["accuracy"], np.linspace(7, len(pictures) - 1, 1000).astype(int)
        found = score(pe.load(name), task, pictures, chosen).accuracy
        assert found == pytest.approx(told, abs=4 * (told * (1 - told) / 1000) ** 0.5 + 0.003), part


@pytest.fixture(scope="module")
def photos(assets: Path) -> Task:
    """CIFAR-10 without the photos to train on, which take a minute to decode."""
    held_out = {"test": cifar10.photos(str(assets / "cifar10"), "test")}
    return Task(
        names=cifar10.NAMES,
        emoji=cifar10.EMOJI,
        image_size=(cifar10.SIZE, cifar10.SIZE),
        mean=cifar10.MEAN,
        std=cifar10.STD,
        train=held_out["test"],
        held_out=held_out,
        licence="",
    )


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("cifar10")])
@pytest.mark.slow
def test_photos_are_named_as_well_as_the_card_says(name: str, photos: Task) -> None:
    told = held_out(name)["test"]["accuracy"]
    found = score(pe.load(name), photos, photos.held_out["test"], np.arange(0, 10_000, 10)).accuracy
    assert found == pytest.approx(told, abs=4 * (told * (1 - told) / 1000) ** 0.5)


def test_kept_steps_are_the_history_that_is_told() -> None:
    name = next(name for name in NAMES if name.startswith("dsprites") and pe.history(name).steps)
    task, past = load_task("dsprites"), pe.history(name)
    pictures = task.held_out["random"]
    chosen = np.linspace(0, len(pictures) - 1, 2000).astype(int)[::8]
    first, last = past.steps[0], past.steps[-1]
    for step in (first, last):
        found = score(pe.load(name, revision=f"step-{step:06d}"), task, pictures, chosen).accuracy
        assert found == pytest.approx(past.at(step).held_out_accuracy, abs=0.08), step
    lines = (CARDS / name / "history.jsonl").read_text().splitlines()
    assert {"step", "lr", "loss", "accuracy", "held_out_loss", "held_out_accuracy"} == set(json.loads(lines[0]))
