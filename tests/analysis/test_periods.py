"""Periods of Modulus heads, on patterns whose period is known."""

from __future__ import annotations

import pytest
import torch

import prisma_engine as pe
from prisma_engine.analysis.heads.periods import Period, best_period, in_words, period_mass, step_in_words, step_masses
from prisma_engine.analysis.heads.shuffles import TURNED
from tour_maps import LAYOUTS, every, pattern_of


def found(pattern: torch.Tensor, layout: pe.Layout) -> tuple[float, int, int]:
    masses, chance = step_masses(pattern, layout), step_masses(TURNED.expected(pattern, layout), layout)
    excess, period = best_period(masses, chance)
    return excess.item(), int(period.m), int(period.r)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_steps_are_counted_between_patches_alone(layout):
    n = layout.n_patches
    masses = step_masses(every(layout), layout)[0]
    steps = torch.arange(1 - n, n)
    expected = (n - steps.abs()) / n / layout.n_tokens
    assert torch.allclose(masses, expected.where(steps != 0, 0), atol=1e-6)


@pytest.mark.parametrize("m, r", [(5, 2), (7, 0), (3, 1), (24, 11)])
def test_a_period_is_found(m, r):
    layout = pe.Layout(("CLS", "REG1"), (7, 7))
    pattern = pattern_of(layout, lambda i, j: i != j and (j - i) % m == r)
    excess, m_found, r_found = found(pattern, layout)
    assert (m_found, r_found) == (m, r)
    assert excess > 0.3
    mass = period_mass(step_masses(pattern, layout), Period(torch.tensor([m]), torch.tensor([r])))
    readers = (pattern[0, 2:].sum(-1) > 0.5).float().mean()  # some patches have nothing to read at such a step
    assert mass.item() == pytest.approx(readers.item(), abs=1e-5)


def test_the_same_column_is_a_period():
    layout = pe.Layout((), (6, 4))
    excess, m, r = found(pattern_of(layout, lambda i, j: i != j and i % 4 == j % 4), layout)
    assert (m, r) == (4, 0) and excess > 0.3


@pytest.mark.parametrize("width", [1.5, 3.0])
def test_looking_near_is_no_period(width):
    layout = pe.Layout(("CLS",), (8, 8))
    pattern = every(layout).clone()
    pattern[0, 1:, 1:] = (-layout.distance / width).softmax(-1)
    assert found(pattern, layout)[0] < 0.02
    assert found(every(layout), layout)[0] < 0.02


def test_each_head_has_its_own_period():
    layout = pe.Layout((), (6, 6))
    rules = [lambda i, j: i != j and (j - i) % 5 == 0, lambda i, j: i != j and (j - i) % 7 == 3]
    pattern = torch.cat([pattern_of(layout, rule) for rule in rules]).view(2, 1, 36, 36)
    masses, chance = step_masses(pattern, layout), step_masses(TURNED.expected(pattern, layout), layout)
    excess, period = best_period(masses, chance)
    assert period.m.flatten().tolist() == [5, 7] and period.r.flatten().tolist() == [0, 3]
    assert torch.allclose(excess, period_mass(masses, period) - period_mass(chance, period), atol=1e-6)
    assert excess.min() > 0.3 and excess.shape == (2, 1)


def test_rearranged_cells_count_for_the_steps_they_come_from():
    layout = LAYOUTS[0]
    pattern = torch.rand(2, layout.n_tokens, layout.n_tokens)
    cells = TURNED.draw(layout, torch.Generator().manual_seed(0))
    back = cells.flatten().argsort()
    moved = pattern.flatten(1)[:, back].view_as(pattern)
    assert torch.allclose(step_masses(pattern, layout, cells), step_masses(moved, layout), atol=1e-5)


@pytest.mark.parametrize(
    "m, r, words",
    [
        (14, 0, "every 14 patches: the same column"),
        (14, 1, "every 14 patches from 1: 1 column right, in any row"),
        (14, 12, "every 14 patches from 12: 2 columns left, in any row"),
        (5, 2, "every 5 patches from 2"),
        (15, 0, "every 15 patches"),
    ],
)
def test_in_words(m, r, words):
    assert in_words(m, r, pe.Layout(("CLS",), (14, 14))) == words


def test_in_words_for_a_video():
    assert in_words(12, 0, pe.Layout((), (3, 4), 4)) == "every 12 patches: the same place in other frames"


@pytest.mark.parametrize(
    "step, words",
    [
        (-1, "1 column left"),
        (14, "1 row down"),
        (-13, "1 row up, 1 column right"),
        (31, "2 rows down, 3 columns right"),
    ],
)
def test_a_step_in_words(step, words):
    assert step_in_words(step, pe.Layout(("CLS",), (14, 14))) == words


def test_a_step_to_another_frame_in_words():
    assert step_in_words(-12, pe.Layout((), (3, 4), 4)) == "1 frame back"
    assert step_in_words(13, pe.Layout((), (3, 4), 4)) == "1 frame on, 1 column right"
