"""SAEs that are trained on text: which tokens they see, and that a resumed training is exact."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from prisma_engine.sae.train import Trainer, run
from prisma_engine.sae.training.recipe import load_recipe
from prisma_engine.sae.training.texts import EACH, LlavaTexts, TextActivations, Texts, as_tokens, text_supply
from prisma_engine.sources import SourceRefused
from prisma_engine.toy.llava import grammar
from saes import recipe
from tiny_vlms import hooked_text

HOOK = "blocks.1.hook_resid_post"
TEXT = {"data": {"images": "", "texts": "llava-texts", "hook": HOOK, "at_once": 3, "buffer": 400, "batch": 40}}


@pytest.fixture(scope="module")
def model():
    return hooked_text()


class Watched(LlavaTexts):
    """Remembers which blocks were asked for."""

    def __init__(self, tokenizer: Any, size: int) -> None:
        super().__init__(tokenizer, size)
        object.__setattr__(self, "asked", [])

    asked: list[int]

    def block(self, number: int) -> Texts:
        self.asked.append(number)
        return super().block(number)


def test_what_begins_and_fills_up_a_text_is_not_kept(model):
    texts = as_tokens(model.tokenizer, ["<bos> a dog .", "<bos> there is a pizza and a dog ."])
    assert texts.ids.shape == (2, 9)
    assert texts.kept.tolist() == [[False, True, True, True, *[False] * 5], [False, *[True] * 8]]


def test_tokens_are_read_as_if_their_text_stood_alone(model):
    """What fills up a text behind it changes none of its activations."""
    stream = TextActivations(model, recipe(TEXT, data={"shards": 1}).data, LlavaTexts(model.tokenizer, 3), seed=3)
    found = stream._run(5)[HOOK]
    alone = []
    for index in range(15, 18):
        texts = as_tokens(model.tokenizer, [grammar.text("train", index)])
        _, cache = model.run_with_cache(texts.prompt, names=HOOK)
        alone.append(cache[HOOK][texts.kept])
    possible = torch.cat(alone)
    assert found.shape == (3 * EACH, possible.shape[1])
    nearest = torch.cdist(found, possible, compute_mode="donot_use_mm_for_euclid_dist").min(1)
    assert float(nearest.values.max()) < 1e-4 * float(possible.norm(dim=1).mean())
    assert len(nearest.indices.unique()) == len(found)  # none twice


def test_shards_read_different_texts_and_batches_depend_on_their_number_alone(model):
    data = recipe(TEXT, data={"shards": 2, "batch": 60}).data
    one, again, other = (TextActivations(model, data, Watched(model.tokenizer, 3), 3, i) for i in (0, 0, 1))
    batches = [one[i][0].clone() for i in range(12)]
    assert all(torch.equal(again[i][0], batches[i]) for i in (11, 2, 7))
    assert isinstance(one.texts, Watched) and isinstance(other.texts, Watched)
    assert all(len(other[i][0]) == 30 for i in range(12))
    assert not set(one.texts.asked) & set(other.texts.asked) and len(one.texts.asked) == len(other.texts.asked) > 1


def test_training_on_text_resumes_bit_for_bit(model, tmp_path):
    chosen = recipe(TEXT)
    straight = Trainer.on(chosen, model, tmp_path / "straight")
    run(straight)
    run(Trainer.on(chosen, model, tmp_path / "broken"), steps=11)
    again = Trainer.on(chosen, model, tmp_path / "broken")
    assert again.resume() and again.step == 11
    assert not torch.equal(again.sae.W_dec, straight.sae.W_dec)
    run(again)
    assert all(torch.equal(t, straight.sae.state_dict()[name]) for name, t in again.sae.state_dict().items())


def test_the_shipped_recipe_is_of_texts():
    shipped = load_recipe("emoji-llava")
    assert shipped.data.texts == "llava-texts" and not shipped.data.images
    with pytest.raises(SourceRefused, match="no texts 'novels'; there are 'llava-texts'"):
        text_supply("novels", None, 1)
    with pytest.raises(ValueError, match="of images or of texts"):
        recipe(data={"images": "", "texts": ""})
    with pytest.raises(ValueError, match="of images or of texts"):
        recipe(data={"texts": "llava-texts"})
