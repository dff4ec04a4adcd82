"""Permutation baselines keep what they say they keep, and their p-values are honest."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import prisma_engine as pe
from prisma_engine.analysis.heads import templates
from prisma_engine.analysis.heads.shuffles import RELABELLED, SPREAD, TURNED, Shuffle, family_wise_p, null_masses
from tour_maps import LAYOUTS

SHUFFLES = [RELABELLED, TURNED, SPREAD]
SMALL = pe.Layout(("CLS",), (2, 3))


def random_pattern(layout: pe.Layout, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(2, 3, layout.n_tokens, layout.n_tokens, generator=generator)).softmax(-1)


def rearranged(pattern: Tensor, shuffle: Shuffle, layout: pe.Layout, seed: int) -> Tensor:
    cells = shuffle.draw(layout, torch.Generator().manual_seed(seed))
    return pattern.flatten(-2)[..., cells.flatten()].view_as(pattern)


def kept(pattern: Tensor, shuffle: Shuffle, layout: pe.Layout) -> list[Tensor]:
    """What a shuffle leaves as it is, sorted where only the order is lost."""
    patches = pattern[..., layout.patch_slice, layout.patch_slice]
    if shuffle is SPREAD:
        return [pattern.sort(-1).values]
    if shuffle is RELABELLED:
        rows = patches.sort(-1).values.sum(-1).sort(-1).values
        columns = patches.sum(-2).sort(-1).values
        diagonal = patches.diagonal(dim1=-2, dim2=-1).sort(-1).values
        prefix = pattern[..., : layout.n_prefix].sum((-2, -1))
        return [rows, columns, diagonal, prefix]
    rings = [patches.where(layout.ring == ring, 0).sort(-1).values for ring in range(int(layout.ring.max()) + 1)]
    return [pattern[..., : layout.n_prefix], *rings]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("shuffle", SHUFFLES, ids=lambda s: s.id)
def test_a_shuffle_keeps_what_it_says_and_moves_the_rest(shuffle, layout):
    pattern = random_pattern(layout)
    drawn = rearranged(pattern, shuffle, layout, seed=1)
    cells = shuffle.draw(layout, torch.Generator().manual_seed(1))
    assert torch.equal(cells.flatten().sort().values, torch.arange(layout.n_tokens**2))
    assert not torch.allclose(drawn, pattern, atol=1e-3)
    for before, after in zip(kept(pattern, shuffle, layout), kept(drawn, shuffle, layout), strict=True):
        assert torch.allclose(before, after, atol=1e-5)


@pytest.mark.parametrize("one, other", [(RELABELLED, TURNED), (TURNED, RELABELLED), (SPREAD, TURNED)])
def test_and_does_not_keep_what_another_keeps(one, other):
    layout = LAYOUTS[1]
    pattern = random_pattern(layout)
    drawn = rearranged(pattern, one, layout, seed=1)
    pairs = zip(kept(pattern, other, layout), kept(drawn, other, layout), strict=True)
    assert not all(torch.allclose(before, after, atol=1e-3) for before, after in pairs)


@pytest.mark.parametrize("shuffle", SHUFFLES, ids=lambda s: s.id)
def test_the_expected_pattern_is_the_mean_of_the_draws(shuffle):
    pattern = random_pattern(SMALL)
    generator = torch.Generator().manual_seed(0)
    draws = [shuffle.draw(SMALL, generator).flatten() for _ in range(4000)]
    mean = torch.stack([pattern.flatten(-2)[..., cells] for cells in draws]).mean(0).view_as(pattern)
    patches = SMALL.patch_slice
    expected = shuffle.expected(pattern, SMALL)
    assert torch.allclose(mean[..., patches, patches], expected[..., patches, patches], atol=0.02)
    assert not torch.allclose(pattern[..., patches, patches], expected[..., patches, patches], atol=0.1)


@given(st.integers(0, 1000), st.sampled_from(SHUFFLES), st.sampled_from(LAYOUTS))
def test_no_attention_is_lost_or_made(seed, shuffle, layout):
    pattern = random_pattern(layout, seed)
    expected = shuffle.expected(pattern, layout)
    assert torch.allclose(expected.sum((-2, -1)), pattern.sum((-2, -1)), rtol=1e-4)
    assert torch.allclose(shuffle.expected(expected, layout), expected, atol=1e-5)  # nothing more to lose


def test_nulls_of_all_heads_come_from_the_same_rearrangements():
    pattern = random_pattern(SMALL)
    pattern[1] = pattern[0]
    weights = torch.stack([templates.ROW.weights(SMALL), templates.SELF.weights(SMALL)])
    null = null_masses(pattern, weights, TURNED, SMALL, 20, torch.Generator().manual_seed(0))
    assert null.shape == (20, 2, 2, 3)
    assert torch.allclose(null[:, :, 0], null[:, :, 1], atol=1e-6)
    assert null[:, 0].std(0).min() > 0.001
    assert null[:, 1].std(0).max() < 1e-6  # turning leaves oneself where one is


def test_p_is_small_for_what_stands_out_and_never_zero():
    generator = torch.Generator().manual_seed(0)
    null = 0.1 + 0.01 * torch.randn(99, 2, 3, generator=generator)
    score = torch.full((2, 3), 0.1)
    score[1, 2] = 0.5
    p = family_wise_p(score, null)
    assert p[1, 2].item() == pytest.approx(0.01)
    assert p[0].min() > 0.5


def test_p_is_1_for_a_score_that_no_shuffle_changes():
    assert family_wise_p(torch.full((2, 3), 0.3), torch.full((99, 2, 3), 0.3)).tolist() == [[1.0] * 3] * 2


def test_a_loud_head_does_not_hide_a_quiet_one():
    generator = torch.Generator().manual_seed(0)
    null = torch.randn(199, 1, 2, generator=generator) * torch.tensor([1.0, 0.001])
    assert family_wise_p(torch.tensor([[0.0, 0.01]]), null)[0, 1].item() < 0.01


def test_under_the_null_one_in_twenty_families_has_a_p_below_one_in_twenty():
    generator = torch.Generator().manual_seed(0)
    families = 400
    drawn = [torch.randn(200, 4, 5, generator=generator) for _ in range(families)]
    smallest = [family_wise_p(draws[0], draws[1:]).min().item() for draws in drawn]
    share = sum(p < 0.05 for p in smallest) / families
    assert 0.02 < share < 0.09
