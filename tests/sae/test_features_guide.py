"""Guides: each that ships holds, each sentence of it can fail, and one is found where an effect was built in."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

import prisma_engine as pe
from prisma_engine.hub import LoadError
from prisma_engine.sae import files
from prisma_engine.sae.features import Dial, Rack, facts, guide
from prisma_engine.sae.features.finding import measured_again, scenes, subjects, supports, write_guide
from prisma_engine.sae.features.generality import generality
from prisma_engine.sae.features.guide import FILE, Guide, Measured, Picture, Share, broken, example
from prisma_engine.sae.features.start import Start
from prisma_engine.toy.compose import render_example
from prisma_engine.toy.emoji_classes import NAMES
from prisma_engine.toy.emoji_scenes import seeded_scene
from saes import random_sae, tiny_vit

EMOJI = [name for name in files.shipped() if name.startswith("emoji-vit-sae/")]
TINY = [name for name in files.shipped() if name.startswith("vit-tiny-sae/")]
ON_DISK = "vit_tiny_patch16_224_in1k/vit_tiny_patch16_224_in1k.safetensors"
SHARE = Share(0.93, 0.89, 0.96, 200)
FALL = Share(-3.0, -3.5, -2.5, 200)
MEASURED = Measured("scenes of a cat", "cat face", SHARE, FALL, SHARE, SHARE, "scenes of others", SHARE)
GUIDE = Guide(
    picture=example("cat-and-dog"),
    rack=Rack((Dial(3, "ablate"), Dial(8, "clamp", -1.0)), "cls"),
    before="dog face",
    after="cat face",
    change=-2.0,
    unchanged=((Picture("seed", "17", "Scene 17"), "owl"),),
    measured=MEASURED,
)


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def emoji_vit():
    return pe.load("emoji-vit")


def holds(name: str, sae, model) -> None:
    """A guide is true, and would be refused if it said anything else, or of another SAE's latents."""
    found = guide(name)
    assert found is not None, f"{name} has no guide"
    assert broken(found, name, sae, model) == ()
    down = found.change < 0
    for wrong, sentence in (
        ({"after": found.before}, "not "),
        ({"change": 10 * found.change}, "not at least"),
        ({"change": -found.change}, "not at least"),
        ({"rack": dataclasses.replace(found.rack, dials=())}, f"from {found.before} to {found.before}"),
    ):
        assert any(sentence in each for each in broken(dataclasses.replace(found, **wrong), name, sae, model)), wrong
    assert down and found.unchanged
    others = ((found.picture, found.before), *found.unchanged)
    assert broken(dataclasses.replace(found, unchanged=others), name, sae, model), "the picture itself does change"
    m = found.measured
    assert m.answered.n >= 100 and m.kept.n >= 100 and m.change.high < 0
    assert m.answered.low > m.control.high, "random latents do as much"
    assert m.change.high < m.control_change.low and m.kept.value > 0.5


@pytest.mark.parametrize("name", EMOJI)
def test_the_guide_of_every_emoji_sae_holds(name, emoji_vit):
    holds(name, files.load(name), emoji_vit)


@pytest.mark.slow
@pytest.mark.parametrize("name", EMOJI)
def test_what_was_measured_is_measured_again(name, emoji_vit):
    """On 24 of its scenes: the shares lie where the intervals of so few allow."""
    found = guide(name)
    assert found is not None and found.picture.kind == "example"
    before, after = (NAMES.index(word) for word in (found.before, found.after))
    sae, typical, fresh = files.load(name), facts(name).typical, scenes((before, after), 2**30 + 2**22)
    given = generality(sae, emoji_vit, found.rack, typical, before, fresh, 24, answered=before)
    done = sum(answer == after for answer in given.effect.answers)
    assert abs(done / 24 - found.measured.answered.value) < 0.3
    assert abs(given.effect.mean.value / found.measured.change.value - 1) < 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", TINY)
def test_the_guide_of_every_tiny_sae_holds(name, assets):
    holds(name, files.load(name), pe.load(assets / ON_DISK))


# ------------------------------------------------------------------ the file and its words


def test_what_is_saved_is_read(tmp_path):
    files.save(random_sae(), tmp_path)
    assert guide(tmp_path) is None
    GUIDE.save(tmp_path)
    assert guide(tmp_path) == GUIDE


@pytest.mark.parametrize(
    "harm", [{"picture": 3}, {"much": 1}, {"rack": {"dials": [{"latent": "x"}]}}, {"measured": {}}]
)
def test_damaged_guides_are_refused(tmp_path, harm):
    files.save(random_sae(), tmp_path)
    (tmp_path / FILE).write_text(json.dumps(GUIDE.to_dict() | harm))
    with pytest.raises(LoadError, match="guide.json of .* is damaged"):
        guide(tmp_path)


def test_it_says_what_to_do_and_what_to_expect():
    assert GUIDE.title == "A cat and a dog: from dog face to cat face"
    assert GUIDE.steps == (
        "Open “A cat and a dog”.",
        "Put into the rack: ablate latent 3, clamp latent 8 to −1 typical activations; on CLS.",
    )
    assert GUIDE.expect[0] == "The answer changes from dog face to cat face."
    assert GUIDE.expect[1] == "The logit of dog face falls by at least 2.0."
    assert GUIDE.unlike == ("“Scene 17” is still called owl.",)
    assert "The answer becomes cat face on 93 % [89, 96] of 200 scenes of a cat" in GUIDE.measured_said
    other = dataclasses.replace(GUIDE, measured=dataclasses.replace(MEASURED, answer=None))
    assert "becomes another one on" in other.measured_said and other.title.endswith("to something else")


def test_pictures_are_drawn_again():
    assert np.array_equal(example("cat-and-dog").draw(), render_example("cat-and-dog").image)
    assert np.array_equal(Picture("seed", "17", "").draw(), seeded_scene(17).image)
    assert Picture("scene", "5_50.480.480.700.0", "").draw().shape == (96, 96, 3)
    with pytest.raises(ValueError, match="an example, a seed or a scene, got 'upload'"):
        Picture("upload", "abc", "").draw()


# ------------------------------------------------------------------ finding one


def test_what_holds_an_answer_up_is_the_gradient_of_ablating_it(emoji_vit):
    """To first order: scaling a latent by 1 − ε changes the difference of logits by −ε · what it supports."""
    name = EMOJI[-1]
    sae, typical = files.load(name), facts(name).typical
    x = emoji_vit.preprocess(example("cat-and-dog").draw())
    start, (a, b) = Start(sae, emoji_vit, x), (NAMES.index(word) for word in ("dog face", "cat face"))
    for where in ("all", "cls"):
        held = supports(start, a, b, where)
        for latent in (*held.topk(2).indices.tolist(), *held.topk(1, largest=False).indices.tolist()):
            rack = Rack((Dial(latent, "scale", 1 - 1e-2),), where)
            token = [0] if where == "cls" else None
            moved = emoji_vit.run_with_hooks(x, sae.steer(rack.changes(typical), token=token).at()) - start.logits
            assert float(moved[0, a] - moved[0, b]) / -1e-2 == pytest.approx(float(held[latent]), rel=0.05, abs=1e-2)
    assert not torch.allclose(supports(start, b, a), held)


def test_pictures_to_try_are_what_the_model_answers(emoji_vit):
    found = subjects(emoji_vit)
    assert len(found) == 5
    for subject in found:
        assert int(emoji_vit(emoji_vit.preprocess(subject.picture.draw())).argmax()) == subject.before
        assert {subject.before, subject.after} == set(subject.emoji)


def test_a_model_that_knows_nothing_gets_no_guide(tmp_path, monkeypatch):
    from saes import write_vit

    monkeypatch.setenv("PRISMA_MODELS", str(tmp_path))
    write_vit(tmp_path / "tiny", tiny_vit())
    sae = random_sae()
    files.save(sae, tmp_path / "an-sae")
    with pytest.raises(ValueError, match="has no latents.json; measure it first"):
        write_guide(tmp_path / "an-sae")
    columns = {name: [1.0] * 40 for name in ("frequency", "typical", "largest", "nearest")}
    (tmp_path / "an-sae" / "latents.json").write_text(json.dumps({"classes": [], "latents": columns}))
    assert write_guide(tmp_path / "an-sae") is None and guide(tmp_path / "an-sae") is None


def test_a_guide_is_measured_again_as_it_stands(emoji_vit, tmp_path):
    name = "emoji-vit-sae/blocks.3.hook_resid_post"
    sae, standing = files.load(name), guide(name)
    again = measured_again(name, sae, emoji_vit, n=12)
    assert standing is not None and (again.picture, again.rack) == (standing.picture, standing.rack)
    assert again.measured.answered.n == again.measured.kept.n == 12
    files.save(sae, tmp_path)
    with pytest.raises(ValueError, match="has no guide yet"):
        measured_again(tmp_path, sae, emoji_vit)
