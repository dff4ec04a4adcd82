"""Edits that know where they act."""

import pytest
import torch

import tiny_vlms as tiny
from prisma_engine import add, zero
from prisma_engine.vlm import at

POINT = "blocks.1.hook_resid_post"


@pytest.fixture(scope="module")
def model():
    return tiny.hooked()


@pytest.fixture(scope="module")
def prompt(model):
    """Prompt, image, and three generated words."""
    return model.prompt("what is there ?", tiny.picture()).extended([14, 13, 16])


def moved(model, prompt, edit):
    """Which positions an edit changes."""
    _, clean = model.run_with_cache(prompt, POINT)
    _, edited = model.run_with_cache(prompt, POINT, edits={POINT: edit})
    return tuple((edited[POINT] != clean[POINT]).any(-1)[0].nonzero()[:, 0].tolist())


def test_each_kind_is_where_the_prompt_says(model, prompt):
    for kind in ("image", "prompt", "generated"):
        assert moved(model, prompt, at(add(1.0), where={kind})) == prompt.positions(kind) != ()
    assert moved(model, prompt, at(add(1.0))) == tuple(range(len(prompt)))


def test_prefill_and_decode_are_the_prompt_and_what_followed(model, prompt):
    generated = prompt.positions("generated")
    assert moved(model, prompt, at(add(1.0), when={"decode"})) == generated
    assert moved(model, prompt, at(add(1.0), when={"prefill"})) == tuple(range(len(prompt) - len(generated)))
    both = at(add(1.0), where={"image", "generated"}, when={"prefill"})
    assert moved(model, prompt, both) == prompt.positions("image")


def test_tokens_are_positions_in_the_whole(model, prompt):
    assert moved(model, prompt, at(add(1.0), tokens=[0, 5, 19])) == (0, 5, 19)
    assert moved(model, prompt, at(add(1.0), where={"image"}, tokens=[0, 5, 19])) == (5,)
    assert moved(model, prompt, at(add(1.0), tokens=[99])) == ()


def test_an_edit_is_given_its_tokens_alone(model, prompt):
    seen = []

    def look(x, point):
        seen.append(x.clone())
        return x

    _, clean = model.run_with_cache(prompt, POINT)
    model.run_with_hooks(prompt, {POINT: at(look, where={"image"})})
    assert torch.equal(seen[0], clean[POINT][:, list(prompt.positions("image"))])


def test_at_an_attention_pattern_the_token_is_the_one_that_looks(model, prompt):
    name = "blocks.1.attn.hook_pattern"
    edit = at(zero(key=0), where={"generated"})
    _, clean = model.run_with_cache(prompt, name)
    _, edited = model.run_with_cache(prompt, name, edits={name: edit})
    changed = (edited[name] != clean[name]).nonzero()
    assert set(changed[:, 2].tolist()) == set(prompt.positions("generated")) and set(changed[:, 3].tolist()) == {0}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"where": {"picture"}}, r"where=\['picture'\] is not understood; choose some of image, prompt, generated"),
        ({"where": ()}, r"where=\[\] is not understood"),
        ({"when": "later"}, r"when=\['later'\] is not understood; choose some of prefill, decode"),
        ({"where": "image", "when": "decode"}, "acts nowhere"),
        ({"where": {"generated"}, "when": {"prefill"}}, "acts nowhere"),
        ({"tokens": [-1]}, "tokens are positions counted from 0, got -1"),
        ({"tokens": [True]}, "tokens are positions counted from 0, got True"),
    ],
)
def test_what_is_not_a_place_is_refused(given, says):
    with pytest.raises(ValueError, match=says):
        at(zero(), **given)


def test_outside_of_a_run_nobody_knows_the_places(model):
    with pytest.raises(ValueError, match="only a HookedVLM knows which of its tokens are which"):
        at(zero())(torch.zeros(1, 3, 24), model.hook_points[POINT])
    model.vision.eval()
    with pytest.raises(ValueError, match="has no tokens of the sequence"):
        at(zero())(torch.zeros(1, 3, 16), model.hook_points["vision.blocks.0.hook_resid_post"])


def test_an_edit_that_returns_no_tensor_or_another_shape_is_named(model, prompt):
    with pytest.raises(ValueError, match="the edit at 'blocks.1.hook_resid_post' returned NoneType"):
        model.run_with_hooks(prompt, {POINT: at(lambda x, point: None)})
    with pytest.raises(ValueError, match=r"the edit at 'blocks.1.hook_resid_post' returned shape \(1, 9, 1\)"):
        model.run_with_hooks(prompt, {POINT: at(lambda x, point: x[..., :1], where={"image"})})
