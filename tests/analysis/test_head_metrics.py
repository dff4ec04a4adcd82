"""Each metric on patterns that are built to have, or to lack, what it measures, for every layout of tokens."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import prisma_engine as pe
from prisma_engine.analysis.heads.metrics import METRICS, best_offset, score_shares
from tour_maps import LAYOUTS, VIDEO, every, pattern_of, place

REGISTERS = pe.Layout(("CLS", "REG1", "REG2", "REG3", "REG4"), (4, 5))
PLAIN = pe.Layout(("CLS",), (7, 7))

Rule = Callable[[pe.Layout, int, int], bool]


def near(layout: pe.Layout, i: int, j: int) -> bool:
    (f, r, c), (g, s, d) = place(layout, i), place(layout, j)
    return f == g and max(abs(r - s), abs(c - d)) == 1


def corner(layout: pe.Layout, j: int) -> bool:
    _, r, c = place(layout, j)
    return r in (0, layout.grid[0] - 1) and c in (0, layout.grid[1] - 1)


def edge(layout: pe.Layout, j: int) -> bool:
    _, r, c = place(layout, j)
    return r in (0, layout.grid[0] - 1) or c in (0, layout.grid[1] - 1)


RULES: dict[str, Rule] = {
    "row_mass": lambda at, i, j: place(at, i)[:2] == place(at, j)[:2] and i != j,
    "column_mass": lambda at, i, j: place(at, i)[::2] == place(at, j)[::2] and i != j,
    "neighbour_mass": near,
    "self_mass": lambda at, i, j: i == j,
    "corner_mass": lambda at, i, j: corner(at, j),
    "edge_mass": lambda at, i, j: edge(at, j),
    "place_mass": lambda at, i, j: place(at, i)[1:] == place(at, j)[1:] and i != j,
}
WITHOUT_QUERIES = {"corner_mass": corner, "edge_mass": edge}


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("id", RULES)
def test_mass_is_all_on_the_cells_and_none_off_them(id, layout):
    rule = RULES[id]
    on = pattern_of(layout, lambda i, j: rule(layout, i, j))
    off = pattern_of(layout, lambda i, j: not rule(layout, i, j))
    if id == "place_mass" and layout.n_frames == 1:
        assert id not in pe.head_metrics(on, layout)
        return
    assert pe.head_metrics(on, layout)[id].item() == pytest.approx(1, abs=1e-5)
    assert pe.head_metrics(off, layout)[id].item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("id", RULES)
def test_mass_of_even_attention_is_the_share_of_cells(id, layout):
    if id == "place_mass" and layout.n_frames == 1:
        return
    outside = WITHOUT_QUERIES.get(id, lambda *_: False)
    queries = [i for i in range(layout.n_patches) if not outside(layout, i)]
    n_cells = sum(RULES[id](layout, i, j) for i in queries for j in range(layout.n_patches))
    measured = pe.head_metrics(every(layout), layout)[id].item()
    assert measured == pytest.approx(n_cells / len(queries) / layout.n_tokens, rel=1e-4)


def on_token(layout: pe.Layout, token: int) -> Tensor:
    pattern = torch.zeros(1, layout.n_tokens, layout.n_tokens)
    pattern[..., token] = 1
    return pattern


def test_prefix_tokens_have_their_own_metrics():
    for token, name in enumerate(REGISTERS.prefix_names):
        measured = pe.head_metrics(on_token(REGISTERS, token), REGISTERS)
        assert measured["cls_mass"].item() == (name == "CLS")
        assert measured["register_mass"].item() == (name != "CLS")
        assert measured["sink_mass"] == 0 and measured["edge_mass"] == 0 and measured["entropy"] == 0
        assert measured["distance"].isnan()  # nothing goes from patch to patch
    assert "register_mass" not in pe.head_metrics(every(PLAIN), PLAIN)
    no_cls = pe.Layout(("REG1",), (3, 3))
    assert "cls_mass" not in pe.head_metrics(every(no_cls), no_cls)


def test_what_prefix_queries_do_counts_for_nothing():
    pattern = every(REGISTERS).clone()
    pattern[:, :5] = torch.eye(25)[:5]
    before, after = pe.head_metrics(every(REGISTERS), REGISTERS), pe.head_metrics(pattern, REGISTERS)
    assert all(torch.equal(before[id], after[id]) for id in before)


def test_distance_in_patches():
    layout = pe.Layout((), (1, 5))
    right = pattern_of(layout, lambda i, j: j == min(i + 2, 4))
    assert pe.head_metrics(right, layout)["distance"].item() == pytest.approx((2 + 2 + 2 + 1 + 0) / 5)
    itself = pattern_of(layout, lambda i, j: i == j)
    assert pe.head_metrics(itself, layout)["distance"].item() == 0
    knight = pe.Layout(("CLS",), (6, 6))
    jump = pattern_of(knight, lambda i, j: abs(i // 6 - j // 6) == 1 and abs(i % 6 - j % 6) == 2)
    assert pe.head_metrics(jump, knight)["distance"].item() == pytest.approx(5**0.5, rel=1e-4)


def test_attention_on_cls_does_not_shorten_the_distance():
    far = pattern_of(PLAIN, lambda i, j: abs(i - j) > 20)
    half = far / 2
    half[..., 0] += 0.5
    distances = [pe.head_metrics(p, PLAIN)["distance"].item() for p in (far, half)]
    assert distances[0] == pytest.approx(distances[1], rel=1e-4)


def test_entropy_in_nats():
    assert pe.head_metrics(every(PLAIN), PLAIN)["entropy"].item() == pytest.approx(math.log(50), rel=1e-5)
    itself = pattern_of(PLAIN, lambda i, j: i == j)
    assert pe.head_metrics(itself, PLAIN)["entropy"].item() == 0
    two = pattern_of(PLAIN, lambda i, j: j in (3, 40))
    assert pe.head_metrics(two, PLAIN)["entropy"].item() == pytest.approx(math.log(2), rel=1e-5)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("step", [1, -1, 3, -2])
def test_offset_is_found_with_its_sign(layout, step):
    n = layout.n_patches
    pattern = pattern_of(layout, lambda i, j: (i + step) % n == j)
    share, offset = best_offset(pattern, layout)
    assert (share.item(), offset.item()) == (pytest.approx(1), step)
    assert pe.head_metrics(pattern, layout)["offset_mass"].item() == pytest.approx(1)


def test_reading_oneself_is_no_offset_and_even_attention_has_none():
    itself = pattern_of(PLAIN, lambda i, j: i == j)
    assert pe.head_metrics(itself, PLAIN)["offset_mass"].item() == 0
    assert pe.head_metrics(every(PLAIN), PLAIN)["offset_mass"].item() == pytest.approx(1 / 50, rel=1e-4)


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_a_sink_is_one_key_that_all_others_read(layout):
    key = layout.n_patches - 2
    pattern = 0.25 * every(layout)
    pattern[..., layout.n_prefix + key] += 0.75
    expected = 0.75 + 0.25 / layout.n_tokens
    assert pe.head_metrics(pattern, layout)["sink_mass"].item() == pytest.approx(expected, rel=1e-4)
    alone = pattern_of(layout, lambda i, j: i == j)  # each reads itself: no agreement
    assert pe.head_metrics(alone, layout)["sink_mass"].item() == 0
    assert pe.head_metrics(every(layout), layout)["sink_mass"].item() == pytest.approx(1 / layout.n_tokens, rel=1e-4)


def test_frames_of_a_video():
    later = pattern_of(VIDEO, lambda i, j: place(VIDEO, j)[0] == 2 and place(VIDEO, j)[1:] == place(VIDEO, i)[1:])
    measured = pe.head_metrics(later, VIDEO)
    assert measured["frame_distance"].item() == pytest.approx((2 + 1 + 0) / 3)
    assert measured["distance"].item() == 0  # the distance is within the frame
    assert measured["place_mass"].item() == pytest.approx(2 / 3, abs=1e-5)  # in its own frame it is itself
    assert measured["row_mass"].item() == 0
    still = pe.head_metrics(every(PLAIN), PLAIN)
    assert "frame_distance" not in still and "place_mass" not in still


def parts(by_query: Tensor, by_key: Tensor, joint: Tensor) -> Tensor:
    return (by_query[:, None] + by_key[None, :] + joint)[None]


@pytest.mark.parametrize("which", range(3))
def test_scores_of_one_kind_have_one_share(which):
    torch.manual_seed(which)
    n = 9
    joint = torch.randn(n, n)
    joint = joint - joint.mean(0) - joint.mean(1, keepdim=True) + joint.mean()
    pieces = [torch.randn(n), torch.randn(n), joint]
    only = [p if i == which else torch.zeros_like(p) for i, p in enumerate(pieces)]
    shares = score_shares(parts(*only) + 7, pe.Layout((), (3, 3)))
    assert [s.item() for s in shares] == pytest.approx([float(i == which) for i in range(3)], abs=1e-5)


def test_shares_are_of_the_variance_between_patches_and_sum_to_one():
    torch.manual_seed(0)
    a, b = torch.randn(9), torch.randn(9)
    scores = torch.full((1, 11, 11), 50.0)
    scores[:, 2:, 2:] = parts(a, b, torch.zeros(9, 9))
    layout = pe.Layout(("CLS", "REG1"), (3, 3))
    by_query, by_key, joint = score_shares(scores, layout)
    assert by_query.item() == pytest.approx((a.var() / (a.var() + b.var())).item(), rel=1e-4)
    assert by_key.item() == pytest.approx(1 - by_query.item(), rel=1e-4) and joint.item() < 1e-5
    measured = pe.head_metrics(scores.softmax(-1), layout, scores)
    assert measured["query_share"].item() == pytest.approx(by_query.item())
    assert "query_share" not in pe.head_metrics(scores.softmax(-1), layout)


def test_shares_of_constant_or_hidden_scores_are_unknown():
    layout = pe.Layout((), (2, 2))
    assert all(s.isnan() for s in score_shares(torch.zeros(1, 4, 4), layout))
    causal = torch.randn(1, 4, 4).masked_fill(torch.ones(4, 4, dtype=torch.bool).triu(1), -math.inf)
    assert all(s.isnan() for s in score_shares(causal, layout))


@given(st.integers(0, 10_000))
def test_adding_a_constant_to_a_row_moves_the_query_share_alone(seed):
    generator = torch.Generator().manual_seed(seed)
    layout = pe.Layout(("CLS",), (2, 3))
    scores = torch.randn(1, 7, 7, generator=generator)
    shifted = scores + 3 * torch.randn(7, 1, generator=generator)
    plain, moved = (pe.head_metrics(s.softmax(-1), layout, s) for s in (scores, shifted))
    for id in plain:
        if not id.endswith("_share"):
            assert torch.allclose(plain[id], moved[id], atol=1e-5), id
    ratio = plain["key_share"] / plain["joint_share"]
    assert torch.allclose(ratio, moved["key_share"] / moved["joint_share"], rtol=1e-2)
    assert not torch.allclose(plain["query_share"], moved["query_share"], atol=1e-4)


@given(st.integers(0, 10_000), st.sampled_from(LAYOUTS))
def test_every_metric_stays_in_its_range(seed, layout):
    generator = torch.Generator().manual_seed(seed)
    scores = 4 * torch.randn(2, 3, layout.n_tokens, layout.n_tokens, generator=generator)
    measured = pe.head_metrics(scores.softmax(-1), layout, scores)
    assert set(measured) == {m.id for m in METRICS if m.applies(layout)}
    top = {
        "share": 1.0,
        "patches": math.hypot(layout.grid[0] - 1, layout.grid[1] - 1),
        "frames": layout.n_frames - 1,
        "nats": math.log(layout.n_tokens),
    }
    for metric in METRICS:
        if metric.id in measured:
            values = measured[metric.id]
            assert values.shape == (2, 3) and values.isfinite().all()
            assert values.min() >= 0 and values.max() <= top[metric.unit] + 1e-5, metric.id


def test_metrics_say_what_they_are():
    assert len({m.id for m in METRICS}) == len({m.title for m in METRICS}) == len(METRICS)
    assert all(m.formula and m.meaning.endswith(".") for m in METRICS)


@pytest.mark.parametrize("grid", [(1, 1), (1, 4), (2, 2)])
def test_small_grids_leave_out_what_says_nothing(grid):
    layout = pe.Layout(("CLS",), grid)
    measured = pe.head_metrics(every(layout), layout)
    assert all(value.isfinite().all() for value in measured.values())
    assert "edge_mass" not in measured  # every patch is on the border
    assert ("row_mass" in measured) == (grid[1] > 1)


def test_maps_of_another_layout_are_refused():
    with pytest.raises(ValueError, match="the layout has 50 tokens, but the pattern is 49 × 49"):
        pe.head_metrics(torch.ones(1, 49, 49), PLAIN)
    with pytest.raises(ValueError, match="the scores are 49 × 49"):
        pe.head_metrics(every(PLAIN), PLAIN, torch.ones(1, 49, 49))
    with pytest.raises(ValueError, match="at least one row"):
        pe.Layout((), (0, 3))


def test_heads_of_a_model_are_measured_at_once():
    model = pe.load("emoji-vit")
    maps = pe.attention_maps(model, torch.zeros(1, 3, 96, 96))
    measured = pe.measure_heads(maps)
    assert all(values.shape == (5, 4) for values in measured.values())
    third = pe.head_metrics(maps.pattern(3), maps.layout, maps.scores(3))
    assert all(torch.equal(measured[id][3], third[id]) for id in third)
