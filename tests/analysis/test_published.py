"""Patching on real photos: published figures of ViT-B/32, and what holds on the ViT-Tiny that lies beside the checkout.

The published experiment squashes photos to 224 pixels and does not normalise them, which is not what the checkpoint
expects; its patched figures count the difference of two head biases twice, which is taken out here.
"""

import pytest
import torch

import prisma_engine as pe
from prisma_engine.analysis.attribution import direct_logit_attribution
from prisma_engine.analysis.metrics import logit, logit_diff
from prisma_engine.analysis.patching.activation import patch_sweep
from prisma_engine.analysis.patching.gradients import attribution_patching
from prisma_engine.analysis.patching.minimal import minimal_flip
from prisma_engine.preprocess import Preprocess

AS_PUBLISHED = Preprocess(224, 224, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), interpolation="bilinear", mode="squash")
HEADS = {"at": "blocks.*.attn.hook_z", "by": ("layer", "head"), "token": "cls"}
DIFFERENCE = logit_diff("Border collie", "tabby")


@pytest.fixture(scope="module")
def tiny(assets):
    """The real ViT-Tiny."""
    import timm
    from safetensors.torch import load_file

    module = timm.create_model("vit_tiny_patch16_224")
    weights = assets / "vit_tiny_patch16_224_in1k" / "vit_tiny_patch16_224_in1k.safetensors"
    module.load_state_dict(load_file(weights))
    return pe.from_timm(module.eval().requires_grad_(False))


def photo(assets, name, preprocess):
    return preprocess(assets / "images" / f"{name}.jpeg")


@pytest.mark.network
def test_the_published_figures(assets):
    model = pe.load("timm/vit_base_patch32_224.augreg_in21k_ft_in1k")
    clean, corrupt = (photo(assets, name, AS_PUBLISHED) for name in ("cat_dog", "cat_crop"))
    sweep = patch_sweep(model, clean, corrupt, **HEADS, metric=DIFFERENCE, direction="noise")
    assert sweep.clean == pytest.approx(-1.5607, abs=5e-3)
    assert sweep.corrupt == pytest.approx(5.1009, abs=5e-3)
    assert sweep.metric[11, 4].item() == pytest.approx(0.953, abs=5e-3)
    assert (sweep.metric > 0).sum() == 1  # no other head flips
    for name, published in (("tabby", 6.428), ("Border collie", 5.512)):
        dla = direct_logit_attribution(model, clean, logit(name))
        contribution, names = dla.by_sublayer()
        assert contribution[names.index("11_attn_out"), 0].item() == pytest.approx(published, abs=1e-2)
        assert dla.residual_error.abs().item() <= 1e-4


@torch.no_grad()
def test_one_head_of_36_makes_the_photo_a_cat(tiny, assets):
    clean, corrupt = (photo(assets, name, tiny.preprocess) for name in ("cat_dog", "crop_dog"))
    found = minimal_flip(tiny, clean, corrupt, **HEADS, direction="noise", metric=DIFFERENCE)
    assert found.labels == ("L9H0",) and found.n_flipping == 1 and found.n_numbers == 64
    assert tiny.vocabulary.names[found.logits.argmax()] == "tabby"
    pair = (photo(assets, name, AS_PUBLISHED) for name in ("cat_dog", "crop_dog"))
    other = minimal_flip(tiny, *pair, **HEADS, direction="noise", metric=DIFFERENCE, budget=0)
    assert other.size == 2 and other.is_smallest  # the same photos, squashed and not normalised


@torch.no_grad()
def test_the_sweep_is_a_loop_on_real_weights(tiny, assets):
    clean, corrupt = (photo(assets, name, tiny.preprocess) for name in ("cat_dog", "crop_dog"))
    sweep = patch_sweep(tiny, clean, corrupt, **HEADS, metric=DIFFERENCE)
    _, cache = tiny.run_with_cache(clean, HEADS["at"])
    for cell in range(0, sweep.n_variants, 5):
        (site,) = sweep.grid.sets[cell]
        logits = tiny.run_with_hooks(corrupt, {site.point: pe.replace(cache[site.point], **site.where)})
        alone = logits[0, tiny.vocabulary.index("Border collie")] - logits[0, tiny.vocabulary.index("tabby")]
        assert sweep.metric.flatten()[cell].item() == pytest.approx(alone.item(), abs=1e-4)
    estimate = attribution_patching(tiny, clean, corrupt, **HEADS, metric=DIFFERENCE)
    assert 0.9 < estimate.correlation(sweep) < 0.999


def test_attribution_closes_on_real_weights(tiny, assets):
    x = torch.cat([photo(assets, name, tiny.preprocess) for name in ("cat_dog", "crop_dog", "cat_crop")])
    for metric in (logit("tabby"), DIFFERENCE):
        dla = direct_logit_attribution(tiny, x, metric)
        assert dla.residual_error.abs().max() <= 1e-4
        assert dla.total.std() > 1
