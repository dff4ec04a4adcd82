"""The shipped emoji-llava: within its size, told the truth about by its card, and as good as its eval.json says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from model_cards.build import card
from prisma_engine.analysis.intervals import wilson
from prisma_engine.toy.llava.answering import answers
from prisma_engine.toy.llava.evaluate import answering, describing, held_out
from prisma_engine.toy.llava.questions import DESCRIBE
from prisma_engine.toy.llava.recipe import load_recipe
from prisma_engine.toy.llava.tokenizer import build_tokenizer

FOLDER = Path(__file__).resolve().parents[3] / "model_cards" / "emoji-llava"
N = 40


@pytest.fixture(scope="module")
def scores() -> dict[str, Any]:
    return json.loads((FOLDER / "eval.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def shipped() -> tuple[Any, Any]:
    from transformers import AutoProcessor, LlavaForConditionalGeneration

    llava = LlavaForConditionalGeneration.from_pretrained(FOLDER, dtype=torch.float32).eval()
    return llava, AutoProcessor.from_pretrained(FOLDER)


def test_it_is_small(shipped: tuple[Any, Any], scores: dict[str, Any]) -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 25_000_000
    assert sum(p.numel() for p in shipped[0].parameters()) == scores["n_parameters"]


def test_its_files_are_those_of_transformers() -> None:
    expected = {"config.json", "model.safetensors", "tokenizer.json", "processor_config.json", "chat_template.jinja"}
    assert expected <= {path.name for path in FOLDER.iterdir()}
    config = json.loads((FOLDER / "config.json").read_text())
    assert config["dtype"] == "float16" and config["architectures"] == ["LlavaForConditionalGeneration"]


def test_its_tokenizer_is_that_of_the_grammar(shipped: tuple[Any, Any]) -> None:
    assert shipped[1].tokenizer.get_vocab() == build_tokenizer().get_vocab()


def test_its_recipe_is_the_one_that_is_here(scores: dict[str, Any]) -> None:
    assert scores["training"]["recipe"] == json.loads(json.dumps(load_recipe().to_dict()))


def test_the_card_is_what_was_measured() -> None:
    assert (FOLDER / "README.md").read_text(encoding="utf-8") == card(FOLDER)


@pytest.mark.slow
def test_a_sample_scores_what_eval_says(shipped: tuple[Any, Any], scores: dict[str, Any]) -> None:
    scenes = held_out(N)
    said = answers(*shipped, [DESCRIBE[0]] * N, scenes.pixels)
    found = describing(said, scenes.things)["right"]
    low, high = wilson(round(found["share"] * N), N, z=3)
    assert low <= scores["described"]["right"]["share"] <= high
    pictures = scenes.pixels[[scene for scene, *_ in scenes.questions]]
    said = answers(*shipped, [question for _, _, question, _ in scenes.questions], pictures)
    found = answering(said, scenes.questions)["right"]
    low, high = wilson(round(found["share"] * found["n"]), found["n"], z=3)
    assert low <= scores["answered"]["right"]["share"] <= high


@pytest.mark.slow
def test_it_describes_the_picture_and_not_another(shipped: tuple[Any, Any]) -> None:
    scenes = held_out(N)
    others = torch.cat([scenes.pixels[1:], scenes.pixels[:1]])
    own, swapped = (answers(*shipped, [DESCRIBE[0]] * N, pixels) for pixels in (scenes.pixels, others))
    assert describing(own, scenes.things)["right"]["share"] > 0.6
    assert describing(swapped, scenes.things)["right"]["share"] < 0.1
