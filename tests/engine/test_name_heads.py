"""The command that names heads, and the evidence that ships with emoji-vit."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import prisma_engine as pe
from prisma_engine.analysis.heads.metrics import sink_mass
from prisma_engine.analysis.heads.types import RULE, TYPES
from prisma_engine.load import models_folder
from prisma_engine.name_heads import FILE, name_heads, report
from prisma_engine.sources import scene_of, scenes

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def shipped() -> pe.Evidence:
    return pe.Evidence.load(models_folder() / "emoji-vit" / FILE)


def test_it_writes_what_it_finds(tmp_path):
    evidence = name_heads("emoji-vit", n=4, out=tmp_path / "heads.json", n_shuffles=9)
    written = pe.Evidence.load(tmp_path / "heads.json")
    assert written.to_dict() == evidence.to_dict()
    assert (written.source, written.n_images, written.n_shuffles) == ("4 emoji scenes", 4, 9)


def test_a_folder_of_pictures_is_named_by_its_name_alone(tmp_path):
    folder = tmp_path / "holiday"
    folder.mkdir()
    for i in range(3):
        buffer = io.BytesIO()
        Image.fromarray(scene_of(f"scene:{i}").image).save(buffer, "PNG")
        (folder / f"{i}.png").write_bytes(buffer.getvalue())
    evidence = name_heads("emoji-vit", str(folder), n=10, out=tmp_path / "heads.json", n_shuffles=9)
    assert evidence.source == "3 images of holiday"
    assert str(tmp_path) not in (tmp_path / "heads.json").read_text()


@pytest.mark.slow
def test_the_command_says_what_it_found_and_refuses_in_a_sentence(tmp_path):
    command = [sys.executable, "-m", "prisma_engine.name_heads"]
    out = str(tmp_path / "heads.json")
    done = subprocess.run(
        [*command, "emoji-vit", "--n", "10", "--shuffles", "99", "--out", out], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "10 of 10 images" in done.stderr and "L1H1  Edges head, strength 0." in done.stdout
    for arguments, sentence in (
        (["no-such-model", "--out", out], "there is no model 'no-such-model'"),
        (["some/where"], "no embedded model, so say where the evidence goes"),
        (["emoji-vit", "--images", "nothing", "--out", out], "'nothing' is neither"),
    ):
        done = subprocess.run([*command, *arguments], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 2 and sentence in done.stderr and "Traceback" not in done.stderr


def test_the_shipped_evidence_is_about_the_shipped_model_and_todays_types(shipped):
    config = pe.load("emoji-vit").config
    assert (shipped.model, shipped.layers, shipped.heads) == ("emoji-vit", config.n_layers, config.n_heads)
    assert (shipped.source, shipped.n_images, shipped.n_refused) == ("1,000 emoji scenes", 1000, 0)
    assert shipped.rule == RULE
    known = {type.id: type for type in TYPES}
    for type in shipped.types:
        assert (type.title, type.formula, type.meaning) == (
            known[type.id].title, known[type.id].formula, known[type.id].meaning
        )  # fmt: skip
    assert (models_folder() / "emoji-vit" / FILE).stat().st_size <= 60_000
    assert "L1H1  Edges head" in report(shipped)


def test_the_shipped_examples_are_as_strong_as_they_say(shipped):
    model = pe.load("emoji-vit")
    of = {type.id: type.template for type in TYPES}
    assert shipped.found
    for found in shipped.found:
        for example in found.examples.values():
            maps = pe.attention_maps(model, model.preprocess(scene_of(example.ref).image))
            pattern, template = maps.pattern(found.layer)[found.head], of[found.type]
            score = sink_mass(pattern, maps.layout) if template is None else template.mass(pattern, maps.layout)
            assert score.item() == pytest.approx(example.score, abs=2e-4)
        scores = [found.examples[name].score for name in ("weakest", "median", "strongest")]
        assert scores == sorted(scores)


@pytest.mark.slow
def test_other_scenes_say_the_same(shipped):
    pictures = ((reference, picture) for (reference, picture), _ in zip(scenes(first=5000), range(60), strict=False))
    again = pe.gather(pe.load("emoji-vit"), pictures, n_shuffles=49)
    for one, other in zip(shipped.types, again.types, strict=True):
        assert one.id == other.id
        if one.id != "modulus":  # where nothing is periodic, other images choose other periods
            assert np.allclose(np.array(one.strength), np.array(other.strength), atol=0.03), one.id
    strongest = {(found.type, found.layer, found.head) for found in shipped.found if found.strength > 0.13}
    assert strongest <= {(found.type, found.layer, found.head) for found in again.found}


@pytest.mark.slow
def test_heads_of_the_real_vit_tiny(assets):
    weights = assets / "vit_tiny_patch16_224_in1k" / "vit_tiny_patch16_224_in1k.safetensors"
    photos = sorted(path for path in (assets / "images").iterdir() if path.suffix.lower() in (".jpeg", ".jpg", ".png"))
    evidence = pe.gather(pe.load(weights), [(path.name, path) for path in photos], "photos", n_shuffles=99)
    found = {(f.type, f.layer, f.head) for f in evidence.found}
    assert {("corner", 10, 1), ("row", 1, 0), ("row", 1, 2), ("column", 2, 1), ("cls", 0, 2), ("sink", 10, 0)} <= found
    assert not any(type == "edges" for type, _, _ in found)
    details = {t.id: t.detail for t in evidence.types}
    assert str(details["row"][1][0]).startswith("to the left") and str(details["row"][1][2]).startswith("to the right")
