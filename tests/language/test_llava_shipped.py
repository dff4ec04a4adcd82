"""The SAEs that ship: what lies beside them, and that their recipe does what it says with the weights that ship."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from prisma_engine import vlm
from prisma_engine.analysis.language.contexts import read_contexts
from prisma_engine.load import models_folder
from prisma_engine.sae import files
from prisma_engine.sae.features.exemplars import exemplars
from prisma_engine.sae.features.facts import facts
from prisma_engine.sae.features.talk_guide import read_guide
from prisma_engine.sae.measuring.metrics import Reconstruction
from prisma_engine.studies.llava_guide import carried_out
from prisma_engine.studies.llava_saes import held_out_texts
from prisma_engine.studies.llava_scenes import named
from prisma_engine.toy.llava.nouns import class_of

SAES = models_folder() / "emoji-llava-saes"
FOLDERS = sorted(path.parent for path in SAES.glob("*/config.json"))
GUIDED = next((folder for folder in FOLDERS if (folder / "guide.json").exists()), None)


@pytest.fixture(scope="module")
def model():
    return vlm.load("emoji-llava")


def test_there_is_one_for_every_layer():
    assert [folder.name for folder in FOLDERS] == [f"blocks.{i}.hook_resid_post" for i in range(4)]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_knows_its_latents_from_text(folder: Path):
    sae, known, contexts, profile = files.load(folder), facts(folder), read_contexts(folder), exemplars(folder)
    assert sae.config.model == "emoji-llava" and sae.hook_name == folder.name
    assert known is not None and contexts is not None and profile is not None
    assert len(known.typical) == len(contexts.ids) == len(profile.images) == sae.config.d_sae
    assert known.f1 is not None
    best = int(known.f1.where(known.frequency > 1e-3, 0.0).argmax())
    label, context = known.name(best), contexts.of(best)[0]
    assert label is not None and float(known.f1[best]) > 0.8
    if " " not in label:
        assert context.words[context.at] == label
    recipe = json.loads((folder / "eval.json").read_text(encoding="utf-8"))["training"]
    assert recipe["data"]["texts"] == "llava-texts" and not recipe["data"]["images"]


def test_the_variance_that_it_explains_is_the_one_it_says(model):
    folder = FOLDERS[1]
    sae, found = files.load(folder), Reconstruction()
    for texts in held_out_texts(model, 75):
        x = model.run_with_cache(texts.prompt, names=sae.hook_name)[1][sae.hook_name][texts.kept]
        found.add(x, sae(x).recon)
    told = json.loads((folder / "eval.json").read_text(encoding="utf-8"))["reconstruction"]["explained_variance"]
    assert found.result()["explained_variance"] == pytest.approx(told, abs=0.03)


def test_the_recipe_makes_it_forget_the_dog_and_keep_the_rest(model):
    assert GUIDED is not None
    guide, known = read_guide(GUIDED), facts(GUIDED)
    assert guide is not None and known is not None and guide.thing == "dog" and known.name(guide.latent) == "dog"
    with torch.no_grad():
        before, after = carried_out(model, files.load(GUIDED), known, guide)
    assert (before, after) == (guide.before, guide.after)
    dog = class_of("dog")
    assert dog in named(before) and dog not in named(after) and named(before) - {dog} <= named(after)
    assert guide.measured.gone.low > guide.measured.control.high
