"""One pair of pictures: the study's numbers are those of the model, and its flips are flips."""

from __future__ import annotations

import json
import sys

import pytest
import torch

import prisma_engine as pe
from prisma_engine.studies import pair_patching
from prisma_engine.studies.pair_patching import PairFindings, findings, flips_of, report, strongest, study
from prisma_engine.studies.patching_pairs import Pair
from studies.small import balanced, samples_of, small


def pair_of(model: pe.HookedViT) -> Pair:
    """Two random inputs, the second's answer another than the first's."""
    one, *others = (sample.x for sample in samples_of(model, 40))
    a = int(model(one).argmax())
    other = next(x for x in others if int(model(x).argmax()) != a)
    names = model.vocabulary.names
    return Pair("two", "checkpoint", one, other, (names[a], names[int(model(other).argmax())]), (0, 5))


@pytest.fixture(scope="module")
def found() -> tuple[pe.HookedViT, Pair, PairFindings]:
    model = balanced(small(n_layers=2))
    pair = pair_of(model)
    return model, pair, findings(model, pair)


def difference(model: pe.HookedViT, pair: Pair, logits: torch.Tensor) -> float:
    a, b = map(model.vocabulary.index, pair.answers)
    return float(logits[0, a] - logits[0, b])


def test_a_table_is_one_hooked_pass_for_each_head(found):
    model, pair, result = found
    for one in result.tables:
        source, target = (pair.clean, pair.corrupt) if one.direction == "denoise" else (pair.corrupt, pair.clean)
        cache = model.run_with_cache(source, ["blocks.*.attn.hook_z"])[1]
        for layer in range(2):
            for head in range(2):
                edit = pe.replace(cache["z", layer][:, 0, head], head=head, token="cls")
                logits = model.run_with_hooks(target, {f"blocks.{layer}.attn.hook_z": edit})
                assert one.metric[layer][head] == pytest.approx(difference(model, pair, logits), abs=2e-3)


def test_both_directions_start_from_what_the_pictures_answer(found):
    model, pair, result = found
    assert result.clean.metric == pytest.approx(difference(model, pair, model(pair.clean)), abs=1e-4)
    assert result.corrupt.metric < 0 < result.clean.metric
    assert result.clean.top[0][0] == pair.answers[0] and result.corrupt.top[0][0] == pair.answers[1]


def test_a_flip_brings_the_answer_to_the_other_side(found):
    result = found[2]
    assert {(f.direction, f.wanted, f.token) for f in result.flips} == {
        (direction, wanted, token)
        for direction in ("noise", "denoise")
        for wanted in ("prediction", "sign")
        for token in ("cls", "all")
    }
    for flip in result.flips:
        assert flip.margin >= 0 if flip.flips else flip.margin <= 0
        assert len(flip.heads) == len(flip.alone)
        if flip.flips and flip.wanted == "sign":
            assert (flip.patched.metric < 0) == (flip.direction == "noise")


def test_where_both_answer_the_same_there_is_nothing_to_flip(found):
    model, pair, _ = found
    assert list(flips_of(model, Pair("same", "", pair.clean, pair.clean, pair.answers, ()))) == []


def test_attributions_and_readings_add_up(found):
    model, pair, result = found
    for one in result.direct:
        assert abs(one.error) < 1e-4
        assert sum(one.sublayers.values()) == pytest.approx(one.total, abs=0.02)
        logits = model(pair.clean)[0, model.vocabulary.index(one.answer)]
        assert one.total == pytest.approx(float(logits), abs=1e-3)
    heads = {head for flip in result.flips if flip.token == "cls" and flip.flips for head in strongest(flip)}
    assert {reading.head for reading in result.readings} == heads and heads
    for reading in (r for r in result.readings if r.picture == "clean"):
        (direct,) = (one for one in result.direct if one.answer == reading.answer)
        layer, head = int(reading.head[1]), int(reading.head[3])
        assert reading.prefix + sum(reading.patches) == pytest.approx(direct.heads[layer][head], abs=0.02)


def test_the_report_names_the_sets(found):
    model, pair, result = found
    said = report(study(model, [pair]))
    assert "noise sign cls" in said and "from what is hidden" in said and f"{result.clean.metric:+.3f}" in said


def test_the_command_prints_and_writes(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["pair_patching", "emoji-vit", "--out", str(tmp_path / "numbers")])
    monkeypatch.setattr(pair_patching, "scene_pairs", lambda model: [])
    pair_patching.main()
    assert json.loads((tmp_path / "numbers").read_text()) == {"model": "emoji-vit", "grid": [12, 12], "pairs": []}
    monkeypatch.setattr(sys, "argv", ["pair_patching", "emoji-vit", "--clean", "a.png"])
    with pytest.raises(SystemExit):
        pair_patching.main()
    assert "give both --clean and --corrupt, or neither" in capsys.readouterr().err
