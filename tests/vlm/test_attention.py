"""Where words look in the picture."""

import pytest
import torch

import tiny_vlms as tiny
from prisma_engine.vlm import at
from prisma_engine.vlm.attention import image_attention


@pytest.fixture(scope="module", params=["llama", "gemma2"])
def model(request):
    return tiny.hooked(request.param)


@pytest.fixture(scope="module")
def prompt(model):
    return model.prompt("what is there ?", tiny.picture()).extended([14, 13], ["dog", "a"])


def test_rows_of_the_pattern_lie_in_the_grid(model, prompt):
    found = image_attention(model, prompt, [18, 19])
    _, cache = model.run_with_cache(prompt, "blocks.*.hook_pattern")
    c = model.config
    assert found.pattern.shape == (2, c.n_layers, c.n_heads, *tiny.GRID)
    for i, position in enumerate((18, 19)):
        for layer in range(c.n_layers):
            row = cache["pattern", layer][0, :, position]
            for key in prompt.positions("image"):
                r, column = prompt.cell(key)
                torch.testing.assert_close(found.pattern[i, layer, :, r, column], row[:, key], rtol=0, atol=1e-6)
            picture = row[:, list(prompt.positions("image"))].sum(-1)
            torch.testing.assert_close(found.share[i, layer], picture, rtol=0, atol=1e-6)
    assert 0.0 < float(found.share.max()) < 1.0


def test_a_head_made_to_look_at_one_patch_is_seen_to():
    model = tiny.hooked()
    prompt = model.prompt("what is there ?", tiny.picture()).extended([14])
    key = int(prompt.patch_positions()[1, 2])

    def stare(x, point):
        x[:, 1] = 0
        x[:, 1, :, key] = 1
        return x

    with model.hooks({"blocks.1.attn.hook_pattern": at(stare, where={"generated"})}):
        found = image_attention(model, prompt, [18])
    assert found.pattern[0, 1, 1].argmax() == 5 and float(found.pattern[0, 1, 1, 1, 2]) == 1


def test_what_has_no_answer_says_so(model, prompt):
    with pytest.raises(ValueError, match="there is no token 20; this prompt has tokens 0 to 19"):
        image_attention(model, prompt, [20])
    with pytest.raises(ValueError, match="this one has 2 rows"):
        image_attention(model, prompt.repeat(2), [18])
    with pytest.raises(ValueError, match="has no image"):
        image_attention(model, model.prompt("what is red ?"), [0])
