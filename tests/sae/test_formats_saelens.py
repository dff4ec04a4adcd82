"""SAELens's files of versions 2 to 6, written here and by sae-lens itself, and Gemma Scope's."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from foreign_saes import D_IN, D_SAE, K, numbers, saelens_forward
from prisma_engine.hub import LoadError
from prisma_engine.sae import SAE, files

X = numbers(30, 6, D_IN) * 2 + 0.3

NEW: dict[str, Any] = {
    "d_in": D_IN,
    "d_sae": D_SAE,
    "dtype": "float32",
    "device": "cuda",
    "apply_b_dec_to_input": True,
    "normalize_activations": "none",
    "reshape_activations": "none",
    "architecture": "standard",
    "metadata": {"sae_lens_version": "6.54.12", "model_name": "wkcn/TinyCLIP", "hook_name": "blocks.2.hook_resid_post"},
}
OLD: dict[str, Any] = {
    "model_name": "wkcn/TinyCLIP",
    "hook_point": "blocks.2.hook_resid_post",
    "hook_point_layer": 2,
    "hook_point_head_index": None,
    "d_in": D_IN,
    "d_sae": D_SAE,
    "activation_fn_str": "relu",
    "normalize_activations": False,
    "dataset_path": "somewhere",
    "lr": 0.1,
}


def state(architecture: str = "standard") -> dict[str, torch.Tensor]:
    found = {"W_enc": numbers(1, D_IN, D_SAE), "W_dec": numbers(2, D_SAE, D_IN), "b_dec": numbers(3, D_IN)}
    if architecture == "gated":
        vectors = {name: numbers(i, D_SAE) / 2 for i, name in enumerate(("b_gate", "r_mag", "b_mag"), 4)}
        return found | vectors
    found["b_enc"] = numbers(8, D_SAE)
    if "jumprelu" in architecture:
        found["threshold"] = numbers(9, D_SAE).abs()
    if "skip" in architecture:
        found["W_skip"] = numbers(10, D_IN, D_IN)
    return found


def write(folder: Path, base: dict[str, Any] = NEW, tensors: Any = None, about: Any = None, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    fields = base | changes
    if about is not None:
        fields = fields | {"metadata": fields["metadata"] | about}
    save_file(
        state(fields.get("architecture", "standard")) if tensors is None else tensors,
        folder / "sae_weights.safetensors",
    )
    (folder / "cfg.json").write_text(json.dumps({k: v for k, v in fields.items() if v is not ...}))
    return folder


TRANSCODER: dict[str, Any] = {
    "apply_b_dec_to_input": False,
    "d_out": D_IN,
    "metadata": NEW["metadata"] | {"hook_name_out": "blocks.2.hook_mlp_out"},
}
VARIANTS: dict[str, dict[str, Any]] = {
    "standard": {},
    "standard, b_dec not applied": {"apply_b_dec_to_input": False},
    "standard, layer norm": {"normalize_activations": "layer_norm"},
    "standard, constant norm": {"normalize_activations": "constant_norm_rescale"},
    "topk": {"architecture": "topk", "k": K},
    "topk, rescaled": {"architecture": "topk", "k": K, "rescale_acts_by_decoder_norm": True},
    "topk, rescaled, layer norm": {
        "architecture": "topk",
        "k": K,
        "rescale_acts_by_decoder_norm": True,
        "normalize_activations": "layer_norm",
        "apply_b_dec_to_input": False,
    },
    "jumprelu": {"architecture": "jumprelu"},
    "gated": {"architecture": "gated"},
    "gated, b_dec not applied": {"architecture": "gated", "apply_b_dec_to_input": False},
    "transcoder": {"architecture": "transcoder", **TRANSCODER},
    "skip transcoder": {"architecture": "skip_transcoder", **TRANSCODER},
    "jumprelu skip transcoder": {"architecture": "jumprelu_skip_transcoder", **TRANSCODER},
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_numbers_are_the_originals(variant, tmp_path):
    fields = NEW | VARIANTS[variant]
    sae = SAE.load(write(tmp_path / "mine", **VARIANTS[variant]))
    kind = fields["architecture"].removesuffix("transcoder").removesuffix("_").removesuffix("skip").removesuffix("_")
    acts, recon = saelens_forward(state(fields["architecture"]), X, fields | {"architecture": kind or "standard"})
    torch.testing.assert_close(sae.encode(X), acts, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sae(X).recon, recon, rtol=1e-5, atol=1e-4)
    assert (sae.config.hook_out == "blocks.2.hook_mlp_out") == ("transcoder" in fields["architecture"])


def test_rows_of_a_rescaled_sae_are_those_of_the_whole(tmp_path):
    folder = write(tmp_path / "mine", **VARIANTS["topk, rescaled"])
    sae, rows = SAE.load(folder), files.rows(folder, [3, 40])
    for found, whole in ((rows.encoder, sae.W_enc), (rows.bias, sae.b_enc), (rows.decoder, sae.W_dec)):
        torch.testing.assert_close(found, whole[[3, 40]].detach())
    torch.testing.assert_close(rows.decoder.norm(dim=-1), torch.ones(2))


def test_flat_configs_before_version_6(tmp_path):
    sae = SAE.load(write(tmp_path / "mine", OLD))
    acts, recon = saelens_forward(state(), X, {"architecture": "standard"})
    torch.testing.assert_close(sae(X).recon, recon, rtol=1e-5, atol=1e-4)
    assert (sae.config.model, sae.hook_name) == ("wkcn/TinyCLIP", "blocks.2.hook_resid_post")
    topk = write(tmp_path / "topk", OLD, activation_fn_str="topk", activation_fn_kwargs={"k": K})
    assert (SAE.load(topk).config.activation, SAE.load(topk).config.k) == ("topk", K)
    ones = write(tmp_path / "ones", OLD, state() | {"scaling_factor": torch.ones(D_SAE)})
    torch.testing.assert_close(SAE.load(ones)(X).recon, recon, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(
    ("positions", "tokens"), [([None], "all"), ([0, 1], "cls"), ([1, None], "patches"), (None, "all")]
)
def test_positions_are_tokens(positions, tokens, tmp_path):
    assert SAE.load(write(tmp_path / "m", about={"seqpos_slice": positions})).config.tokens == tokens


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "expected average": ({"normalize_activations": "expected_average_only_in"}, "= 'expected_average_only_in'"),
    "whitening": ({"normalize_activations": "covariance_whitening"}, "= 'covariance_whitening'"),
    "heads apart": ({"reshape_activations": "hook_z"}, "reshape_activations = 'hook_z'"),
    "an unknown architecture": ({"architecture": "temporal"}, "architecture = 'temporal'; read here are standard"),
    "a field of tomorrow": ({"soft_cap": 3}, "has the field 'soft_cap', which is not understood"),
    "no k": ({"architecture": "topk"}, "cfg.json of mine lacks k"),
    "a k of 0": ({"architecture": "topk", "k": 0}, "k = 0; expected a whole number"),
    "no hook": ({"metadata": {"model_name": "m/m"}}, "metadata in cfg.json of mine lacks hook_name"),
    "no metadata worth the name": ({"metadata": []}, "has a metadata that is no object"),
    "a head": ({"metadata": NEW["metadata"] | {"hook_head_index": 2}}, "hook_head_index = 2"),
    "a strange slice": ({"metadata": NEW["metadata"] | {"seqpos_slice": [2, 9]}}, "seqpos_slice = [2, 9]"),
    "another width": ({"d_in": 13}, "W_enc has shape (48, 12), expected (48, 13)"),
    "negative latents": ({"d_sae": -5}, "d_sae = -5; expected a whole number of at least 1"),
    "absurd latents": ({"d_sae": 10**15}, "1,000,000,000,000,000 latents of width 12; that is too large"),
    "a bias choice that is a word": ({"apply_b_dec_to_input": "no"}, "apply_b_dec_to_input = 'no'; expected true"),
    "a transcoder that normalises": (
        {"architecture": "transcoder", **TRANSCODER, "normalize_activations": "layer_norm"},
        "normalises what a transcoder reads and not what it writes",
    ),
    "a transcoder to nowhere": (
        {"architecture": "transcoder", "apply_b_dec_to_input": False, "d_out": D_IN},
        "lacks hook_name_out",
    ),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_not_understood_is_refused_by_name(kind, tmp_path):
    changes, words = REFUSED[kind]
    write(tmp_path / "mine", **changes)
    with pytest.raises(LoadError) as caught:
        SAE.load(tmp_path / "mine")
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_old_options_that_change_the_arithmetic_are_refused(tmp_path):
    for changes, words in (
        ({"activation_fn_str": "tanh-relu"}, "activation_fn = 'tanh-relu'"),
        ({"finetuning_scaling_factor": True}, "finetuning_scaling_factor = True"),
        ({"normalize_activations": True}, "normalize_activations = True"),
        ({"hook_point": "blocks.2.attn.hook_z"}, "reshape_activations = 'hook_z'"),
    ):
        with pytest.raises(LoadError, match=words):
            SAE.load(write(tmp_path / "mine", OLD, **changes))
    scaled = write(tmp_path / "scaled", OLD, state() | {"scaling_factor": torch.full((D_SAE,), 2.0)})
    with pytest.raises(LoadError, match="a scaling_factor for each latent"):
        SAE.load(scaled)
    silent = state() | {"W_dec": torch.zeros(D_SAE, D_IN)}
    with pytest.raises(LoadError, match="a decoder row of zero is zero"):
        SAE.load(write(tmp_path / "zero", NEW, silent, **VARIANTS["topk, rescaled"]))


# what sae-lens itself writes and computes, in whatever environment has it
WRITER = """
import sys, torch
from pathlib import Path
from safetensors.torch import save_file
from sae_lens.saes.gated_sae import GatedSAE, GatedSAEConfig
from sae_lens.saes.jumprelu_sae import JumpReLUSAE, JumpReLUSAEConfig
from sae_lens.saes.sae import SAEMetadata
from sae_lens.saes.standard_sae import StandardSAE, StandardSAEConfig
from sae_lens.saes.topk_sae import TopKSAE, TopKSAEConfig
from sae_lens.saes.transcoder import SkipTranscoder, SkipTranscoderConfig

def case(name, kind, config, **given):
    about = SAEMetadata(model_name="some/vit", hook_name="blocks.1.hook_mlp_out", hook_name_out="blocks.1.hook_mlp_out")
    sae = kind(config(d_in=16, d_sae=64, metadata=about, **given))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for p in sae.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) / 2)
        if hasattr(sae, "threshold"):
            sae.threshold.abs_()
        x = torch.randn(9, 16, generator=generator) + 0.3
        sae.save_model(Path(sys.argv[1]) / name)
        found = {"x": x, "acts": sae.encode(x).contiguous(), "recon": sae(x).contiguous()}
        save_file(found, Path(sys.argv[1]) / f"{name}.safetensors")

for norm in ("none", "layer_norm", "constant_norm_rescale"):
    for tied in (True, False):
        given = {"normalize_activations": norm, "apply_b_dec_to_input": tied}
        case(f"standard-{norm}-{tied}", StandardSAE, StandardSAEConfig, **given)
        case(f"topk-{norm}-{tied}", TopKSAE, TopKSAEConfig, k=7, **given)
        case(f"rescaled-{norm}-{tied}", TopKSAE, TopKSAEConfig, k=7, rescale_acts_by_decoder_norm=True, **given)
        case(f"jumprelu-{norm}-{tied}", JumpReLUSAE, JumpReLUSAEConfig, **given)
        case(f"gated-{norm}-{tied}", GatedSAE, GatedSAEConfig, **given)
case("skip", SkipTranscoder, SkipTranscoderConfig, d_out=16, apply_b_dec_to_input=False)
"""


@pytest.mark.slow
def test_files_of_sae_lens_itself(tmp_path):
    python = os.environ.get("PRISMA_SAELENS_PYTHON") or (
        sys.executable if importlib.util.find_spec("sae_lens") else None
    )
    if python is None:
        pytest.skip("sae-lens is not installed: set PRISMA_SAELENS_PYTHON to a Python that has it (6.54)")
    done = subprocess.run(
        [python, "-W", "ignore", "-c", WRITER, str(tmp_path)], capture_output=True, text=True, timeout=500
    )
    assert done.returncode == 0, done.stderr[-2000:]
    cases = sorted(path for path in tmp_path.iterdir() if path.is_dir())
    assert len(cases) == 31
    for folder in cases:
        sae, theirs = SAE.load(folder), load_file(tmp_path / f"{folder.name}.safetensors")
        for name, found in (("acts", sae.encode(theirs["x"])), ("recon", sae(theirs["x"]).recon)):
            torch.testing.assert_close(
                found, theirs[name], rtol=1e-5, atol=1e-5, msg=lambda m, f=folder: f"{f.name}: {m}"
            )


GEMMA = "gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71"


def write_gemma(folder: Path, save: Any = np.savez, **changes: Any) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    arrays = {name: tensor.numpy() for name, tensor in state("jumprelu").items()} | changes
    save(folder / "params.npz", **{name: array for name, array in arrays.items() if array is not ...})
    return folder


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_gemma_scope(save, tmp_path):
    folder = write_gemma(tmp_path / GEMMA, save)
    sae = SAE.load(folder)
    acts, recon = saelens_forward(state("jumprelu"), X, {"architecture": "jumprelu", "apply_b_dec_to_input": False})
    torch.testing.assert_close(sae.encode(X), acts, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(sae(X).recon, recon, rtol=1e-5, atol=1e-4)
    assert (sae.config.model, sae.hook_name) == ("google/gemma-2-2b", "blocks.20.hook_resid_post")
    torch.testing.assert_close(files.rows(folder, [5]).encoder, sae.W_enc[[5]].detach())


def test_gemma_scope_that_is_odd_is_refused(tmp_path):
    with pytest.raises(LoadError, match="says nothing about its model"):
        SAE.load(write_gemma(tmp_path / "params"))
    for i, (changes, words) in enumerate((
        ({"threshold": ...}, "holds W_dec, W_enc, b_dec, b_enc; expected"),
        ({"extra": np.zeros(3, "f4")}, "entries that no SAE has"),
        ({"b_enc": np.zeros(3, "f4")}, "b_enc has shape"),
        ({"b_enc": np.full(D_SAE, np.nan, "f4")}, "b_enc of average_l0_71 holds a number that is not finite"),
        ({"b_enc": np.arange(D_SAE)}, "holds int64 of shape"),
        ({"W_enc": np.asfortranarray(np.zeros((D_IN, D_SAE), "f4"))}, "expected float32 or float16 in order"),
    )):  # fmt: skip
        with pytest.raises(LoadError) as caught:
            SAE.load(write_gemma(tmp_path / str(i) / GEMMA, **changes))
        assert words in str(caught.value) and "\n" not in str(caught.value)
