"""What latents write on classes directly: sums that close, and an SAE whose effect is known by construction."""

from __future__ import annotations

import pytest
import torch

import prisma_engine as pe
from families import randomised
from prisma_engine.analysis.readout import ReadOut
from prisma_engine.preprocess import Preprocess
from prisma_engine.sae.features import (
    Start,
    class_directions,
    direct_effect,
    directions,
    feature_map,
    written,
    written_classes,
)
from saes import D_IN, SIZES, VARIANTS, random_sae, tiny_vit

LAST = "blocks.1.hook_resid_post"
HEADS = {
    "linear": {},
    "two heads": {"head": "two_head", "prefix": ("CLS", "DIST")},
    "mean": {"pool": "mean", "prefix": ()},
    "CLIP": {"head": "zero_shot", "d_projection": 7, "head_bias": False},
    "CLS and mean": {"head": "cls_mean"},
    "attention pool": {"head": "attention_pool", "prefix": (), "pool": "mean"},
}


def model_with(head: str) -> pe.HookedViT:
    model = randomised(pe.HookedViT(pe.ViTConfig(**SIZES | HEADS[head])), 2).requires_grad_(False)
    model.name, model.preprocess = "tiny", Preprocess(96, 96, (0.5,) * 3, (0.5,) * 3)
    return model


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


@pytest.fixture(scope="module")
def x():
    return torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("normalize", ["scale", "layer_norm"])
def test_at_the_last_layer_it_is_all_of_the_logit(head, normalize, x):
    """Latents, the error, b_dec and the biases behind add up to the answer, over the tokens that the head reads."""
    model, sae = model_with(head), random_sae(hook_name=LAST, normalize=normalize)
    start = Start(sae, model, x)
    features, found = feature_map(start), direct_effect(start, 5)
    read_out = ReadOut(model, start.target)
    behind = read_out(torch.zeros_like(start.target))
    latents = start.sae.written(start.output.acts @ sae.W_dec, start.read)
    rest = read_out(start.target - latents) - behind  # error, b_dec, mean: all that is no latent
    pool_mlp = 0 if read_out.pool_mlp is None else float(read_out.pool_mlp[0, 5])
    total = float(found.effect[found.part[features.token]].sum() + rest[0, 5] + behind[0, 5]) + pool_mlp
    assert total == pytest.approx(float(start.logits[0, 5]), rel=1e-4, abs=1e-4)
    without = float(rest[0, 5] + behind[0, 5]) + pool_mlp
    assert abs(without - float(start.logits[0, 5])) > 1e-2, "the latents do nothing, so nothing was tested"


@pytest.mark.parametrize(("head", "part"), [("linear", [0]), ("two heads", [0, 1]), ("mean", list(range(9)))])
def test_it_says_which_tokens_the_answer_is_read_from(head, part, x):
    found = direct_effect(Start(random_sae(hook_name=LAST), model_with(head), x), 5)
    assert found.part.nonzero().flatten().tolist() == part and found.metric == "logit of 5"


@pytest.mark.parametrize("head", ["linear", "CLIP"])
def test_at_other_tokens_it_is_part_of_what_the_lens_reads(head, x):
    model, sae = model_with(head), random_sae(hook_name=LAST)
    start = Start(sae, model, x)
    features, found = feature_map(start), direct_effect(start, pe.logit_diff(5, 9))
    for token in (1, 6):
        alone = start.target[:, token : token + 1]
        read_out = ReadOut(model, alone, 0)
        latents = start.output.acts[:, token : token + 1] @ sae.W_dec / sae.scale_out
        moved = (read_out(alone) - read_out(alone - latents))[0]
        assert float(found.effect[features.token == token].sum()) == pytest.approx(float(moved[5] - moved[9]), rel=1e-4)


def test_one_latent_at_cls_is_what_taking_it_away_does_with_the_norm_held(x):
    model, sae = model_with("linear"), random_sae(hook_name=LAST)
    start = Start(sae, model, x)
    features, found = feature_map(start), direct_effect(start, 5)
    latent, act = int(features.at(0)[0][1]), float(features.at(0)[1][1])
    read_out = ReadOut(model, start.target)
    less = start.target.clone()
    less[:, 0] -= act * sae.W_dec[latent] / sae.scale_out
    assert float(found.effect[1]) == pytest.approx(float((read_out(start.target) - read_out(less))[0, 5]), rel=1e-4)
    real = start.logits - model.read_out(less)
    assert float(found.effect[1]) != pytest.approx(float(real[0, 5]), rel=1e-3), "the divisor does move"


def test_where_it_means_nothing_it_is_refused(x):
    model = tiny_vit()
    with pytest.raises(ValueError, match="what is written at 'blocks.0.ln2.hook_normalized' is not added"):
        direct_effect(Start(random_sae(hook_name="blocks.0.ln2.hook_normalized"), model, x), 5)
    with pytest.raises(ValueError, match="a probability is no sum of contributions"):
        direct_effect(Start(random_sae(), model, x), pe.probability(5))
    with pytest.raises(ValueError, match="has 64 classes, 0 to 63; got 64"):
        direct_effect(Start(random_sae(), model, x), 64)
    plain = randomised(
        pe.HookedViT(pe.ViTConfig(**SIZES | {"head": "identity", "n_classes": D_IN, "head_bias": False}))
    )
    plain.requires_grad_(False).preprocess = model.preprocess
    for asked in (lambda: direct_effect(Start(random_sae(), plain, x), 5), lambda: class_directions(plain)):
        with pytest.raises(ValueError, match="has no classifier"):
            asked()


def test_a_transcoder_writes_to_the_stream(x):
    given = VARIANTS["transcoder"] | {"hook_name": "blocks.1.ln2.hook_normalized", "hook_out": "blocks.1.hook_mlp_out"}
    model, sae = tiny_vit(), random_sae(**given | {"d_out": D_IN})
    start = Start(sae, model, x)
    features, found = feature_map(start), direct_effect(start, 5)
    read_out = ReadOut(model, start.run.resid[-1])
    written_there = start.output.acts @ sae.W_dec / sae.scale_out
    moved = read_out(written_there) - read_out(torch.zeros_like(written_there))
    assert float(found.effect[features.token == 0].sum()) == pytest.approx(float(moved[0, 5]), rel=1e-4)


# ------------------------------------------------------------------ over all pictures


@pytest.mark.parametrize("head", HEADS)
def test_a_latent_that_points_at_a_class_writes_it_most(head):
    """Decoder rows made of what the head reads for one class, and against it; that class' column is the longest."""
    model, sae = model_with(head), random_sae(hook_name=LAST)
    weights = [model.head.text] if head == "CLIP" else [p.weight for n, p in model.head.named_children() if "lin" in n]
    for weight in weights:
        weight[17] *= 20
    classes = class_directions(model)
    sae.W_dec[3] = classes.matrix[:, 17]
    sae.W_dec[4] = -2 * sae.W_dec[3]
    table = written(sae, model, torch.ones(40), classes)
    top, bottom = written_classes(table[3], 3)
    assert [each[1] for each in top] == sorted([each[1] for each in top], reverse=True) and len(bottom) == 3
    assert top[0][0] == 17 and top[0][1] == pytest.approx(float(sae.W_dec[3].square().sum() / 0.7), rel=1e-4)
    assert written_classes(table[4], 3)[1][0][0] == 17 and 17 not in dict(bottom)
    torch.testing.assert_close(table[4], -2 * table[3], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(written(sae, model, torch.full((40,), 3.0), classes), 3 * table)


def test_what_is_written_is_in_logits_at_the_built_in_pictures(x):
    """For a linear head: the mean over five pictures of what one typical activation at CLS adds, the divisor held."""
    from prisma_engine.sae.probe import probe_images

    model, sae = model_with("linear"), random_sae(hook_name=LAST)
    pictures = model.preprocess([image.numpy() for image in probe_images()])
    start = Start(sae, model, pictures)
    read_out = ReadOut(model, start.target)
    pushed = start.target.clone()
    pushed[:, 0] += 2.5 * sae.W_dec[8] / sae.scale_out
    moved = (read_out(pushed) - start.logits).mean(0)
    table = written(sae, model, torch.full((40,), 2.5), class_directions(model))
    torch.testing.assert_close(table[8], moved, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(table[9], moved, rtol=1e-3, atol=1e-4)


def test_directions_are_in_the_activations_units():
    model, sae = tiny_vit(), random_sae()
    torch.testing.assert_close(directions(sae, model), sae.W_dec / 0.7)
    by_itself = random_sae(normalize="layer_norm", activation="relu", k=0)
    torch.testing.assert_close(directions(random_sae(normalize="none"), model), random_sae(normalize="none").W_dec)
    ratio = directions(by_itself, model) / by_itself.W_dec
    assert float(ratio.std()) < 1e-4 and abs(float(ratio.mean()) - 1) > 1e-2
