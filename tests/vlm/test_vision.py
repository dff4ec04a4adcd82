"""The vision tower's twin: what the projector reads is the original's, and edits inside it are felt."""

import pytest
import torch

import tiny_vlms as tiny
from prisma_engine import zero
from prisma_engine.vlm import at


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


def largest(x):
    return float(x.abs().max())


READINGS = [(-2, "default"), (-1, "default"), (1, "full"), ([0, -2], "default"), ([-1, 1, 1], "full")]


@pytest.mark.parametrize(("layer", "strategy"), READINGS)
def test_features_are_the_originals(layer, strategy):
    model = tiny.hooked(vision_feature_layer=layer, strategy=strategy)
    pixels = torch.randn(2, 3, tiny.SIDE, tiny.SIDE, generator=torch.Generator().manual_seed(3))
    seen = []
    handle = model.model.model.multi_modal_projector.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model.model.get_image_features(
        pixel_values=pixels, vision_feature_layer=layer, vision_feature_select_strategy=strategy
    )
    handle.remove()
    assert largest(model.sight.features(pixels) - seen[0]) <= 1e-5
    assert largest(model.sight.features(pixels.flip(0)) - seen[0]) > 0.1


@pytest.mark.parametrize(("layer", "strategy"), READINGS)
def test_logits_through_the_twin_are_the_same(layer, strategy):
    model = tiny.hooked(vision_feature_layer=layer, strategy=strategy)
    prompt = model.prompt("what is there ?", tiny.picture())
    logits, cache = model.run_with_cache(prompt, "vision.*")
    assert largest(logits - model(prompt)) <= 1e-5
    last = max(i % 4 for i in ([layer] if isinstance(layer, int) else layer))
    layers = {name.split(".")[2] for name in cache if name.startswith("vision.blocks.")}
    assert layers == {str(i) for i in range(last)}


def test_the_untouched_tower_runs_unless_somebody_looks():
    model = tiny.hooked()
    prompt = model.prompt("what is there ?", tiny.picture())
    calls = []
    model.model.model.vision_tower.register_forward_hook(lambda *_: calls.append("original"))
    model(prompt)
    model.run_with_hooks(prompt, {"blocks.0.hook_resid_post": zero()})
    assert calls == ["original"] * 2
    model.run_with_hooks(prompt, {"vision.blocks.0.hook_resid_post": zero()})
    assert calls == ["original"] * 2


def test_an_edit_in_the_tower_reaches_the_image_tokens_alone():
    model = tiny.hooked()
    prompt = model.prompt("what is there ?", tiny.picture())
    _, clean = model.run_with_cache(prompt, "hook_embed")
    _, edited = model.run_with_cache(prompt, "hook_embed", edits={"vision.blocks.1.attn.hook_z": zero(head=1)})
    moved = (edited["hook_embed"] - clean["hook_embed"]).abs().amax(-1)[0]
    image = list(prompt.positions("image"))
    assert float(moved[image].min()) > 1e-4 and largest(moved[list(prompt.positions("prompt"))]) == 0


def test_the_tower_alone_runs_by_its_own_names():
    model = tiny.hooked()
    prompt = model.prompt("what is there ?", tiny.picture())
    _, alone = model.vision.run_with_cache(prompt.pixels, "blocks.1.hook_resid_post")
    _, whole = model.run_with_cache(prompt, "vision.blocks.1.hook_resid_post")
    assert set(alone) == {"blocks.1.hook_resid_post"}
    assert torch.equal(alone["resid_post", 1], whole["vision.blocks.1.hook_resid_post"])


def test_an_answer_under_edits_of_the_tower_needs_no_cache():
    model = tiny.hooked()
    prompt = model.prompt("what is there ?", tiny.picture())
    edits = {"vision.blocks.1.hook_resid_post": zero(neuron=slice(0, 6))}
    kept, again = (list(model.generate(prompt, edits, 8, cache=cache)) for cache in (True, False))
    assert [step.token for step in kept] == [step.token for step in again]
    clean = list(model.generate(prompt, max_new_tokens=8))
    assert max(abs(a.log_prob - b.log_prob) for a, b in zip(kept, clean, strict=True)) > 1e-4


def test_places_of_the_sequence_mean_nothing_in_the_tower():
    model = tiny.hooked()
    prompt = model.prompt("what is there ?", tiny.picture())
    with pytest.raises(ValueError, match="has no tokens of the sequence"):
        model.run_with_hooks(prompt, {"vision.blocks.0.hook_resid_post": at(zero(), where={"image"})})
