"""A tiny LLaVA and an SAE for it, every parameter random, as a folder of models that the page about them reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

import tiny_vlms
from prisma_engine.analysis.language.contexts import AFTER, BEFORE, WIDTH, Contexts
from prisma_engine.sae import SAE, SAEConfig, files
from prisma_engine.sae.features.guide import Picture, Share
from prisma_engine.sae.features.talk_guide import Guide, Measured

D_SAE, K = 48, 6
HOOK = "blocks.1.hook_resid_post"
CLASSES = ("dog", "pizza", "before dog")
DOG, WEAK, PIZZA = 5, 6, 7


def tiny_sae(model: str = "emoji-llava", seed: int = 3) -> SAE:
    """An SAE of the tiny model's stream after layer 1."""
    sae = SAE(SAEConfig(model=model, hook_name=HOOK, d_in=24, d_sae=D_SAE, k=K))
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in sae.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) / 4)
    return sae.requires_grad_(False)


def write(folder: Path, model: str = "emoji-llava") -> Path:
    """`folder` as `$PRISMA_MODELS`: the model, and its SAE with labels and texts."""
    home = folder / model
    hooked = tiny_vlms.llava()
    hooked.save_pretrained(home)
    tiny_vlms.processor().save_pretrained(home)
    sae = folder / f"{model}-saes" / HOOK
    files.save(tiny_sae(model), sae)
    (sae / "latents.json").write_text(json.dumps(known()))
    (sae / "eval.json").write_text(json.dumps({"measured_on": "held-out texts", "labels_from": "held-out texts"}))
    texts().save(sae)
    (sae / "guide.json").write_text(json.dumps(guide().to_dict()))
    return folder


def known() -> dict[str, Any]:
    """What is known of the latents: three labels, of which one is weak, the others without."""
    label: list[int | None] = [None] * D_SAE
    label[DOG], label[WEAK], label[PIZZA] = 0, 0, 1
    f1 = [0.0] * D_SAE
    f1[DOG], f1[WEAK], f1[PIZZA] = 0.9, 0.2, 0.8
    scores = {name: f1 for name in ("precision", "recall", "f1", "auroc")}
    numbers = {name: [value] * D_SAE for name, value in {"frequency": 0.1, "largest": 3.0, "nearest": 0.2}.items()}
    return {"classes": list(CLASSES), "latents": {**numbers, "typical": [0.7] * D_SAE, "label": label, **scores}}


def guide() -> Guide:
    """A recipe, of which nothing is true."""
    share = Share(0.5, 0.4, 0.6, 10)
    picture = Picture("scene", "7_3.300.520.400.0_32.680.420.340.0", "A dog beside a banana")
    where, when = ("image", "prompt", "generated"), ("prefill", "decode")
    said = ("there is a dog and a banana .", "there is a banana .")
    measured = Measured(share, share, share, share, share)
    return Guide(picture, "what is there ?", "dog", DOG, "add", -6.0, where, when, *said, measured)


def texts() -> Contexts:
    """One text for each latent."""
    words = tuple(tiny_vlms.WORDS)
    ids = torch.full((D_SAE, 1, WIDTH), -1)
    ids[:, 0, BEFORE - 2 : BEFORE + AFTER] = torch.arange(5, 5 + 2 + AFTER)
    acts = torch.zeros(D_SAE, 1, WIDTH)
    acts[:, 0, BEFORE] = 1.5
    return Contexts("three held-out texts", words, ids, acts)
