"""The shipped emoji-vit: within its size, told the truth about by its card, and as good as its eval.json says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import prisma_engine as pe
from model_cards.build import card
from prisma_engine.analysis.segmentation import label_patches, overlap, to_pixels
from prisma_engine.toy.compose import EXAMPLES, render_example
from prisma_engine.toy.emoji.evaluate import lensed, read_scores, top1, wilson
from prisma_engine.toy.emoji_classes import EMOJI, NAMES

FOLDER = Path(__file__).resolve().parents[2] / "model_cards" / "emoji-vit"


@pytest.fixture(scope="module")
def model() -> pe.HookedViT:
    return pe.load("emoji-vit")


@pytest.fixture(scope="module")
def scores() -> dict:
    return read_scores(FOLDER)


def test_it_is_small_and_fine_grained(model: pe.HookedViT, scores: dict) -> None:
    n = sum(p.numel() for p in model.parameters())
    assert n == scores["n_parameters"] <= 3_000_000
    assert (FOLDER / "model.safetensors").stat().st_size <= 6_000_000
    assert min(model.grid) >= 12
    assert model.vocabulary.names == NAMES and model.vocabulary.emoji == EMOJI


def test_the_card_is_what_was_measured() -> None:
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == card(FOLDER)


def test_top1_on_a_sample_is_what_eval_says(model: pe.HookedViT, scores: dict) -> None:
    n = 200
    share, _, _ = top1(model, n)
    low, high = wilson(round(share * n), n, z=3)
    assert low <= scores["top1"]["accuracy"] <= high


def test_lens_on_a_sample_is_what_eval_says(model: pe.HookedViT, scores: dict) -> None:
    """60 scenes: not every class occurs, so the tolerance is wide; a broken model or lens is far outside."""
    layers = scores["lens"]["layers"]
    held = lensed(model, "pairs", 60)
    assert list(held.labels) == [s["label"] for s in layers]
    index = next(i for i, s in enumerate(layers) if s["label"] == scores["lens"]["best"])

    def iou(logits: torch.Tensor) -> float:
        patches = label_patches(logits, layers[index]["threshold"])
        return overlap(to_pixels(patches, model.grid, (96, 96)), held.truth, len(EMOJI)).iou

    assert iou(held.logits[index]) == pytest.approx(layers[index]["iou"], abs=0.1)
    assert iou(held.logits[0]) < layers[index]["iou"] / 3  # before any block a patch knows little
    shuffled = held.logits[index][:, torch.randperm(144, generator=torch.Generator().manual_seed(0))]
    assert iou(shuffled) < layers[index]["iou"] / 3


def test_it_sees_what_the_examples_show(model: pe.HookedViT) -> None:
    from PIL import Image

    for example in EXAMPLES:
        scene = render_example(example.name)
        best = model(model.preprocess(Image.fromarray(scene.image)))[0].topk(5).indices.tolist()
        assert set(scene.classes) & set(best), example.name
