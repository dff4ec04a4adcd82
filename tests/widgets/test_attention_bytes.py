"""What Python packs is what the browser reads: matrices go through both and come back within their promised error."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from apps.common import maps
from apps.common.widgets import bundle

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed; install Node 20 or newer to run this")
ATTENTION = Path(bundle.__file__).parent / "attention"
READ = """
import { readFileSync } from 'node:fs';
import { decodeMaps, decodeThumbs, decodeToken } from 'ATTENTION/decode.js';
import { rowOf, unitOf } from 'ATTENTION/unit.js';
const bytes = (name) => new Uint8Array(readFileSync(name)).buffer;
const [count, tokens, side] = [3, 20, 8];
const maps = decodeMaps(bytes('maps'), count, tokens);
const thumbs = decodeThumbs(bytes('thumbs'), count, side);
const token = decodeToken(bytes('token'), count, tokens);
const scaled = (part, i, u, each) => part.low[u] + ((part.high[u] - part.low[u]) * part.codes[u * each + i]) / 255;
const list = (n, make) => Array.from({ length: n }, (_, i) => make(i));
console.log(JSON.stringify({
  maps: list(count, (u) => list(tokens, (query) => [...rowOf(unitOf(maps, u), query)])),
  thumbs: list(count, (u) => list(side * side, (i) => scaled(thumbs, i, u, side * side))),
  row: list(count, (u) => list(tokens, (i) => scaled(token.row, i, u, tokens))),
  column: list(count, (u) => list(tokens, (i) => scaled(token.column, i, u, tokens))),
}));
"""


@pytest.fixture(scope="module")
def scores() -> np.ndarray:
    """Three matrices of 20 tokens, of very different range."""
    random = np.random.default_rng(0)
    return (random.standard_normal((3, 20, 20)) * np.array([0.01, 1, 40])[:, None, None]).astype("f4")


@pytest.fixture(scope="module")
def read(scores: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same numbers as the browser's code has them."""
    folder = tmp_path_factory.mktemp("bytes")
    (folder / "maps").write_bytes(maps.pack_maps(scores))
    (folder / "thumbs").write_bytes(maps.pack_thumbs(maps.thumbnails(scores, 8)))
    (folder / "token").write_bytes(maps.pack_token(scores[:, 7], scores[:, :, 7]))
    (folder / "read.mjs").write_text(READ.replace("ATTENTION", ATTENTION.as_uri()), encoding="utf-8")
    done = subprocess.run([str(NODE), "read.mjs"], cwd=folder, capture_output=True, text=True, check=True, timeout=60)
    return json.loads(done.stdout)


def test_matrices_come_back_within_a_step_of_their_row(read: dict[str, Any], scores: np.ndarray) -> None:
    error = np.abs(np.array(read["maps"]) - scores).max(-1)
    step = np.ptp(scores, axis=-1) / 255
    assert (error <= step).all()
    assert (error > step / 50).any(), "a byte a cell cannot be exact: something else was compared"


def test_thumbnails_come_back_within_a_step(read: dict[str, Any], scores: np.ndarray) -> None:
    expected = maps.thumbnails(scores, 8).reshape(3, -1)
    assert (np.abs(np.array(read["thumbs"]) - expected) <= np.ptp(expected, axis=1)[:, None] / 255).all()


@pytest.mark.parametrize("side", ["row", "column"])
def test_rows_and_columns_are_not_mixed_up(read: dict[str, Any], scores: np.ndarray, side: str) -> None:
    expected, other = (scores[:, 7], scores[:, :, 7]) if side == "row" else (scores[:, :, 7], scores[:, 7])
    step = np.ptp(expected, axis=1)[:, None] / 255
    assert (np.abs(np.array(read[side]) - expected) <= step).all()
    assert not (np.abs(np.array(read[side]) - other) <= step).all()
