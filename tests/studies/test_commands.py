"""The commands of the studies: what they print, what they write, and one sentence for what cannot be."""

from __future__ import annotations

import json
import sys
from importlib import import_module

import pytest
import torch

from prisma_engine.studies.command import rounded, table
from prisma_engine.studies.mean_patterns import MeanPatterns

COMMANDS = {
    "attention_scores": (["--n", "2"], "by query"),
    "causal_attention": (["--n", "2"], "causal from layer"),
    "corner_tokens": (["--n", "2"], "corners frozen"),
    "head_controls": (["--n", "2", "--seeds", "1", "--shuffles", "9"], "weights shuffled"),
    "object_attention": (["--n", "2"], "rollout"),
    "mean_patterns": (["L0H1", "--n", "2"], "L0H1"),
}


def run(monkeypatch, name: str, *arguments: str) -> None:
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    import_module(f"prisma_engine.studies.{name}").main()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_prints_and_writes(name, tmp_path, monkeypatch, capsys):
    arguments, word = COMMANDS[name]
    out = tmp_path / "numbers"
    run(monkeypatch, name, "emoji-vit", *arguments, "--out", str(out))
    printed = capsys.readouterr().out
    assert word in printed and "emoji-vit, 2 emoji scenes" in printed
    if name == "mean_patterns":
        assert MeanPatterns.load(out).n_images == 2
    else:
        written = json.loads(out.read_text(encoding="utf-8"))
        assert (written["model"], written["n_images"]) == ("emoji-vit", 2)


@pytest.mark.parametrize(
    "name, arguments, sentence",
    [
        ("attention_scores", ["no-such-model"], "there is no model 'no-such-model'"),
        ("attention_scores", ["emoji-vit", "--n", "0"], "at least one picture is needed, got n = 0"),
        ("causal_attention", ["emoji-vit", "--images", "nothing"], "'nothing' is neither"),
        ("corner_tokens", ["emoji-vit", "--n", "1", "--from-layer", "7"], "start in a layer from 1 to 4, got 7"),
        ("mean_patterns", ["emoji-vit", "L9H0", "--n", "1"], "so no L9H0"),
        ("mean_patterns", ["emoji-vit", "first", "--n", "1"], "such as L1H0, got 'first'"),
        ("mean_patterns", ["emoji-vit", "L0H0", "--n", "1", "--out", "no/such/folder"], "No such file or directory"),
    ],
)
def test_what_cannot_be_is_said_in_a_sentence(name, arguments, sentence, monkeypatch, capsys):
    with pytest.raises(SystemExit) as left:
        run(monkeypatch, name, *arguments)
    assert left.value.code == 2
    assert sentence in capsys.readouterr().err


def test_evidence_on_another_model_is_refused(tmp_path, monkeypatch, capsys):
    other = {"model": "other", "source": "", "n_images": 2, "n_refused": 0, "layers": 2, "heads": 2, "rule": ""}
    path = tmp_path / "heads.json"
    path.write_text(json.dumps({**other, "n_shuffles": 9, "types": [], "found": [], "metrics": {}}))
    with pytest.raises(SystemExit):
        run(monkeypatch, "attention_scores", "emoji-vit", "--heads", str(path), "--n", "1")
    assert "the evidence is about other" in capsys.readouterr().err


def test_a_table_is_aligned():
    assert table(("head", "d′"), [("L0H1", "0.5"), ("mean", "12.25")]) == "head     d′\nL0H1    0.5\nmean  12.25"


def test_numbers_are_rounded_as_deep_as_they_lie():
    assert rounded(torch.tensor([[0.123456, 1], [float("nan"), -2]]), 2) == ((0.12, 1.0), (None, -2.0))
    assert rounded(torch.tensor(0.5)) == 0.5
