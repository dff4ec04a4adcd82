"""The README's Python runs as it stands there, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from serving import suite

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def block_with(word: str) -> str:
    """The one Python block of the README that holds `word`."""
    (found,) = [block for block in BLOCKS if word in block]
    return found


def test_the_engine_example_runs():
    names: dict[str, object] = {}
    exec(compile(block_with("pe.logit_lens"), "README.md", "exec"), names)
    assert names["lens"].logits.shape[:2] == (len(names["lens"].labels), 1)  # type: ignore[attr-defined]
    assert (names["ablated"] != names["logits"]).any()  # type: ignore[union-attr,operator]


def test_the_sae_example_runs_after_it():
    names: dict[str, Any] = {}
    exec(compile(block_with("pe.logit_lens") + block_with("pe.SAE.load"), "README.md", "exec"), names)
    assert names["out"].l0 == pytest.approx(16) and names["out"].explained_variance > 0.95
    assert (names["steered"] != names["logits"]).any()


def test_the_history_example_runs_after_it():
    names: dict[str, Any] = {}
    exec(compile(block_with("pe.logit_lens") + block_with("pe.history"), "README.md", "exec"), names)
    assert names["early"].revision == "step-000512"
    assert names["rows"][0].held_out_accuracy < 0.5 < names["rows"][-1].held_out_accuracy


@pytest.mark.slow
def test_the_endpoint_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    from PIL import Image

    from prisma_engine.toy.compose import render_example

    Image.fromarray(render_example("cat-in-toilet").image).save(tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    with suite(tmp_path / "log.txt") as address:
        block = block_with("gradio_client").replace("http://127.0.0.1:7860", address)
        names: dict[str, object] = {}
        exec(compile(block, "README.md", "exec"), names)
        names["client"].close()  # type: ignore[attr-defined]
    assert re.search(r"the picture: \w+", capsys.readouterr().out)


def test_its_links_lead_to_files():
    targets = re.findall(r"\]\(([^)#:]+)\)", README)
    assert len(targets) > 4
    assert [target for target in targets if not (ROOT / target).exists()] == []
