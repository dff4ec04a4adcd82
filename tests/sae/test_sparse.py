"""Sparse products and the search for the largest: the same numbers and gradients as plain dense torch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from prisma_engine.sae import screen
from prisma_engine.sae.sparse import Sparse
from prisma_engine.sae.topk import batch_topk, plain_topk, topk


def problem(tokens: int = 30, d: int = 7, latents: int = 20, seed: int = 0) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    x, W_enc = torch.randn(tokens, d, generator=generator), torch.randn(latents, d, generator=generator)
    b_enc, W_dec = torch.randn(latents, generator=generator) / 2, torch.randn(latents, 5, generator=generator)
    return x, W_enc, b_enc, W_dec


def dense_topk(x, W_enc, b_enc, k):
    """What every paper writes: the k largest pre_acts, ReLU, zeros elsewhere."""
    pre_acts = x @ W_enc.T + b_enc
    values, latent = pre_acts.topk(k, dim=1)
    return torch.zeros_like(pre_acts).scatter(1, latent, values.relu())


@given(st.integers(1, 30), st.integers(1, 12), st.integers(0, 1000))
def test_topk_is_the_dense_one(tokens, k, seed):
    x, W_enc, b_enc, _ = problem(tokens, seed=seed)
    found = topk(x, W_enc, b_enc, k)
    torch.testing.assert_close(found.dense(), dense_topk(x, W_enc, b_enc, k))
    assert found.counts.sum() == (found.values > 0).sum()


@given(st.integers(0, 1000))
def test_losses_and_gradients_are_the_dense_ones(seed):
    given = [t.double().requires_grad_() for t in problem(seed=seed)]
    target = torch.randn(30, 5, dtype=torch.double, generator=torch.Generator().manual_seed(seed))

    def gradients(acts_of):
        x, W_enc, b_enc, W_dec = given
        acts = acts_of(x, W_enc, b_enc, 6)
        recon = acts.decode(W_dec) if isinstance(acts, Sparse) else acts @ W_dec
        loss = (recon - target).pow(2).sum(1).mean()
        return loss, *torch.autograd.grad(loss, given)

    sparse = gradients(lambda x, W, b, k: topk(x, W, b, k).encoded_by(x, W, b))
    for ours, plain in zip(sparse, gradients(dense_topk), strict=True):
        torch.testing.assert_close(ours, plain)
        assert plain.abs().max() > 0


def test_a_latent_that_is_never_active_has_no_gradient():
    x, W_enc, b_enc, W_dec = problem()
    b_enc[3] = -100
    W_enc.requires_grad_(), W_dec.requires_grad_()
    topk(x, W_enc, b_enc, 6).encoded_by(x, W_enc, b_enc).decode(W_dec).sum().backward()
    assert W_enc.grad is not None and W_dec.grad is not None
    silent = (W_enc.grad.abs().sum(1) == 0).nonzero().flatten().tolist()
    assert 3 in silent and len(silent) < 20 and W_dec.grad[3].abs().sum() == 0


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 1000))
def test_batch_topk_keeps_the_largest_of_the_batch(k, guess, seed):
    x, W_enc, b_enc, _ = problem(seed=seed)
    x[:3] *= 20  # tokens that want far more than their share
    found, least = batch_topk(x, W_enc, b_enc, k, guess=guess)
    acts = (x @ W_enc.T + b_enc).relu()
    threshold = acts.flatten().topk(k * len(x)).values.min()
    torch.testing.assert_close(found.dense(), acts.where(acts >= threshold, 0.0))
    assert least == pytest.approx(float(threshold), rel=1e-5)
    counts = (found.dense() > 0).sum(1)
    assert counts.max() > k, "some token has more than k"


def test_batch_topk_over_two_processes_is_that_over_both_batches():
    x, W_enc, b_enc, _ = problem(40)
    x[:20] *= 5  # the first process has nearly all of the largest
    whole, least = batch_topk(x, W_enc, b_enc, 3)
    halves = [x[:20], x[20:]]
    seen: list[list[torch.Tensor]] = [[], []]
    for mine in (0, 1, 0, 1, 0, 1):  # each pass learns what the other one gathered in the pass before
        asked = iter(range(100))

        def gather(vector: torch.Tensor, mine: int = mine, asked=asked) -> torch.Tensor:
            i = next(asked)
            seen[mine][i:] = [vector]
            other = seen[1 - mine][i] if i < len(seen[1 - mine]) else vector
            return torch.cat([vector, other] if mine == 0 else [other, vector])

        found, mine_least = batch_topk(halves[mine], W_enc, b_enc, 3, gather)
        if mine == 0:
            first = found.dense()
    assert mine_least == pytest.approx(least)
    torch.testing.assert_close(torch.cat([first, found.dense()]), whole.dense())
    alone = batch_topk(halves[0], W_enc, b_enc, 3)[0].dense()
    assert not torch.equal(alone, first)


def test_within_cuts_out_latents():
    x, W_enc, b_enc, W_dec = problem()
    found = topk(x, W_enc, b_enc, 6)
    torch.testing.assert_close(found.within(4, 11).dense(), found.dense()[:, 4:11])
    torch.testing.assert_close(found.within(4, 11).decode(W_dec[4:11]), found.dense()[:, 4:11] @ W_dec[4:11])


SHAPES = {"plain": (1.0, 0.0), "with biases": (1.0, 2.0), "one long row": (30.0, 0.5)}


@pytest.mark.parametrize("kind", SHAPES)
def test_the_screen_bounds_every_pre_act_from_above(kind):
    longest, bias = SHAPES[kind]
    x, W_enc, b_enc, _ = problem(200, 50, 512)
    W_enc[7] *= longest
    b_enc *= bias
    left, right = screen.widened(x, W_enc, b_enc)
    bound = left.double() @ right.double().T
    exact = x.double() @ W_enc.double().T + b_enc.double()
    assert (bound >= exact).all()
    assert (bound - exact).mean() < 0.2 * exact.std(), "a bound, but no useful one"


@pytest.mark.parametrize("k", [4, 16])
def test_what_the_screen_is_certain_of_is_right(k):
    x, W_enc, b_enc, _ = problem(300, 64, 1024)
    values, latent, certain = screen.topk(x, W_enc, b_enc, k)
    plain_values, plain_latent = plain_topk(x, W_enc, b_enc, k)
    assert certain.float().mean() > 0.9
    assert torch.equal(latent[certain].sort(1).values, plain_latent[certain].sort(1).values)
    torch.testing.assert_close(values[certain].sort(1).values, plain_values[certain].sort(1).values)


def test_the_screen_is_not_certain_where_it_cannot_be():
    """All latents alike but for the last bits: bfloat16 cannot tell which are the largest."""
    x, W_enc, b_enc, _ = problem(20, 64, 1024)
    W_enc = W_enc[:1] + 1e-4 * W_enc
    x = x * (x @ W_enc[0]).sign()[:, None]
    _, _, certain = screen.topk(x, W_enc, torch.zeros_like(b_enc), 8)
    assert not certain.any()


def test_doubtful_tokens_are_compared_in_full(monkeypatch):
    monkeypatch.setattr(screen, "pays", lambda *given: True)
    x, W_enc, b_enc, _ = problem(50, 64, 1024)
    W_enc[:500] = W_enc[:1] + 1e-4 * W_enc[:500]  # too many alike, for the tokens that look like them
    b_enc.zero_()
    certain = screen.topk(x, W_enc, b_enc, 8)[2]
    assert certain.any() and not certain.all()
    torch.testing.assert_close(topk(x, W_enc, b_enc, 8).dense(), dense_topk(x, W_enc, b_enc, 8))


def test_tokens_without_enough_positive_pre_acts_have_zeros(monkeypatch):
    x, W_enc, b_enc, _ = problem(50, 64, 1024)
    b_enc -= 25  # few latents get above 0
    expected = dense_topk(x, W_enc, b_enc, 8)
    assert ((expected > 0).sum(1) < 8).any() and (expected > 0).any()
    for screened in (True, False):
        monkeypatch.setattr(screen, "pays", lambda *given, answer=screened: answer)
        torch.testing.assert_close(topk(x, W_enc, b_enc, 8).dense(), expected)


def test_groups_keep_the_largest_whatever_the_width():
    for latents in (512, 1000, 1024, 3 * 512, 4096):
        bounds = torch.randn(5, latents).bfloat16()
        least, found = screen.largest_bounds(bounds, 20)
        best = bounds.float().topk(20, dim=1)
        chosen = bounds.float().gather(1, found).sort(1, descending=True).values
        assert torch.equal(chosen, best.values), latents
        assert (least >= best.values[:, -1]).all()
