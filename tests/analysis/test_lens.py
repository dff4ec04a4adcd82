"""The logit lens is the model's own head, read at every token and point."""

import pytest
import torch

import prisma_engine as pe


def tiny(**changes) -> pe.HookedViT:
    sizes = dict(
        image_size=(16, 24), patch_size=(8, 8), n_layers=2, n_heads=2, d_model=16, d_head=8, d_mlp=32, n_classes=7
    )
    torch.manual_seed(0)
    model = pe.HookedViT(pe.ViTConfig(**{**sizes, **changes})).eval().requires_grad_(False)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    return torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(1))


def test_last_point_at_cls_is_the_models_answer(x):
    model = tiny()
    lens = pe.logit_lens(model, x)
    assert torch.allclose(lens.logits[-1, :, 0], model(x), atol=1e-6)
    assert not torch.allclose(lens.logits[-2, :, 0], model(x), atol=1e-2)


@pytest.mark.parametrize("head, changes", [("linear", {}), ("two_head", {"prefix": ("CLS", "DIST")}), ("cls_mean", {})])
def test_the_models_own_answer_comes_with_it(x, head, changes):
    model = tiny(head=head, **changes)
    assert torch.equal(pe.logit_lens(model, x).answer, model(x))


def test_points_are_labelled_in_order(x):
    assert pe.logit_lens(tiny(), x).labels == ("0_pre", "0_mid", "1_pre", "1_mid", "final")
    assert pe.logit_lens(tiny(), x, mid=False).labels == ("0_pre", "1_pre", "final")
    assert pe.logit_lens(tiny(attn_only=True, d_mlp=0), x).labels == ("0_pre", "1_pre", "final")


def test_each_point_is_the_cached_stream_read_by_the_head(x):
    model = tiny()
    _, cache = model.run_with_cache(x, names="blocks.1.hook_resid_mid")
    by_hand = model.head.linear(model.ln_final(cache["resid_mid", 1]))
    assert torch.equal(pe.logit_lens(model, x).logits[3], by_hand)


def test_top_classes_are_probabilities_over_all_classes(x):
    lens = pe.logit_lens(tiny(), x)
    top = lens.top(7)
    assert torch.allclose(top.probability.sum(-1), torch.ones(()), atol=1e-5)
    assert torch.allclose(top.probability, lens.logits.softmax(-1).gather(-1, top.index), atol=1e-6)
    assert (lens.top(3).probability.sum(-1) < 1).all()  # the other four are not forgotten


def test_rank_counts_the_better_classes(x):
    lens = pe.logit_lens(tiny(), x)
    ranks = torch.stack([lens.rank(c) for c in range(7)], dim=-1)
    assert torch.equal(ranks.sort(-1).values, torch.arange(7).expand_as(ranks))
    assert torch.equal(ranks.argmin(-1), lens.logits.argmax(-1))


@pytest.mark.parametrize("prefix, n_prefix", [(("CLS",), 1), (("CLS", "REG1", "REG2"), 3), ((), 0)])
def test_patches_leave_the_prefix_out(x, prefix, n_prefix):
    model = tiny(prefix=prefix, pool="token" if prefix else "mean")
    lens = pe.logit_lens(model, x)
    assert lens.patches.shape[2] == 6 == lens.logits.shape[2] - n_prefix


def test_a_model_without_classifier_is_refused(x):
    with pytest.raises(ValueError, match="no classifier"):
        pe.logit_lens(tiny(head="identity", n_classes=16), x)
