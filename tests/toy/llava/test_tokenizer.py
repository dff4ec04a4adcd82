"""Words, conversations and pictures as the model takes them, also after a reload by transformers' own classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import prisma_engine as pe
from prisma_engine.toy.emoji_scenes import seeded_scene
from prisma_engine.toy.llava.grammar import text
from prisma_engine.toy.llava.tokenizer import SPECIAL, build_processor, build_tokenizer


@pytest.fixture(scope="module")
def processor(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from transformers import AutoProcessor

    folder = tmp_path_factory.mktemp("processor")
    build_processor(build_tokenizer()).save_pretrained(folder)
    return AutoProcessor.from_pretrained(folder)


def test_special_tokens_come_first(processor: Any) -> None:
    tokenizer = processor.tokenizer
    assert tokenizer.convert_ids_to_tokens(list(range(len(SPECIAL)))) == list(SPECIAL)
    assert (tokenizer.pad_token_id, tokenizer.unk_token_id, tokenizer.bos_token_id, tokenizer.eos_token_id) == (
        0,
        1,
        2,
        3,
    )
    assert len(tokenizer) == len(build_tokenizer())


def test_a_text_is_read_word_by_word_and_reads_back(processor: Any) -> None:
    tokenizer = processor.tokenizer
    for i in range(200):
        words = text("held-out", i)
        ids = tokenizer(words)["input_ids"]
        assert ids[0] == tokenizer.bos_token_id and tokenizer.unk_token_id not in ids
        assert tokenizer.convert_ids_to_tokens(ids[1:]) == words.split()
        assert tokenizer(tokenizer.decode(ids[1:]))["input_ids"] == ids


def test_capitals_and_close_marks_are_the_same_words(processor: Any) -> None:
    read = processor.tokenizer
    assert read("There is a Cat, on the left!")["input_ids"] == read("there is a cat , on the left !")["input_ids"]
    assert read.decode(read("there is a cat , on the left .")["input_ids"], skip_special_tokens=True) == (
        "there is a cat, on the left."
    )


def test_a_word_that_it_does_not_know_is_unknown(processor: Any) -> None:
    assert processor.tokenizer("a xylophone")["input_ids"][2] == processor.tokenizer.unk_token_id


def test_a_conversation_has_the_form_that_is_trained(processor: Any) -> None:
    said = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "what do you see ?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "there is nothing ."}]},
        {"role": "user", "content": "is there a cat ?"},
    ]
    words = processor.apply_chat_template(said, add_generation_prompt=True)
    tokens = processor.tokenizer.convert_ids_to_tokens(processor.tokenizer(words)["input_ids"])
    assert " ".join(tokens) == (
        "<bos> <user> <image> what do you see ? <assistant> there is nothing . <eos> "
        "<user> is there a cat ? <assistant>"
    )


def test_a_picture_becomes_one_token_for_each_patch(processor: Any) -> None:
    image = Image.fromarray(seeded_scene(0).image)
    said = [{"role": "user", "content": [{"type": "image", "image": image}, {"type": "text", "text": "what is it ?"}]}]
    words = processor.apply_chat_template(said, add_generation_prompt=True)
    apart = processor(images=image, text=words, return_tensors="pt")
    at_once = processor.apply_chat_template(
        said, add_generation_prompt=True, tokenize=True, return_dict=True, return_tensors="pt"
    )
    assert torch.equal(apart["input_ids"], at_once["input_ids"])
    assert torch.equal(apart["pixel_values"], at_once["pixel_values"])
    assert int((apart["input_ids"] == SPECIAL.index("<image>")).sum()) == 144


@pytest.mark.parametrize("size", [(96, 96), (150, 200), (300, 200), (50, 50)])
def test_pictures_are_taken_as_emoji_vit_takes_them(processor: Any, size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    image = Image.fromarray(pixels)
    given = processor(images=image, text="<image>", return_tensors="pt")["pixel_values"]
    expected = pe.load("emoji-vit").preprocess(image)  # type: ignore[misc]
    assert given.shape == expected.shape == (1, 3, 96, 96)
    # One step of 8 bits: two implementations of bicubic resizing round differently.
    assert (given - expected).abs().max() <= 1.01 / 127.5
