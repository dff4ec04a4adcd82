"""Scores and patterns: constructed maps whose answer is known."""

from __future__ import annotations

import pytest
import torch

import prisma_engine as pe
from prisma_engine.analysis.heads.evidence import FoundHead
from prisma_engine.analysis.heads.metrics import score_shares
from prisma_engine.studies.attention_scores import (
    FORMS,
    HeadSeparation,
    better,
    forms,
    report,
    separation,
    study,
    template_cells,
)
from studies.small import samples_of, small

LAYOUT = pe.Layout(("CLS",), (5, 6))


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def found(type: str, layer: int, head: int) -> FoundHead:
    return FoundHead(type, layer, head, 0.5, (0.5, 0.5), {})


def test_a_constant_along_a_row_is_in_the_scores_alone():
    scores, by_row = noise(31, 31), noise(31, 1, seed=1)
    before, after = forms(scores, LAYOUT), forms(scores + 3 * by_row, LAYOUT)
    assert not torch.allclose(after[0], before[0], atol=0.1)
    assert torch.allclose(after[1:], before[1:])


def test_the_forms_are_what_they_are_called():
    scores, centred, log, pattern = forms(noise(31, 31), LAYOUT)
    assert torch.allclose(centred.mean(-1), torch.zeros(30).double(), atol=1e-12)
    assert torch.allclose(pattern, noise(31, 31).softmax(-1)[1:, 1:])
    assert torch.allclose(log, pattern.log())
    assert torch.equal(scores, noise(31, 31)[1:, 1:])


def test_rows_of_their_own_level_hide_a_structure_from_scores_only():
    meant, among = template_cells(LAYOUT)["row"]
    scores = torch.zeros(31, 31, dtype=torch.float64)
    scores[1:, 1:] = 2.0 * meant + 0.1 * noise(30, 30)
    clear = separation(forms(scores, LAYOUT), meant, among)
    assert (clear[0] > 0.999).all()
    hidden = separation(forms(scores + 5 * noise(31, 1, seed=1), LAYOUT), meant, among)
    by_order = dict(zip(FORMS, hidden[0].tolist(), strict=True))
    assert by_order["scores"] < 0.75 and by_order["pattern"] > 0.999
    assert by_order["log pattern"] == pytest.approx(by_order["pattern"])  # a logarithm keeps the order


def test_without_structure_no_form_finds_any():
    meant, among = template_cells(LAYOUT)["neighbour"]
    measured = torch.stack([separation(forms(noise(31, 31, seed=i), LAYOUT), meant, among) for i in range(20)]).mean(0)
    assert ((measured[0] - 0.5).abs() < 0.02).all() and (measured[1].abs() < 0.1).all()


def test_cells_leave_out_the_diagonal_and_other_queries():
    cells = template_cells(LAYOUT)
    assert {"corner", "edges", "row", "column", "neighbour"} == set(cells)  # types about patches alone
    meant, among = cells["corner"]
    assert not among.diagonal().any() and (meant & ~among).sum() == 0
    corners = LAYOUT.in_corner
    assert not among[corners].any() and among[~corners].sum(-1).eq(29).all()
    assert meant[~corners].sum(-1).eq(4).all()


def test_the_study_is_the_mean_over_pictures():
    model = small()
    samples = samples_of(model, 3)
    result = study(model, samples, "squares", [found("row", 1, 0), found("cls", 0, 0)])
    maps = [pe.attention_maps(model, s.x) for s in samples]
    parts = [torch.stack(score_shares(torch.stack([m.scores(i) for i in range(3)]), m.layout)) for m in maps]
    shares = torch.stack(parts).mean((0, 3))
    for measured, expected in zip((result.by_query, result.by_key, result.joint), shares, strict=True):
        assert measured == pytest.approx(expected.tolist(), abs=1e-4)
    (head,) = result.heads  # a CLS reader is not about patches
    assert (head.type, head.layer, head.head, result.n_images) == ("row", 1, 0, 3)
    by_hand = [separation(forms(m.scores(1)[0], m.layout), *template_cells(m.layout)["row"]) for m in maps]
    assert head.auroc == pytest.approx(torch.stack(by_hand).mean(0)[0].tolist(), abs=1e-4)
    assert "L1H0 row" in report(result) and result.mean("auroc", 0) == head.auroc[0]


def test_without_named_heads_there_are_shares():
    model = small()
    assert "by query" in report(study(model, samples_of(model, 1), "squares"))
    with pytest.raises(ValueError, match="at least one picture"):
        study(model, [], "squares")


def test_better_counts_heads():
    heads = [HeadSeparation("row", 0, i, (0.5, 0.6, 0.7, 0.7), (1.0, 2.0, 2.0, 0.1 + 2 * i)) for i in range(2)]
    assert better(heads, "auroc", "pattern", "scores") == 2
    assert better(heads, "auroc", "log pattern", "pattern") == 0
    assert better(heads, "d_prime", "scores", "pattern") == 1
