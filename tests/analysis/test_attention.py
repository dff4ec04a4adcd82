"""Attention maps are those of the run itself, for every family, grid and kind of token, edited or not."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import prisma_engine as pe
from families import MODELS, random_input, randomised, tiny_model
from prisma_engine.analysis.attention import KINDS, causal_mask, layout_of
from prisma_engine.vit import Attention
from tour_maps import maps_of

GRIDS = [(7, 7), (8, 8), (12, 12), (14, 14), (16, 16), (24, 24), (37, 37), (3, 5)]
PREFIXES = [(), ("CLS",), ("CLS", "REG1"), ("CLS", "DIST"), ("CLS", "REG1", "REG2", "REG3", "REG4"), ("REG1",)]


def build(grid: tuple[int, int] = (3, 4), **changes) -> pe.HookedViT:
    sizes = dict(
        image_size=(2 * grid[0], 2 * grid[1]), patch_size=(2, 2), n_layers=3, n_heads=2, d_model=8, d_head=4, d_mlp=8,
        n_classes=5,
    )  # fmt: skip
    if "CLS" not in changes.get("prefix", ("CLS",)):
        changes = {"pool": "mean", **changes}
    return randomised(pe.HookedViT(pe.ViTConfig(**{**sizes, **changes}))).requires_grad_(False)


def line(n: int) -> pe.Layout:
    return pe.Layout((), (1, n))


@pytest.mark.parametrize("name", MODELS)
def test_maps_are_those_of_the_run_in_every_family(name):
    model = tiny_model(name)
    x = random_input(model.config, batch=1)
    maps = pe.attention_maps(model, x)
    out, cache = model.run_with_cache(x, names=["*.hook_attn_scores", "*.hook_pattern", "*.hook_result"])
    assert (maps.n_layers, maps.n_heads, maps.n_tokens) == (2, 3, model.config.n_tokens)
    assert maps.layout == layout_of(model) and maps.layout.n_tokens == maps.n_tokens
    for layer in range(2):
        assert torch.allclose(maps.pattern(layer), cache["pattern", layer][0], atol=1e-5)
        assert torch.allclose(maps.scores(layer), cache["attn_scores", layer][0], rtol=1e-5, atol=1e-4)
    assert not torch.allclose(maps.pattern(0), cache["pattern", 1][0], atol=1e-2)
    if model.config.head == "identity":
        assert maps.answer is None
    else:
        assert maps.answer is not None and torch.allclose(maps.answer, out[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("grid", GRIDS, ids=lambda g: f"{g[0]}x{g[1]}")
@pytest.mark.parametrize("prefix", [(), ("CLS",), ("CLS", "REG1", "REG2", "REG3", "REG4")], ids=len)
def test_every_grid_with_and_without_prefix_tokens(grid, prefix):
    model = build(grid, prefix=prefix, n_layers=1, n_heads=1)
    maps = pe.attention_maps(model, random_input(model.config, batch=1))
    n = grid[0] * grid[1] + len(prefix)
    assert (maps.grid, maps.n_prefix, maps.n_frames, maps.prefix_names) == (grid, len(prefix), 1, prefix)
    for kind in KINDS:
        assert maps.kind(kind, 0).shape == (1, n, n)
        assert maps.kind(kind, 0).isfinite().all()
    assert torch.allclose(maps.pattern(0).sum(-1), torch.ones(()), atol=1e-5)


def test_a_video_has_frames_of_tokens():
    model = build(n_frames=6, tubelet=2)
    maps = pe.attention_maps(model, random_input(model.config, batch=1))
    assert (maps.n_frames, maps.grid, maps.n_tokens) == (3, (3, 4), 37)


def test_attention_stays_fused_except_where_it_is_masked(monkeypatch):
    explicit = []
    original = Attention._explicit_attention
    monkeypatch.setattr(Attention, "_explicit_attention", lambda *a: explicit.append(1) or original(*a))
    model = build()
    x = random_input(model.config, batch=1)
    pe.attention_maps(model, x)
    assert not explicit
    pe.attention_maps(model, x, causal_from=1)
    assert len(explicit) == 2


def test_value_weighted_is_the_length_that_moves():
    model = build()
    x = random_input(model.config, batch=1)
    maps = pe.attention_maps(model, x)
    _, cache = model.run_with_cache(x, names=["*.hook_v"])
    written = torch.einsum("jhd,hdm->hjm", cache["v", 2][0], model.blocks[2].attn.W_O)  # type: ignore
    assert torch.allclose(maps.value_norm[2], written.norm(dim=-1), rtol=1e-4)
    assert torch.allclose(maps.value_weighted(2), maps.pattern(2) * written.norm(dim=-1)[:, None], rtol=1e-4)
    assert not torch.allclose(maps.value_norm[2], cache["v", 2][0].norm(dim=-1).T, rtol=1e-2)

    # where one key gets all attention, its value-weighted cell is the length of what the head writes
    focus = torch.full((1, 2, 13, 13), -100.0)
    focus[..., 5] = 100
    with model.hooks({"blocks.2.attn.hook_attn_scores": lambda scores, point: focus}):
        focused = pe.attention_maps(model, x)
        _, cache = model.run_with_cache(x, names=["blocks.2.attn.hook_result"])
    result = cache["result", 2][0].norm(dim=-1)  # [query head]
    assert torch.allclose(focused.value_weighted(2)[:, :, 5].T, result, rtol=1e-4)


def test_mean_is_over_heads_and_kinds_are_named():
    maps = pe.attention_maps(build(), random_input(build().config, batch=1))
    for kind in KINDS:
        assert torch.equal(maps.mean(kind, 1), (maps.kind(kind, 1)[0] + maps.kind(kind, 1)[1]) / 2)
    assert torch.equal(maps.pattern(-1), maps.pattern(2))


def percentile_by_hand(values: np.ndarray) -> np.ndarray:
    flat = values[np.isfinite(values)]
    below = (flat < values[..., None]).sum(-1) + ((flat == values[..., None]).sum(-1) - 1) / 2
    return np.where(np.isfinite(values), 100 * below / len(flat), 0)


@given(st.lists(st.integers(-3, 3), min_size=9, max_size=9), st.booleans())
def test_rank_difference_is_a_difference_of_percentiles(cells, causal):
    scores = torch.tensor(cells, dtype=torch.float32).view(1, 1, 3, 3)
    maps = maps_of(scores, line(3), model_is_causal=causal)
    seen = maps.scores(0)[0].double()
    log_pattern = seen - seen.logsumexp(-1, keepdim=True)
    by_hand = percentile_by_hand(seen.float().numpy()) - percentile_by_hand(log_pattern.float().numpy())
    assert np.allclose(maps.rank_difference(0)[0], by_hand, atol=1e-3)


def test_within_a_row_scores_and_pattern_have_one_order():
    maps = pe.attention_maps(build((7, 7)), random_input(build((7, 7)).config, batch=1))
    scores, pattern, rank = maps.scores(1), maps.pattern(1), maps.rank_difference(1)
    assert torch.equal(scores.argsort(-1), pattern.argsort(-1))
    assert not torch.equal(scores.argsort(-2), pattern.argsort(-2))  # down a column they differ
    assert rank.abs().max() > 1 and rank.abs().max() <= 100


def test_a_row_of_high_scores_ranks_high_by_score_alone():
    scores = torch.tensor([[5.0, 6.0], [0.0, 2.0]])[None, None]  # the second row is more decided
    rank = maps_of(scores, line(2)).rank_difference(0)[0]
    assert rank.tolist() == [[25.0, 25.0], [0.0, -50.0]]


def test_scores_that_depend_on_the_key_alone_have_no_rank_difference():
    by_key = torch.tensor([3.0, 1.0, 2.0]).expand(1, 1, 3, 3)
    assert torch.equal(maps_of(by_key, line(3)).rank_difference(0), torch.zeros(1, 3, 3))
    assert maps_of(by_key.mT.contiguous(), line(3)).rank_difference(0).abs().max() > 30  # and on the query alone do


def test_rollout_follows_the_layers_in_order():
    torch.manual_seed(0)
    maps = maps_of(torch.randn(2, 3, 4, 4), line(4))
    first, second = ((maps.pattern(i).mean(0) + torch.eye(4)) / 2 for i in range(2))
    assert torch.allclose(maps.rollout(0), first)
    assert torch.allclose(maps.rollout(1), second @ first, atol=1e-6)
    assert not torch.allclose(maps.rollout(1), first @ second, atol=1e-3)
    assert torch.allclose(maps.rollout(1).sum(-1), torch.ones(4))


def test_rollout_of_known_patterns():
    itself = maps_of(1e4 * torch.eye(3).expand(5, 1, 3, 3), line(3))
    assert torch.equal(itself.rollout(4), torch.eye(3))
    everywhere = maps_of(torch.zeros(5, 1, 3, 3), line(3))
    kept = 0.5**5  # what never left its token; the rest is spread evenly
    assert torch.allclose(everywhere.rollout(4), kept * torch.eye(3) + (1 - kept) / 3, atol=1e-6)


def hidden_by_hand(n: int, n_prefix: int, prefix_sees_all: bool) -> list[list[bool]]:
    free = n_prefix if prefix_sees_all else 0
    return [[j > i >= free and j >= free for j in range(n)] for i in range(n)]


@given(st.integers(1, 9), st.integers(0, 4), st.booleans())
def test_causal_mask(n, n_prefix, prefix_sees_all):
    n += n_prefix
    mask = causal_mask(n, n_prefix, prefix_sees_all)
    assert mask.tolist() == hidden_by_hand(n, n_prefix, prefix_sees_all)
    assert not mask.diagonal().any()  # so every row has something to read


@pytest.mark.parametrize("prefix_sees_all", [True, False])
@pytest.mark.parametrize("prefix", PREFIXES, ids=len)
def test_what_if_attention_were_causal(prefix, prefix_sees_all):
    model = build(prefix=prefix)
    x = random_input(model.config, batch=1)
    plain, causal = pe.attention_maps(model, x), pe.attention_maps(model, x, 1, prefix_sees_all)
    mask = causal_mask(maps_n := causal.n_tokens, len(prefix), prefix_sees_all)
    assert maps_n == 12 + len(prefix)
    assert torch.equal(causal.pattern(0), plain.pattern(0)) and causal.hidden(0) is None
    for layer in (1, 2):
        assert torch.equal(causal.scores(layer).isneginf(), mask.expand(2, -1, -1))
        assert torch.equal(causal.pattern(layer) == 0, mask.expand(2, -1, -1))
        assert torch.equal(causal.value_weighted(layer) == 0, mask.expand(2, -1, -1))
        assert (causal.rank_difference(layer)[:, mask] == 0).all()
        assert torch.allclose(causal.rollout(layer).sum(-1), torch.ones(()), atol=1e-5)
        assert not torch.allclose(causal.pattern(layer), plain.pattern(layer), atol=1e-3)
    assert causal.answer is not None and plain.answer is not None
    assert not torch.allclose(causal.answer, plain.answer, atol=1e-3)


def test_the_what_if_is_that_of_the_run_and_of_its_lens():
    model = build()
    x = random_input(model.config, batch=1)
    causal = pe.attention_maps(model, x, causal_from=1)
    with model.hooks(pe.causal_edits(model, 1)):
        _, cache = model.run_with_cache(x, names="*.hook_pattern")
        lens = pe.logit_lens(model, x)
        inside = pe.attention_maps(model, x)
    for layer in range(3):
        assert torch.allclose(causal.pattern(layer), cache["pattern", layer][0], atol=1e-6)
        assert torch.allclose(inside.pattern(layer), causal.pattern(layer), atol=1e-6)
    assert causal.answer is not None and torch.allclose(causal.answer, lens.answer[0], atol=1e-6)
    assert not torch.allclose(lens.answer, pe.logit_lens(model, x).answer, atol=1e-3)


def test_causal_from_the_end_on_changes_nothing():
    model = build()
    x = random_input(model.config, batch=1)
    assert pe.causal_edits(model, 3) == {}
    nothing = pe.attention_maps(model, x, causal_from=3)
    assert torch.equal(nothing.pattern(2), pe.attention_maps(model, x).pattern(2))


def test_a_causal_model_stays_causal():
    model = build(attention_direction="causal", pool="mean")
    x = random_input(model.config, batch=1)
    assert torch.equal(pe.attention_maps(model, x).pattern(0) == 0, causal_mask(13, 1, False).expand(2, -1, -1))
    assert torch.equal(pe.attention_maps(model, x, causal_from=0).pattern(0), pe.attention_maps(model, x).pattern(0))


@pytest.mark.parametrize("short", ["q", "v", "attn_scores", "pattern"])
def test_edits_around_the_call_are_seen(short):
    model = build()
    x = random_input(model.config, batch=1)
    names = ["blocks.1.attn.hook_attn_scores", "blocks.1.attn.hook_pattern"]
    with model.hooks({f"blocks.1.attn.hook_{short}": pe.scale(0.5)}):
        maps = pe.attention_maps(model, x)
        _, cache = model.run_with_cache(x, names=names)
    assert torch.allclose(maps.scores(1), cache["attn_scores", 1][0], atol=1e-5)
    assert torch.allclose(maps.pattern(1), cache["pattern", 1][0], atol=1e-6)
    assert maps.rank_difference(1).isfinite().all()
    unedited = pe.attention_maps(model, x)
    assert short == "v" or not torch.allclose(maps.pattern(1), unedited.pattern(1), atol=1e-3)
    assert not torch.allclose(maps.pattern(2), unedited.pattern(2), atol=1e-3)  # later layers follow


def refusals(model: pe.HookedViT, x: Tensor) -> Sequence[tuple[str, object]]:
    maps = pe.attention_maps(model, x)
    return [
        ("one picture at a time, got a batch of 2", lambda: pe.attention_maps(model, x.repeat(2, 1, 1, 1))),
        ("no layer 3; this model has layers 0 to 2", lambda: maps.pattern(3)),
        ("no layer -4", lambda: maps.rollout(-4)),
        ("no map 'patern'; there are pattern, scores, rank, value", lambda: maps.kind("patern", 0)),
        ("a layer from 0 to 2, or 3 for none, got 4", lambda: pe.attention_maps(model, x, causal_from=4)),
        ("got -1", lambda: pe.causal_edits(model, -1)),
    ]


@pytest.mark.parametrize("which", range(6))
def test_refusals_are_sentences(which):
    model = build()
    message, call = refusals(model, random_input(model.config, batch=1))[which]
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore
