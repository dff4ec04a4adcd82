"""A zero-shot model whose classes a visitor types: a random tiny CLIP, saved as transformers saves it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from apps.common import pictures
from apps.common.runtime import Models
from apps.dogit_lens import export
from apps.dogit_lens.app import Page
from apps.dogit_lens.handlers import LensDesk, link_of

pytestmark = pytest.mark.slow

WORDS = "cat, toilet, red fox, sky, Cat, sea"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import transformers as hf

    folder = tmp_path_factory.mktemp("models") / "tiny-clip"
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    tokens = ["!", *letters, *(f"{letter}</w>" for letter in letters)]
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = sizes | {"vocab_size": 100, "bos_token_id": 98, "eos_token_id": 99, "max_position_embeddings": 77}
    vision = sizes | {"image_size": 32, "patch_size": 8}
    config = hf.CLIPConfig(text_config=text, vision_config=vision, projection_dim=8)
    hf.CLIPModel(config).save_pretrained(folder)
    hf.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}).save_pretrained(folder)
    vocabulary = {token: index for index, token in enumerate(tokens)} | {"<|startoftext|>": 98, "<|endoftext|>": 99}
    (folder / "vocab.json").write_text(json.dumps(vocabulary))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CLIPTokenizer"}))
    return folder


def test_the_classes_are_the_visitor_s(desk: LensDesk, folder: Path):
    result = desk.run(pictures.example("cat-in-toilet"), str(folder), WORDS)
    assert result.vocabulary.names == ("cat", "toilet", "red fox", "sky", "sea")
    assert result.grid == (4, 4) and result.classes == result.vocabulary.names and result.scores is None


def test_another_list_does_not_load_again(folder: Path):
    models = Models()
    one, two = models.get(str(folder), ("cat", "dog")), models.get(str(folder), ("sea", "sky", "sun"))
    assert one.head.projection.weight.data_ptr() == two.head.projection.weight.data_ptr()  # type: ignore[union-attr]


def test_the_class_box_appears_only_for_such_a_model(desk: LensDesk, folder: Path):
    page = Page(desk)
    for model, visible in ((str(folder), True), ("emoji-vit", False)):
        shown = page.model(model, WORDS, None, None)
        assert [part["visible"] for part in shown if isinstance(part, dict) and "visible" in part] == [visible]


def test_link_and_python_carry_the_classes(desk: LensDesk, folder: Path):
    session = desk.show(pictures.example("cat-in-toilet"), str(folder), WORDS)
    result = desk.result(session)
    shown = Page(desk).rendered(session, desk_view(result))
    assert "classes=cat%2C+toilet%2C+red+fox" in link_of(session, desk_view(result), result)
    assert "classes=['cat', 'toilet', 'red fox', 'sky', 'sea']" in export.python_code(result, desk_view(result))
    assert len(shown) == 10


def desk_view(result):
    from apps.dogit_lens.view import first_view

    return first_view(result.extent)


@pytest.mark.parametrize("words", ["cat", "", ", , ,"])
def test_too_few_classes_are_one_sentence(desk: LensDesk, folder: Path, words: str):
    with pytest.raises(ValueError, match="name 5 to 64 classes"):
        desk.run(pictures.example("cat-in-toilet"), str(folder), words)
