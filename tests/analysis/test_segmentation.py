"""Label maps and their scores, on cases small enough to count by hand."""

from __future__ import annotations

import pytest
import torch

from prisma_engine.analysis.segmentation import (
    BACKGROUND,
    Groups,
    best_constant,
    choose_threshold,
    confidence,
    label_map,
    label_patches,
    majority,
    overlap,
    pixels_per_patch,
    to_pixels,
)

B = BACKGROUND


def test_counts_by_hand() -> None:
    truth = torch.tensor([[[0, 0, 1, B]]])
    predicted = torch.tensor([[[0, 1, 1, 1]]])
    found = overlap(predicted, truth, 3)
    assert found.intersection.tolist() == [[1, 1, 0]]
    assert found.union.tolist() == [[2, 3, 0]]
    assert found.iou == pytest.approx((1 / 2 + 1 / 3) / 2)
    assert found.accuracy == pytest.approx(0.5)


def test_perfect_is_one_and_a_shift_of_labels_is_zero() -> None:
    truth = torch.randint(B, 5, (3, 8, 8), generator=torch.Generator().manual_seed(0))
    assert overlap(truth, truth, 5).iou == 1
    assert overlap(truth, truth, 5).accuracy == 1
    wrong = (truth + 1).where(truth >= 0, B) % 5
    assert overlap(wrong.where(truth >= 0, B), truth, 5).iou == 0


def test_a_label_that_is_never_true_counts_as_zero() -> None:
    truth = torch.tensor([[[0, 0, B, B]]])
    assert overlap(truth, truth, 2).iou == 1
    assert overlap(torch.tensor([[[0, 0, 1, B]]]), truth, 2).iou == pytest.approx(0.5)


def test_pixels_are_summed_over_scenes_before_dividing() -> None:
    truth = torch.tensor([[[0, 0, 0, 0]], [[0, B, B, B]]])
    predicted = torch.tensor([[[0, 0, 0, 0]], [[B, 0, 0, 0]]])
    assert overlap(predicted, truth, 1).iou == pytest.approx(4 / 8)  # the mean of the scenes' own would be 1/2 · 1
    assert overlap(predicted[:1], truth[:1], 1).iou == 1
    assert overlap(predicted[1:], truth[1:], 1).iou == 0


def test_all_background_has_no_label_to_score() -> None:
    nothing = torch.full((2, 3, 3), B)
    found = overlap(nothing, nothing, 4)
    assert (found.iou, found.accuracy) == (0, 1)


def test_out_of_range_and_misshapen_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in shape"):
        overlap(torch.zeros(1, 2, 2).long(), torch.zeros(1, 2, 3).long(), 1)
    with pytest.raises(ValueError, match="labels go from -1 to 1"):
        overlap(torch.full((1, 2, 2), 2), torch.zeros(1, 2, 2).long(), 2)
    with pytest.raises(ValueError, match="has 6 patches, got 5"):
        to_pixels(torch.zeros(5).long(), (2, 3), (4, 4))


def test_patches_fill_their_cells_on_any_grid() -> None:
    labels = torch.tensor([0, 1, 2, 3, 4, 5])
    assert to_pixels(labels, (2, 3), (2, 3)).tolist() == [[0, 1, 2], [3, 4, 5]]
    big = to_pixels(labels[None], (2, 3), (4, 9))
    assert big.shape == (1, 4, 9)
    assert big[0, 1].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert big[0, 2].tolist() == [3, 3, 3, 4, 4, 4, 5, 5, 5]


def test_threshold_turns_doubt_into_background() -> None:
    logits = torch.tensor([[5.0, 0.0], [0.1, 0.0], [0.0, 5.0]])
    assert label_patches(logits, 0.0).tolist() == [0, 0, 1]
    assert label_patches(logits, 0.9).tolist() == [0, B, 1]
    assert label_patches(logits, 1.1).tolist() == [B, B, B]


def test_groups_sum_probability_over_their_classes() -> None:
    logits = torch.tensor([[1.0, 1.0, 1.5], [0.0, 0.0, 9.0]])
    top, label = confidence(logits, {1: [0, 1], 2: [2]})
    assert label.tolist() == [1, 2]  # two likely classes together beat the likeliest one
    assert top[0].item() == pytest.approx(2 / (2 + 2.718281828**0.5), rel=1e-5)
    assert confidence(logits)[1].tolist() == [2, 2]
    with pytest.raises(ValueError, match="classes from 0 to 2"):
        confidence(logits, {1: [3]})


def test_label_map_puts_later_objects_on_top() -> None:
    masks = torch.zeros(1, 3, 1, 3, dtype=torch.bool)
    masks[0, 0, 0, :2] = True
    masks[0, 1, 0, 1] = True
    masks[0, 2] = True
    assert label_map(masks, torch.tensor([[7, 4, -1]])).tolist() == [[[7, 4, B]]]


def test_best_constant_is_the_largest_label_or_background() -> None:
    truth = torch.tensor([[[0, 0, 0, 1]], [[0, B, B, B]]])
    assert best_constant(truth, 2, lambda o: o.iou) == pytest.approx((4 / 8 + 0) / 2)
    assert best_constant(truth, 2, lambda o: o.accuracy) == pytest.approx(4 / 8)
    oracle = best_constant(truth, 2, lambda o: o.iou, per_scene=True)
    assert oracle == pytest.approx((4 / 8 + 0) / 2)
    assert best_constant(torch.full((1, 2, 2), B), 2, lambda o: o.accuracy) == 1


def test_chosen_threshold_separates_what_can_be_separated() -> None:
    logits = torch.zeros(1, 4, 2)
    logits[0, 0, 0], logits[0, 1, 1] = 4.0, 4.0
    truth = torch.tensor([[[0, 1], [B, B]]])
    threshold, iou = choose_threshold(logits, truth, (2, 2), 2)
    assert iou == 1
    assert label_patches(logits, threshold).tolist() == [[0, 1, B, B]]
    useless, score = choose_threshold(torch.zeros(1, 4, 2), truth, (2, 2), 2)
    assert score < 0.2 and useless <= 0.5


def test_interval_holds_the_score_and_narrows_with_scenes() -> None:
    generator = torch.Generator().manual_seed(1)
    truth = torch.randint(B, 4, (400, 6, 6), generator=generator)
    noisy = torch.where(torch.rand(truth.shape, generator=generator) < 0.6, truth, B)
    widths = []
    for n in (40, 400):
        found = overlap(noisy[:n], truth[:n], 4)
        low, high = found.interval(300)
        assert low <= found.iou <= high
        assert (low, high) == found.interval(300)
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


@pytest.mark.parametrize("grid", [(2, 3), (4, 4), (3, 5)])
def test_counting_by_patch_is_counting_by_pixel(grid: tuple[int, int]) -> None:
    """The quick way to a threshold's score agrees with label maps, on grids that divide the picture and not."""
    generator = torch.Generator().manual_seed(2)
    truth = torch.randint(B, 3, (5, 8, 12), generator=generator)
    logits = 3 * torch.randn(5, grid[0] * grid[1], 3, generator=generator)
    assert int(pixels_per_patch(truth, grid, 3).sum()) == truth.numel()
    threshold, iou = choose_threshold(logits, truth, grid, 3)
    drawn = to_pixels(label_patches(logits, threshold), grid, (8, 12))
    assert overlap(drawn, truth, 3).iou == pytest.approx(iou, rel=1e-6)
    for other in (0.0, 0.6, 0.9):
        assert overlap(to_pixels(label_patches(logits, other), grid, (8, 12)), truth, 3).iou <= iou + 1e-6


def test_majority_is_the_commonest_label() -> None:
    truth = torch.tensor([[[0, 0, 1, B], [0, B, B, B]]])
    assert majority(truth, (1, 2), 2).tolist() == [[0, B]]


def test_classes_in_groups_for_cats_and_dogs() -> None:
    """Class groups on a trained ImageNet model's shapes: 1,000 classes, 14×14 patches, labels 1 cat and 2 dog."""
    pets: Groups = {1: range(281, 286), 2: range(151, 269)}
    truth = torch.zeros(2, 224, 224).long() - 1
    truth[0, :112], truth[1, :, :112] = 1, 2
    patches = majority(truth, (14, 14), 3)
    logits = torch.zeros(2, 196, 1000)
    logits[..., 285] = torch.where(patches == 1, 12.0, 0.0)
    logits[..., 207] = torch.where(patches == 2, 12.0, 0.0)
    threshold, iou = choose_threshold(logits, truth, (14, 14), 3, pets)
    assert iou == 1
    assert torch.equal(label_patches(logits, threshold, pets), patches)
