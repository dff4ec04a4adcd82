"""Numbers that stand out: cases worked out by hand."""

import pytest
import torch

from prisma_engine.studies.separation import auroc, d_prime

CHOSEN = torch.tensor([True, True, False, False, False])


@pytest.mark.parametrize(
    "values, expected",
    [
        ([5, 4, 3, 2, 1], 1.0),
        ([1, 2, 3, 4, 5], 0.0),
        ([5, 1, 2, 3, 4], 0.5),
        ([3, 1, 2, 0, 4], 3 / 6),
        ([2, 2, 2, 2, 2], 0.5),
        ([3, 2, 2, 1, 0], 5.5 / 6),
    ],
)
def test_auroc_counts_pairs_and_half_of_the_ties(values, expected):
    assert auroc(torch.tensor(values).double(), CHOSEN) == pytest.approx(expected)


def test_auroc_knows_order_alone_and_d_prime_does_not():
    values = torch.randn(200, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    chosen = torch.arange(200) < 60
    values[chosen] += 1
    assert auroc(values.exp(), chosen) == auroc(values, chosen)
    assert d_prime(values.exp(), chosen) < d_prime(values, chosen) - 0.1
    assert d_prime(3 * values - 7, chosen) == pytest.approx(d_prime(values, chosen))


def test_d_prime_by_hand():
    # means 3 and 1, variances 2 and 1
    values = torch.tensor([2.0, 4.0, 0.0, 1.0, 2.0])
    assert d_prime(values, CHOSEN) == pytest.approx(2 / 1.5**0.5)
    assert d_prime(-values, CHOSEN) == pytest.approx(-2 / 1.5**0.5)


def test_what_has_no_answer_is_refused():
    values = torch.arange(5.0)
    for chosen in (torch.zeros(5, dtype=torch.bool), torch.ones(5, dtype=torch.bool)):
        with pytest.raises(ValueError, match="some of the 5 values must be chosen and some not"):
            auroc(values, chosen)
    with pytest.raises(ValueError, match="d′ is not defined"):
        d_prime(torch.ones(5), CHOSEN)
    with pytest.raises(ValueError, match="d′ is not defined"):
        d_prime(values, torch.arange(5) == 0)
