"""Measuring a whole SAE on a whole model: the perfect one, the useless one, and the model that it is not for."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace

import pytest
import torch

import prisma_engine as pe
from prisma_engine.sae import SAE, SAEConfig, files, probe
from prisma_engine.sae.evaluate import EVAL, LATENTS, evaluate, score
from prisma_engine.sae.export import export
from prisma_engine.sae.measuring.held_out import held_out
from prisma_engine.sae.reading import read
from saes import D_IN, random_sae, tiny_vit, write_vit

HOOK = "blocks.1.hook_resid_post"


@pytest.fixture(scope="module")
def model():
    return tiny_vit()


def perfect(**changes) -> SAE:
    """Latents that are the axes, each with its negative."""
    changes.setdefault("hook_name", HOOK)
    sae = SAE(SAEConfig(model="tiny", d_in=D_IN, d_sae=2 * D_IN, activation="relu", **changes))
    with torch.no_grad():
        sae.W_enc.copy_(torch.cat([torch.eye(D_IN), -torch.eye(D_IN)]))
        sae.W_dec.copy_(sae.W_enc)
    return sae.requires_grad_(False)


def useless() -> SAE:
    sae = perfect()
    sae.W_dec.zero_()
    return sae


def measured(sae: SAE, model, n: int = 40) -> tuple[dict, dict]:
    return evaluate(sae, model, held_out(model, "emoji-scenes", n))


def test_a_perfect_sae_keeps_everything(model):
    found, latents = measured(perfect(), model)
    assert found["reconstruction"]["explained_variance"] == pytest.approx(1, abs=1e-6)
    assert found["reconstruction"]["cosine_per_token"] == pytest.approx(1, abs=1e-6)
    answers = found["answers"]
    assert answers["kl"] == pytest.approx(0, abs=1e-6) and answers["top1_agreement"] == 1
    assert answers["cross_entropy"]["spliced"] == pytest.approx(answers["cross_entropy"]["original"], rel=1e-5)
    assert found["l0"]["all"] == pytest.approx(D_IN, abs=0.01) and found["images"] == 40 and found["tokens"] == 400
    assert len(latents["latents"]["frequency"]) == 2 * D_IN


def test_a_useless_sae_keeps_what_zeros_keep(model):
    found, _ = measured(useless(), model)
    assert found["reconstruction"]["explained_variance"] < 0.01
    answers = found["answers"]
    for name in ("accuracy", "cross_entropy"):
        assert answers[name]["spliced"] == pytest.approx(answers[name]["zero_ablated"])
    assert answers["kl"] > 0.01


@pytest.mark.parametrize(("tokens", "n"), [("cls", 1), ("patches", 9)])
def test_an_sae_for_some_tokens_is_measured_there(model, tokens, n):
    found, _ = measured(perfect(tokens=tokens), model)
    assert found["tokens"] == 40 * n and (found["l0"]["cls"] is None) == (tokens == "patches")
    assert (found["l0"]["patches"] is None) == (tokens == "cls")
    early = "blocks.0.hook_resid_post"  # where all tokens still matter for the answer
    some, every = (measured(sae, model)[0]["answers"]["cross_entropy"]["zero_ablated"]
                   for sae in (perfect(tokens=tokens, hook_name=early), perfect(hook_name=early)))  # fmt: skip
    assert some != pytest.approx(every)  # other tokens keep theirs
    assert (found["labels"] is None) == (tokens == "cls")


def test_a_transcoder_is_measured_at_what_it_writes(model):
    reads, writes = "blocks.1.ln2.hook_normalized", "blocks.1.hook_mlp_out"
    sae = random_sae(hook_name=reads, hook_out=writes, d_out=D_IN, input_bias="own", activation="relu")
    found, _ = measured(sae.requires_grad_(False), model)
    assert found["reconstruction"]["explained_variance"] < 0.9 and found["answers"]["kl"] > 0
    with torch.no_grad():  # a skip path alone cannot be an MLP with a nonlinearity, but zeros can be ablated exactly
        sae.W_dec.zero_(), sae.b_dec.zero_()
    answers = measured(sae, model)[0]["answers"]
    assert answers["cross_entropy"]["spliced"] == pytest.approx(answers["cross_entropy"]["zero_ablated"])


def test_score_writes_what_a_card_needs(tmp_path, monkeypatch, model):
    monkeypatch.setenv("PRISMA_MODELS", str(tmp_path))
    write_vit(tmp_path / "tiny", model)
    folder = tmp_path / "tiny-sae" / HOOK
    files.save(perfect(), folder, torch.float16, training={"name": "by hand"})
    score(folder, n=20)
    found = json.loads((folder / EVAL).read_text())
    assert found["measured_on"] == "10 scenes of one emoji and 10 of two"
    assert found["sae"]["hook_name"] == HOOK and found["training"] == {"name": "by hand"}
    assert found["reconstruction"]["explained_variance"] == pytest.approx(1, abs=1e-4)
    latents = json.loads((folder / LATENTS).read_text())["latents"]
    assert {"frequency", "typical", "largest", "nearest", "label", "f1", "auroc"} <= set(latents)
    assert all(len(column) == 2 * D_IN for column in latents.values())


def test_masks_may_come_from_elsewhere(model):
    alone, _ = measured(perfect(), model)
    unmasked = held_out(model, "emoji-scenes", 40)
    found, latents = evaluate(perfect(), model, unmasked, masks=held_out(model, "emoji-scenes", 60))
    assert found["labels_from"] == "30 scenes of one emoji and 30 of two"
    assert found["labels"]["images"] == 30 and alone["labels"]["images"] == 20
    assert found["tokens"] == alone["tokens"] and found["reconstruction"] == alone["reconstruction"]
    assert len(latents["classes"]) == 64


def test_export_halves_the_weights_and_remembers_the_probe(tmp_path, monkeypatch, model):
    monkeypatch.setenv("PRISMA_MODELS", str(tmp_path))
    write_vit(tmp_path / "tiny", model)
    files.save(random_sae(hook_name=HOOK, activation="relu"), tmp_path / "trained", training={"name": "by hand"})
    shipped = export(tmp_path / "trained", tmp_path / "tiny-sae" / HOOK)
    assert shipped.config.probe == pytest.approx(probe.probe(shipped, model), abs=1e-4)
    assert files.recipe_of(tmp_path / "tiny-sae" / HOOK) == {"name": "by hand"}
    sizes = [(folder / files.WEIGHTS).stat().st_size for folder in (tmp_path / "tiny-sae" / HOOK, tmp_path / "trained")]
    assert sizes[0] < sizes[1] and files.load(tmp_path / "trained").config.probe is None


def test_another_model_is_refused(model):
    sae = perfect(revision="1111")
    probe.check(sae, model)
    other = tiny_vit()
    other.name = "other"
    with pytest.raises(ValueError, match="this SAE is for 'tiny', and the model is 'other'"):
        probe.check(sae, other)
    probe.check(sae, other, same_weights=True)
    other.name, other.revision = "tiny", "2222"
    with pytest.raises(ValueError, match="this SAE is for tiny at revision 1111, and the model is at 2222"):
        probe.check(sae, other)
    nowhere = random_sae(hook_name="blocks.7.hook_resid_post")
    with pytest.raises(ValueError, match="belongs at 'blocks.7.hook_resid_post', which tiny does not have"):
        probe.check(nowhere, model)


def test_the_probe_notices_other_weights(model):
    """A trained SAE is simulated by one that knows only the directions that this model's activations have."""
    x, _ = read(perfect(), model, model.preprocess([image.numpy() for image in probe.probe_images()]))
    directions = torch.linalg.svd((x - x.mean((0, 1))).flatten(0, 1), full_matrices=False)[2][:3]
    sae = perfect()
    project = directions.T @ directions
    sae.W_dec.copy_(sae.W_dec @ project)
    sae.b_dec.copy_(x.mean((0, 1)))
    sae.W_enc.copy_(sae.W_enc @ project)
    explained = probe.probe(sae, model)
    sae.config = replace(sae.config, probe=explained)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probe.check(sae, model)
    other = tiny_vit(seed=1)
    with pytest.warns(probe.WrongModel, match="is probably not the model that it was trained on"):
        probe.check(sae, other)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        probe.check(sae, other, measure=False)


def test_a_model_without_a_classifier_has_no_answers():
    from families import randomised

    sizes = dict(image_size=(96, 96), patch_size=(32, 32), n_layers=2, n_heads=2, d_model=12, d_head=6, d_mlp=16)
    model = randomised(pe.HookedViT(pe.ViTConfig(**sizes, n_classes=12, head="identity"))).requires_grad_(False)
    model.name, model.preprocess = "tiny", tiny_vit().preprocess
    found, _ = measured(perfect(), model)
    assert found["answers"] is None and found["reconstruction"]["explained_variance"] == pytest.approx(1, abs=1e-6)
