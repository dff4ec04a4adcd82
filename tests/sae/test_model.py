"""The model's equations, variant by variant, against formulas written out here."""

from __future__ import annotations

import pytest
import torch

from prisma_engine.sae import SAEConfig
from prisma_engine.sae.activations import trainable_jumprelu, trainable_l0
from saes import D_IN, D_SAE, VARIANTS, K, config, random_sae

X = torch.randn(6, D_IN, generator=torch.Generator().manual_seed(5))


def by_hand(sae, x):
    """acts and reconstruction, for the normalisation "scale"."""
    c = sae.config
    normal = x * sae.scale_in
    bias = {"tied": sae.b_dec, "own": sae.b_in, "none": 0.0}[c.input_bias]
    projected = (normal - bias) @ sae.W_enc.T
    pre_acts = projected + sae.b_enc
    if c.activation == "relu":
        acts = pre_acts.clamp(min=0)
    elif c.activation == "topk":
        least = pre_acts.sort(1, descending=True).values[:, K - 1 : K]
        acts = (pre_acts * (pre_acts >= least)).clamp(min=0)
    elif c.activation == "gated":
        acts = (pre_acts > 0) * (projected * sae.r_mag.exp() + sae.b_mag).clamp(min=0)
    else:
        acts = pre_acts * (pre_acts > sae.threshold)
    recon = acts @ sae.W_dec + sae.b_dec
    return acts, (recon if sae.W_skip is None else recon + normal @ sae.W_skip) / sae.scale_out


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_variant_is_its_formula(variant):
    sae = random_sae(**VARIANTS[variant])
    acts, recon = by_hand(sae, X)
    out = sae(X)
    torch.testing.assert_close(out.acts, acts)
    torch.testing.assert_close(out.recon, recon)
    torch.testing.assert_close(sae.encode(X), acts)
    torch.testing.assert_close(sae.decode(acts, X), recon)
    assert out.l0 == pytest.approx((acts > 0).sum(1).float().mean().item())
    assert 0 < out.l0 < D_SAE, "neither nothing nor everything is active"


@pytest.mark.parametrize("variant", VARIANTS)
def test_any_axes_in_front(variant):
    sae = random_sae(**VARIANTS[variant])
    flat, shaped = sae(X), sae(X.view(2, 3, D_IN))
    torch.testing.assert_close(shaped.acts.view(6, -1), flat.acts)
    torch.testing.assert_close(shaped.recon.view(6, -1), flat.recon)
    torch.testing.assert_close(sae(X[0]).acts, flat.acts[0])


@pytest.mark.parametrize("variant", VARIANTS)
def test_gradients_flow_through_what_is_active(variant):
    sae = random_sae(**VARIANTS[variant])
    x = X.double().requires_grad_()
    sae = sae.double()
    (gradient,) = torch.autograd.grad(sae(x).recon.sum(), x)
    (expected,) = torch.autograd.grad(by_hand(sae, x)[1].sum(), x)
    torch.testing.assert_close(gradient, expected)
    assert expected.abs().max() > 0


def test_layer_norm_is_undone():
    sae = random_sae(normalize="layer_norm", activation="relu")
    mean, std = X.mean(1, keepdim=True), X.std(1, keepdim=True)
    normal = (X - mean) / (std + 1e-5)
    acts = ((normal - sae.b_dec) @ sae.W_enc.T + sae.b_enc).relu()
    torch.testing.assert_close(sae(X).recon, (acts @ sae.W_dec + sae.b_dec) * std + mean)
    torch.testing.assert_close(sae(3 * X + 1).acts, sae(X).acts, rtol=1e-3, atol=1e-3)  # blind to scale and shift


def test_constant_norm_is_undone():
    sae = random_sae(normalize="constant_norm", activation="relu")
    length = X.norm(dim=1, keepdim=True)
    acts = ((X * D_IN**0.5 / length - sae.b_dec) @ sae.W_enc.T + sae.b_enc).relu()
    torch.testing.assert_close(sae(X).recon, (acts @ sae.W_dec + sae.b_dec) * length / D_IN**0.5)
    torch.testing.assert_close(sae(2 * X).acts, sae(X).acts)
    assert not torch.allclose(sae(X + 1).acts, sae(X).acts)


@pytest.mark.parametrize("normalize", ["none", "scale", "layer_norm", "constant_norm"])
def test_a_perfect_sae_reconstructs_whatever_the_normalisation(normalize):
    """Latents that are the axes, each with its negative, lose nothing."""
    sae = random_sae(d_sae=2 * D_IN, activation="relu", normalize=normalize)
    with torch.no_grad():
        sae.W_enc.copy_(torch.cat([torch.eye(D_IN), -torch.eye(D_IN)]))
        sae.W_dec.copy_(sae.W_enc)
        sae.b_enc.zero_()
    out = sae(X)
    torch.testing.assert_close(out.recon, X, rtol=1e-4, atol=1e-4)
    assert out.explained_variance == pytest.approx(1, abs=1e-6)
    assert random_sae(activation="relu")(X).explained_variance < 0.5


def test_decode_asks_for_what_it_needs():
    acts = torch.rand(6, D_SAE)
    assert random_sae().decode(acts).shape == (6, D_IN)
    for changes in ({"normalize": "layer_norm"}, VARIANTS["skip"]):
        with pytest.raises(ValueError, match="depends on what it read"):
            random_sae(**changes).decode(acts)


def test_a_width_that_does_not_fit_is_one_sentence():
    with pytest.raises(ValueError, match="reads vectors of width 12 at blocks.0.hook_resid_post, got width 5"):
        random_sae()(torch.zeros(2, 5))


def test_a_transcoder_needs_its_target_for_explained_variance():
    sae = random_sae(**VARIANTS["transcoder"])
    with pytest.raises(ValueError, match="needs its target"):
        _ = sae(X).explained_variance
    target = sae(X).recon
    assert sae(X, target).explained_variance == pytest.approx(1)


WRONG = {
    "activation is 'sofmax'": {"activation": "sofmax"},
    "k is 0; topk needs from 1 to d_sae = 40": {"k": 0},
    "k is 41": {"k": 41},
    "relu does not count its latents": {"activation": "relu", "k": 3},
    "d_in is 0": {"d_in": 0},
    "growing sizes that end at d_sae": {"nested": (8, 20)},
    "growing sizes": {"nested": (20, 8, 40)},
    "input_bias is 'own' or 'none', not 'tied'": {"hook_out": "blocks.0.hook_mlp_out"},
    "only a transcoder": {"skip": True},
    "only a transcoder (one with hook_out) has a skip path or a d_out": {"d_out": 3},
    "tokens is 'some'": {"tokens": "some"},
}


@pytest.mark.parametrize("sentence", WRONG)
def test_contradictions_are_refused(sentence):
    import re

    with pytest.raises(ValueError, match=re.escape(sentence)):
        config(**WRONG[sentence])


def test_config_survives_json():
    import json

    for changes in VARIANTS.values():
        c = config(**changes)
        assert SAEConfig.from_dict(json.loads(json.dumps(c.to_dict()))) == c
    with pytest.raises(ValueError, match="the SAE's config has unknown fields: color"):
        SAEConfig.from_dict(config().to_dict() | {"color": 1})
    with pytest.raises(ValueError, match="lacks hook_name"):
        SAEConfig.from_dict({k: v for k, v in config().to_dict().items() if k != "hook_name"})


def test_jumprelu_pseudo_gradients_are_the_papers():
    pre_acts = torch.tensor([[0.5, 0.99, 1.02, 3.0]], requires_grad=True)
    threshold = torch.full((4,), 1.0, requires_grad=True)
    acts = trainable_jumprelu(pre_acts, threshold, 0.1)
    assert acts.tolist() == [[0, 0, pytest.approx(1.02), 3]]
    acts.sum().backward()
    assert pre_acts.grad is not None and threshold.grad is not None
    assert pre_acts.grad.tolist() == [[0, 0, 1, 1]]
    assert threshold.grad.tolist() == pytest.approx([0, -10, -10, 0])
    threshold.grad = None
    count = trainable_l0(pre_acts, threshold, 0.1)
    assert count.tolist() == [2]
    count.sum().backward()
    assert threshold.grad.tolist() == pytest.approx([0, -10, -10, 0])
