"""What the static pages make in the browser is what the suite's server would have sent."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import prisma_engine as pe
from apps.attention_tour.files import FILE_KINDS, RunFiles
from apps.cat_dog_patching.places import Chip, chips_to_text
from apps.common import payload
from apps.sae_steering.analysis import SteerResult
from apps.sae_steering.handlers import SteerDesk, steered_value
from apps.static_files.attention import layer_file
from apps.static_files.steering import _rack_text, _turns
from prisma_engine.sae.features import Dial, Rack, steer_run
from tour_maps import LAYOUTS

NODE = shutil.which("node")
SITE = Path(__file__).parents[2] / "space_configs" / "static" / "site"
needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed; install Node 20 or newer to run this")

HEADS = """
import { readFileSync, writeFileSync } from 'node:fs';
import { createHeads } from 'SITE/heads.js';
const { names, ...shape } = JSON.parse(readFileSync('asked.json'));
const load = async (layer) => new Uint8Array(readFileSync(`layer-${layer}`)).buffer;
const heads = createHeads({ ...shape, load });
for (const [i, name] of names.entries()) writeFileSync(`file-${i}`, new Uint8Array(await heads.file(name)));
"""
CLASSES = """
import { readFileSync, writeFileSync } from 'node:fs';
import { classFile } from 'SITE/classes.js';
const logits = new Float32Array(new Uint8Array(readFileSync('logits')).buffer);
writeFileSync('class', new Uint8Array(classFile(logits, 7, 3)));
"""
STEERED = """
import { readFileSync } from 'node:fs';
import { decodeTurns, steeredValue } from 'SITE/turns.js';
const { words, ...shape } = JSON.parse(readFileSync('asked.json'));
const at = decodeTurns(new Uint8Array(readFileSync('turns')).buffer, shape);
console.log(JSON.stringify(steeredValue([0, 1, 2].map(at), { words, watched: 4, label: 'final', nTokens: 145 })));
"""


def run(script: str, folder: Path) -> str:
    """What a script says that has the site's modules at hand, and `folder` as its own."""
    (folder / "script.mjs").write_text(script.replace("SITE", SITE.as_uri()), encoding="utf-8")
    command = [str(NODE), "script.mjs"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.fixture(params=range(2))
def files(request: pytest.FixtureRequest) -> RunFiles:
    """The files of a run of three layers with two heads of five dimensions."""
    layout, random = LAYOUTS[request.param], torch.Generator().manual_seed(1)
    q, k = (2 * torch.randn(3, layout.n_tokens, 2, 5, generator=random) for _ in "qk")
    lengths = torch.rand(3, 2, layout.n_tokens, generator=random)
    return RunFiles(pe.AttentionMaps(q, k, lengths, None, layout), [np.zeros((8, 8, 3), np.uint8)])


def asked_of(files: RunFiles) -> list[str]:
    kinds = [f"maps/{kind}/2/{unit}" for kind in FILE_KINDS for unit in ("0", "mean")]
    tokens = [f"token/{kind}/3" for kind in FILE_KINDS]
    return [*kinds, "maps/pattern/1/rollout", "maps/log_pattern/2/rollout", *tokens, *EXACT]


EXACT = ["exact/1/0/4", "exact/2/mean/0", "exact/1/rollout/5"]


@needs_node
def test_heads_are_made_as_the_server_makes_them(files: RunFiles, tmp_path: Path) -> None:
    maps, names = files.maps, asked_of(files)
    for layer in range(maps.n_layers):
        (tmp_path / f"layer-{layer}").write_bytes(layer_file(maps, layer))
    asked = {"names": names, "nTokens": maps.n_tokens, "nLayers": maps.n_layers, "nHeads": maps.n_heads}
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    run(HEADS, tmp_path)
    for i, name in enumerate(names):
        made, sent = (tmp_path / f"file-{i}").read_bytes(), files.read(name)
        assert len(made) == len(sent), name
        if name in EXACT:
            np.testing.assert_allclose(*(np.frombuffer(data, "<f4") for data in (made, sent)), rtol=2e-5, atol=2e-6)
        else:
            close(name, made, sent, maps)


def close(name: str, made: bytes, sent: bytes, maps: pe.AttentionMaps) -> None:
    """Scales alike to six digits, and hardly a code that rounding has moved by one."""
    n_units = 2 * maps.n_layers if name.startswith("token") else 1 if name.endswith(("mean", "rollout")) else 2
    n_floats = n_units * (4 if name.startswith("token") else 2)
    np.testing.assert_allclose(*(np.frombuffer(d, "<f4", n_floats) for d in (made, sent)), rtol=1e-4, atol=1e-5)
    codes = [np.frombuffer(d, np.uint8, offset=4 * n_floats) for d in (made, sent)]
    if name.startswith("maps"):
        rows = 4 * n_units * maps.n_tokens
        ends = [np.frombuffer(d, "<u2", rows // 2, offset=4 * n_floats).astype(int) for d in (made, sent)]
        assert np.abs(ends[0] - ends[1]).max() <= 2, name
        codes = [part[rows:] for part in codes]
    apart = np.abs(codes[0].astype(int) - codes[1])
    assert apart.max() <= 1 and (apart > 0).mean() < 0.02, name
    assert codes[0].std() > 5, f"{name} shows nothing, so nothing was compared"


@needs_node
def test_a_class_is_told_as_the_server_tells_it(tmp_path: Path) -> None:
    logits = torch.randn(4, 9, 7, generator=torch.Generator().manual_seed(0)).numpy() * 5
    (tmp_path / "logits").write_bytes(logits.astype("<f4").tobytes())
    run(CLASSES, tmp_path)
    made, sent = (tmp_path / "class").read_bytes(), payload.pack_class(logits, 3)
    numbers = [np.frombuffer(data, "<f4", 2 * 36) for data in (made, sent)]
    np.testing.assert_allclose(*numbers, rtol=1e-6, atol=1e-6)
    assert made[-72:] == sent[-72:]
    assert made[-72:] != payload.pack_class(logits, 4)[-72:]


@pytest.fixture(scope="module")
def steered() -> SteerResult:
    from apps.sae_steering.first import opening

    desk = SteerDesk()
    return desk.result(desk.show(opening(), "emoji-vit"))


@needs_node
def test_a_turn_is_told_as_the_server_tells_it(steered: SteerResult, tmp_path: Path) -> None:
    rack = Rack((Dial(993, "clamp", -1.0),), "cls")
    (tmp_path / "turns").write_bytes(_turns(steered, [Rack(), Rack(keep_error=False), rack]))
    words = {"names": steered.vocabulary.names, "emoji": steered.vocabulary.emoji}
    asked = {"words": words, "nRacks": 3, "nClasses": len(words["names"]), "nPatches": 144}
    (tmp_path / "asked.json").write_text(json.dumps(asked))
    made = json.loads(run(STEERED, tmp_path))
    sent = steered_value(steered, steer_run(steered.start, rack, steered.typical), 4)
    for column in ("original", "reconstruction", "steered"):
        assert made["columns"][column]["answer"] == sent["columns"][column]["answer"]
        rows = zip(made["columns"][column]["top"], sent["columns"][column]["top"], strict=True)
        for mine, theirs in rows:
            assert numbers_of(mine) == pytest.approx(numbers_of(theirs), abs=1e-4)
        assert made["lens"]["classes"][column] == sent["lens"]["classes"][column]
        mine, theirs = (np.array(each["lens"]["probabilities"][column]) for each in (made, sent))
        np.testing.assert_allclose(mine, theirs, atol=1e-4)
    assert made["norm"]["length"] == pytest.approx(sent["norm"]["length"], rel=1e-5)
    assert made["columns"]["steered"]["answer"] != made["columns"]["original"]["answer"]


def numbers_of(row: dict[str, Any]) -> tuple[float, ...]:
    return row["index"], row["logit"], row["probability"], row["change"]


@needs_node
def test_sets_and_turns_have_one_name_in_both_languages(tmp_path: Path) -> None:
    chips = (Chip("resid_pre", 3, None, 17), Chip("z", 4, 2, "cls"))
    script = """
import { setText } from 'SITE/sets.js';
import { turnText } from 'SITE/turns.js';
const chips = [{ site: 'z', layer: 4, head: 2, token: 'cls' }, { site: 'resid_pre', layer: 3, head: null, token: 17 }];
console.log(setText(chips));
console.log(turnText({ latent: 9, how: 'clamp', amount: -0.5 }, 'cls'));
console.log(turnText({ latent: 9, how: 'ablate', amount: 3 }, 'all'));
"""
    texts = run(script, tmp_path).split()
    racks = (Rack((Dial(9, "clamp", -0.5),), "cls"), Rack((Dial(9, "ablate", 0.0),)))
    assert texts == [chips_to_text(chips), *map(_rack_text, racks)]


@needs_node
def test_node_tests_pass() -> None:
    files = [str(path) for path in sorted((Path(__file__).parent / "static").glob("*.test.mjs"))]
    done = subprocess.run([str(NODE), "--test", *files], capture_output=True, text=True, check=False, timeout=120)
    assert files and done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
