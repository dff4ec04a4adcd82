"""Prompts: the template, the expansion of the image token, what lies where, and what the tower sees."""

import numpy as np
import pytest
import torch
from PIL import Image

import tiny_vlms as tiny
from prisma_engine.images import ImageRefused
from prisma_engine.vlm import HookedVLM
from prisma_engine.vlm.prompt import batch


@pytest.fixture(scope="module")
def model():
    return tiny.hooked()


def test_a_question_about_a_picture(model):
    prompt = model.prompt("what is there ?", tiny.picture())
    assert prompt.text == "<bos> user : <image> what is there ? assistant :"
    assert prompt.tokens == ("<bos>", "user", ":", *["<image>"] * 9, "what", "is", "there", "?", "assistant", ":")
    assert prompt.positions("image") == tuple(range(3, 12)) and len(prompt) == 18
    assert prompt.kinds == ("prompt",) * 3 + ("image",) * 9 + ("prompt",) * 6
    assert prompt.pixels is not None and prompt.pixels.shape == (1, 3, tiny.SIDE, tiny.SIDE)


def test_every_image_token_lies_in_the_grid(model):
    prompt = model.prompt("what is there ?", tiny.picture())
    assert prompt.grid == tiny.GRID
    assert [prompt.cell(i) for i in prompt.positions("image")] == [(r, c) for r in range(3) for c in range(3)]
    assert prompt.cell(0) is None and prompt.cell(17) is None
    assert prompt.patch_positions().tolist() == [[3, 4, 5], [6, 7, 8], [9, 10, 11]]


def test_a_patch_that_changes_moves_the_token_in_its_cell(model):
    """Row and column are the picture's: without attention in the tower only the token of the patch moves."""
    gray = np.full((tiny.SIDE, tiny.SIDE, 3), 90, dtype=np.uint8)
    marked = gray.copy()
    marked[8:16, 16:24] = 250
    blind = {"vision.*.hook_attn_out": lambda x, point: torch.zeros_like(x)}
    embeds = []
    for array in (gray, marked):
        prompt = model.prompt("what is there ?", Image.fromarray(array))
        embeds.append(model.run_with_cache(prompt, "hook_embed", edits=blind)[1]["hook_embed"][0])
    moved = (embeds[0] - embeds[1]).abs().amax(-1).nonzero()[:, 0].tolist()
    assert [prompt.cell(i) for i in moved] == [(1, 2)]


def test_a_tower_that_is_read_whole_has_a_token_without_a_cell():
    model = tiny.hooked(strategy="full")
    prompt = model.prompt("what is there ?", tiny.picture())
    assert len(prompt.positions("image")) == 10
    assert [prompt.cell(i) for i in prompt.positions("image")][:2] == [None, (0, 0)]
    assert prompt.patch_positions()[0, 0] == 4


def test_the_picture_is_what_the_tower_saw(model):
    picture = Image.fromarray(np.arange(tiny.SIDE * tiny.SIDE * 3).reshape(tiny.SIDE, tiny.SIDE, 3).astype(np.uint8))
    (seen,) = model.prompt("what is there ?", picture).pictures
    assert np.array_equal(np.asarray(seen), np.asarray(picture))
    (cropped,) = model.prompt("what is there ?", tiny.picture(size=(100, 50))).pictures
    assert cropped.size == (tiny.SIDE, tiny.SIDE)


def test_text_alone(model):
    prompt = model.prompt("what is red ?")
    assert prompt.text == "<bos> user : what is red ? assistant :"
    assert (prompt.pixels, prompt.grid, prompt.pictures) == (None, None, ())
    assert set(prompt.kinds) == {"prompt"}
    with pytest.raises(ValueError, match="has no image, so it has no patches"):
        prompt.patch_positions()


def test_raw_text_is_taken_as_it_is(model):
    assert model.prompt("a big dog", raw=True).tokens == ("a", "big", "dog")
    prompt = model.prompt("a <image> dog", tiny.picture(), raw=True)
    assert prompt.tokens == ("a", *["<image>"] * 9, "dog")


def test_messages_of_several_turns(model):
    messages = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "what is there ?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "a dog ."}]},
        {"role": "user", "content": [{"type": "text", "text": "is there pizza ?"}]},
    ]
    prompt = model.prompt(messages, tiny.picture())
    assert prompt.text.endswith("there ? assistant : a dog . user : is there pizza ? assistant :")
    assert len(prompt.positions("image")) == 9


def test_a_model_of_text_alone_has_the_same_doors():
    model = tiny.hooked_text()
    prompt = model.prompt("what is red ?")
    assert prompt.text == "<bos> user : what is red ? assistant :" and prompt.kinds == ("prompt",) * 9
    with pytest.raises(ValueError, match="this model reads text alone, so it takes no image"):
        model.prompt("what is red ?", tiny.picture())


def test_without_a_template_the_image_comes_first():
    processor = tiny.processor()
    processor.chat_template = processor.tokenizer.chat_template = None
    model = HookedVLM(tiny.llava(), processor)
    assert model.prompt("what is red ?", tiny.picture()).text == "<image>\nwhat is red ?"
    assert model.prompt("what is red ?").text == "what is red ?"


def test_a_tokenizers_own_template_is_given_plain_text():
    """As older checkpoints have it: the processor has none, and content is a string."""
    processor = tiny.processor()
    processor.chat_template = None
    model = HookedVLM(tiny.llava(), processor)
    prompt = model.prompt("what is red ?", tiny.picture())
    assert prompt.text == "<bos> user : <image>\nwhat is red ? assistant :" and len(prompt.positions("image")) == 9


def test_rows_have_the_same_places(model):
    rows = model.prompts(["what is red ?", "what is big ?"], [tiny.picture(0), tiny.picture(1)])
    assert (rows.n_rows, rows.pixels.shape[0], len(rows.pictures)) == (2, 2, 2)
    twice = rows.repeat(2)
    assert torch.equal(twice.ids[0], twice.ids[1]) and torch.equal(twice.pixels[2], rows.pixels[1])
    with pytest.raises(ValueError, match=r"the same kinds of tokens at the same places; these have lengths \[17, 18\]"):
        model.prompts(["what is red", "what is red ?"], [tiny.picture(), tiny.picture()])
    with pytest.raises(ValueError, match="a batch needs at least one prompt"):
        batch([])


def test_what_was_generated_stands_behind(model):
    prompt = model.prompt("what is there ?", tiny.picture())
    longer = prompt.extended([13, 14], ["a", "dog"])
    assert longer.positions("generated") == (18, 19) and longer.tokens[-2:] == ("a", "dog")
    assert longer.grid == prompt.grid and longer.cell(18) is None


@pytest.mark.parametrize(
    ("text", "raw", "image", "says"),
    [
        ("   ", False, True, "the prompt is empty"),
        ("", True, False, "the prompt is empty"),
        ("a <image> dog", False, True, r"2 image tokens \(<image>\) and 1 images; one image needs exactly one"),
        ("a dog", True, True, r"0 image tokens \(<image>\) and 1 images"),
        ("a <image> dog", True, False, r"1 image tokens \(<image>\) and 0 images"),
        ([{"role": "user", "content": 3}], False, False, "the chat template does not take these messages"),
    ],
)
def test_what_cannot_be_asked_says_so(model, text, raw, image, says):
    with pytest.raises(ValueError, match=says) as error:
        model.prompt(text, tiny.picture() if image else None, raw=raw)
    assert len(str(error.value).split("\n")) == 1


def test_a_damaged_picture_is_refused(model, tmp_path):
    (tmp_path / "picture.png").write_bytes(b"no picture")
    with pytest.raises(ImageRefused):
        model.prompt("what is there ?", tmp_path / "picture.png")


def test_a_tokenizer_of_another_model_is_refused():
    original = tiny.llava()
    original.config.image_token_id = 7
    with pytest.raises(ValueError, match="the tokenizer has another id for '<image>' than 7"):
        HookedVLM(original, tiny.processor())
