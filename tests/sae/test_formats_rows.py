"""Opening without reading: a few latents of a large file, and any SAE written in this project's own format."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.utils._python_dispatch import TorchDispatchMode

import prisma_engine as pe
from foreign_saes import TRANSCODER_FIELDS, numbers, prisma_state, write_prisma
from prisma_engine.hub import LoadError
from prisma_engine.sae import SAE, files, probe
from prisma_engine.sae.export import export
from saes import random_sae, tiny_vit, write_vit

ROOT = Path(__file__).resolve().parents[2]
D_IN, D_SAE = 64, 20_000
LATENTS = [7, 19_999, 0]


class Materialised(TorchDispatchMode):
    """Counts the bytes of every tensor that an operation newly makes; `set_` only says where numbers already are."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        held = {t.untyped_storage().data_ptr() for t in _tensors(args)}
        out = func(*args, **(kwargs or {}))
        for tensor in _tensors((out,)):
            if (
                func.overloadpacket is not torch.ops.aten.set_
                and tensor.device.type == "cpu"
                and tensor.untyped_storage().data_ptr() not in held
            ):
                self.bytes += tensor.numel() * tensor.element_size()
        return out


def _tensors(values: Any) -> list[torch.Tensor]:
    found = []
    for value in values:
        if isinstance(value, torch.Tensor):
            found.append(value)
        elif isinstance(value, list | tuple):
            found += _tensors(value)
    return found


def big_prisma(folder: Path, pickled: bool) -> Path:
    state = prisma_state("standard", D_IN, D_SAE, D_IN)
    return write_prisma(folder, state, pickled=pickled, d_in=D_IN, expansion_factor=...)


def big_saelens(folder: Path) -> Path:
    folder.mkdir()
    state = prisma_state("standard", D_IN, D_SAE, D_IN)
    save_file(dict(state), folder / "sae_weights.safetensors")
    (folder / "cfg.json").write_text(
        f'{{"d_in": {D_IN}, "d_sae": {D_SAE}, "model_name": "m/m", "hook_name": "blocks.0.hook_resid_post"}}'
    )
    return folder


def big_gemma(folder: Path) -> Path:
    folder = folder / "gemma-scope-2b-pt-res" / "layer_3"
    folder.mkdir(parents=True)
    state = prisma_state("standard", D_IN, D_SAE, D_IN) | {"threshold": torch.ones(D_SAE)}
    np.savez(folder / "params.npz", **{name: tensor.numpy() for name, tensor in state.items()})
    return folder


def big_ours(folder: Path) -> Path:
    sae = SAE(random_sae(d_in=D_IN, d_sae=D_SAE).config)
    state = prisma_state("standard", D_IN, D_SAE, D_IN)
    with torch.no_grad():
        for name, tensor in (("W_enc", state["W_enc"].T), ("W_dec", state["W_dec"]), ("b_enc", state["b_enc"])):
            getattr(sae, name).copy_(tensor)
    files.save(sae, folder)
    return folder


BIG: dict[str, Callable[[Path], Path]] = {
    "prisma": lambda folder: big_prisma(folder, False),
    "prisma, pickled config": lambda folder: big_prisma(folder, True),
    "saelens": big_saelens,
    "gemma scope": big_gemma,
    "ours": big_ours,
}


@pytest.mark.parametrize("kind", BIG)
def test_only_the_rows_that_are_asked_for_are_read(kind, tmp_path):
    folder = BIG[kind](tmp_path / "big")
    with Materialised() as some:
        rows = files.rows(folder, LATENTS)
    state = prisma_state("standard", D_IN, D_SAE, D_IN)
    assert rows.latents == tuple(LATENTS)
    assert torch.equal(rows.encoder, state["W_enc"].T[LATENTS]) and torch.equal(rows.decoder, state["W_dec"][LATENTS])
    assert torch.equal(rows.bias, state["b_enc"][LATENTS])
    with Materialised() as every:
        SAE.load(folder)
    file = max(path.stat().st_size for path in folder.iterdir())
    assert every.bytes > 0.9 * file, "the counter does not count"
    assert some.bytes < 0.01 * file, f"{some.bytes} of {file} bytes were read"
    with pytest.raises(ValueError, match="there is no latent 20000; big has 0 to 19999|no latent 20000; layer_3"):
        files.rows(folder, [D_SAE])


@pytest.mark.parametrize("kind", BIG)
def test_an_open_file_is_mapped_and_a_loaded_one_is_not(kind, tmp_path):
    mappings = Path("/proc/self/maps")
    if not mappings.exists():
        pytest.skip("this system does not list what a process has mapped")
    folder = BIG[kind](tmp_path / "big")
    file = str(max((path for path in folder.iterdir()), key=lambda path: path.stat().st_size))
    opened = files.opened(folder)
    assert opened.config.d_sae == D_SAE and file in mappings.read_text()
    del opened
    sae = SAE.load(folder)
    assert file not in mappings.read_text() and len(sae.W_dec) == D_SAE


def test_a_row_that_is_not_finite(tmp_path):
    state = prisma_state()
    state["W_dec"][3, 2] = torch.nan
    write_prisma(tmp_path / "mine", state)
    with pytest.raises(LoadError, match="W_dec of mine holds a number that is not finite"):
        files.rows(tmp_path / "mine", [3])
    assert files.rows(tmp_path / "mine", [4]).decoder.shape == (1, 12)


def test_what_is_loaded_no_longer_needs_its_file(tmp_path):
    folder = write_prisma(tmp_path / "mine")
    sae = SAE.load(folder)
    before = sae.W_dec.clone()
    (folder / "weights.pt").write_bytes(b"")
    assert torch.equal(sae.W_dec, before)
    with torch.no_grad():
        sae.W_dec.add_(1)


@pytest.mark.slow
def test_a_foreign_one_is_exported_in_half_precision(tmp_path):
    folder = write_prisma(tmp_path / "mine", activation_fn_str="topk", activation_fn_kwargs={"k": 5})
    out = tmp_path / "ours"
    command = [sys.executable, "-m", "prisma_engine.sae.export", str(folder), str(out)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and done.stderr.count("\n") == 1
    assert "give its --weights, or export --without-model" in done.stderr and not out.exists()
    done = subprocess.run([*command, "--without-model"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "ours: written, its probe not measured\n"
    assert load_file(out / files.WEIGHTS)["W_enc"].dtype == torch.float16
    theirs, ours = SAE.load(folder), SAE.load(out)
    assert ours.config == theirs.config
    x = numbers(40, 9, 12)
    torch.testing.assert_close(ours.W_dec, theirs.W_dec.half().float())
    torch.testing.assert_close(ours(x).recon, theirs(x).recon, rtol=0.02, atol=0.05)


def test_numbers_too_large_for_half_precision_are_kept_whole_on_request(tmp_path):
    state = prisma_state()
    state["W_dec"][0, 0] = 1e6
    folder = write_prisma(tmp_path / "mine", state)
    with pytest.raises(ValueError, match="W_dec is not finite in float16"):
        export(folder, tmp_path / "half", without_model=True)
    assert export(str(folder), tmp_path / "whole", dtype=torch.float32, without_model=True).W_dec[0, 0] == 1e6


def test_a_foreign_one_whose_model_is_here_gets_its_probe(tmp_path):
    weights = write_vit(tmp_path / "tiny", tiny_vit())
    folder = write_prisma(
        tmp_path / "mine", model_name=str(weights), hook_point_layer=0, normalize_activations="layer_norm"
    )
    sae = export(folder, tmp_path / "ours", weights=weights)
    assert sae.config.probe is not None and sae.config.hook_name == "blocks.0.hook_resid_post"
    with pytest.raises(ValueError, match="this SAE belongs at 'blocks.11.hook_resid_post', which"):
        export(write_prisma(tmp_path / "late", model_name=str(weights)), tmp_path / "no", weights=weights)


def test_a_wrong_base_model_or_revision_is_refused_at_use(tmp_path):
    model = tiny_vit()
    sae = SAE.load(write_prisma(tmp_path / "mine", model_name="some/vit", hook_point_layer=0))
    with pytest.raises(ValueError, match="this SAE is for 'some/vit', and the model is 'tiny'"):
        probe.check(sae, model)
    files.save(random_sae(revision="abc"), tmp_path / "ours")
    model.revision = "def"
    with pytest.raises(ValueError, match="for tiny at revision abc, and the model is at def"):
        probe.check(SAE.load(tmp_path / "ours"), model)
    model.revision = "abc"
    probe.check(SAE.load(tmp_path / "ours"), model)


@pytest.mark.filterwarnings("ignore:.*folded into the next layer")
def test_a_transcoder_of_prisma_steers(tmp_path):
    fields = TRANSCODER_FIELDS | {"model_name": "some/tiny", "hook_point_layer": 0}
    sae, model = SAE.load(write_prisma(tmp_path / "mine", prisma_state("skip"), **fields)), tiny_vit()
    x = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(0))
    plain = model(x)
    torch.testing.assert_close(model.run_with_hooks(x, sae.steer({4: 0.0}).at()), plain, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(model.run_with_hooks(x, sae.steer({4: 50.0}).at()), plain, atol=1e-3)


def test_three_lines(tmp_path):
    files.save(
        random_sae(d_in=128, d_sae=256, model="emoji-vit", hook_name="blocks.3.hook_resid_post"), tmp_path / "mine"
    )
    model = pe.load("emoji-vit")
    x = model.preprocess([probe.probe_images()[0].numpy()])
    _, cache = model.run_with_cache(x, names=["blocks.3.hook_resid_post"])
    sae = pe.SAE.load(tmp_path / "mine")
    out = sae(cache[sae.hook_name])
    steered = model.run_with_hooks(x, {sae.hook_name: sae.steer({45: -8.0}, keep_error=True)})
    assert out.acts.shape == (1, 145, 256) and out.recon.shape == (1, 145, 128)
    assert not torch.allclose(steered, model(x), atol=1e-3)
    unchanged = model.run_with_hooks(x, {sae.hook_name: sae.steer({45: 0.0}, keep_error=True)})
    torch.testing.assert_close(unchanged, model(x), rtol=1e-4, atol=1e-4)


def test_several_foreign_ones_in_a_folder_are_listed(tmp_path):
    for name in ("a", "b"):
        write_prisma(tmp_path / "many" / name)
    with pytest.raises(LoadError, match="many holds several; say which of .*many/a, .*many/b"):
        SAE.load(tmp_path / "many")
