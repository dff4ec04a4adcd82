"""The SAEs that ship: within their size, told the truth about by their card, and as good as their eval.json says."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import pytest
import torch

import prisma_engine as pe
from model_cards.sae import repositories, sae_card
from prisma_engine.sae import SAE, files, probe
from prisma_engine.sae.evaluate import EVAL, LATENTS, evaluate
from prisma_engine.sae.measuring.held_out import held_out
from saes import tiny_vit

CARDS = Path(__file__).resolve().parents[2] / "model_cards"
EMOJI = [name for name in files.shipped() if name.startswith("emoji-vit-sae/")]
TINY = [name for name in files.shipped() if name.startswith("vit-tiny-sae/")]
ON_DISK = "vit_tiny_patch16_224_in1k/vit_tiny_patch16_224_in1k.safetensors"


def measured(name: str) -> dict:
    return json.loads((CARDS / name / EVAL).read_text(encoding="utf-8"))


def test_there_is_one_for_every_layer_an_mlp_and_a_transcoder():
    assert [f"emoji-vit-sae/{folder}" for folder in sorted(
        [*(f"blocks.{i}.hook_resid_post" for i in range(5)), "blocks.3.hook_mlp_out", "blocks.3.transcoder"]
    )] == EMOJI  # fmt: skip
    assert len(TINY) == 3


def test_they_are_small():
    def size(name: str) -> int:
        return sum(path.stat().st_size for path in (CARDS / name).iterdir())

    assert sum(map(size, EMOJI)) <= 20e6 and all(size(name) <= 4e6 for name in TINY)


@pytest.mark.parametrize("folder", repositories(), ids=lambda folder: folder.name)
def test_the_card_is_what_was_measured(folder):
    assert (folder / "README.md").read_text(encoding="utf-8") == sae_card(folder)


@pytest.mark.parametrize("name", files.shipped())
def test_config_eval_and_latents_belong_together(name):
    sae, scores = SAE.load(name), measured(name)
    assert scores["sae"] == json.loads(json.dumps(sae.config.to_dict())) and sae.config.probe is not None
    latents = json.loads((CARDS / name / LATENTS).read_text(encoding="utf-8"))["latents"]
    assert len(latents["typical"]) == sae.config.d_sae
    alive = sum(f > 0 for f in latents["frequency"]) / sae.config.d_sae
    assert alive == pytest.approx(scores["alive_share"], abs=1e-4)
    assert "/" not in scores["training"]["data"]["images"]


@pytest.mark.parametrize("name", EMOJI)
def test_emoji_saes_do_what_was_promised(name):
    scores = measured(name)
    assert scores["reconstruction"]["explained_variance"] >= 0.95 and scores["l0"]["all"] <= 32
    assert scores["alive_share"] >= 0.8 and scores["answers"]["accuracy"]["kept"] >= 0.98


@pytest.mark.parametrize("name", TINY)
def test_tiny_saes_do_what_was_promised(name):
    scores = measured(name)
    assert scores["reconstruction"]["explained_variance"] >= 0.8 and scores["l0"]["all"] <= 32


@pytest.mark.slow
@pytest.mark.parametrize("name", EMOJI)
def test_a_sample_is_as_eval_says(name):
    sae, model, scores = SAE.load(name), pe.load("emoji-vit"), measured(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probe.check(sae, model)
    found, _ = evaluate(sae, model, held_out(model, "emoji-scenes", 24, size=12))
    for key in ("explained_variance", "cosine_per_token"):
        assert found["reconstruction"][key] == pytest.approx(scores["reconstruction"][key], abs=0.01)
    shuffled = SAE.load(name)
    shuffled.W_dec.copy_(shuffled.W_dec[torch.randperm(len(shuffled.W_dec))])
    broken, _ = evaluate(shuffled, model, held_out(model, "emoji-scenes", 24, size=12))
    assert broken["reconstruction"]["explained_variance"] < scores["reconstruction"]["explained_variance"] - 0.2
    with pytest.warns(probe.WrongModel):
        probe.check(shuffled, model)


def test_loading_for_a_model_checks_it():
    name, model = EMOJI[0], pe.load("emoji-vit")
    assert pe.SAE.load(name, model=model).hook_name in model.hook_points
    with pytest.raises(ValueError, match="this SAE is for 'emoji-vit', and the model is 'tiny'"):
        pe.SAE.load(name, model=tiny_vit())
    with torch.no_grad():
        model.blocks[0].mlp.W_out.mul_(0.2)
    with pytest.warns(probe.WrongModel, match="is probably not the model"):
        pe.SAE.load(name, model=model)


@pytest.mark.parametrize("name", TINY)
def test_tiny_saes_know_the_weights_on_disk(name, assets):
    sae, model = SAE.load(name), pe.load(assets / ON_DISK)
    with pytest.raises(ValueError, match="this SAE is for 'timm/vit_tiny_patch16_224.augreg_in21k_ft_in1k'"):
        probe.check(sae, model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probe.check(sae, model, same_weights=True)
    with torch.no_grad():
        for p in model.blocks[2].parameters():
            p.mul_(0.5)
    with pytest.warns(probe.WrongModel, match="is probably not the model"):
        probe.check(sae, model, same_weights=True)
