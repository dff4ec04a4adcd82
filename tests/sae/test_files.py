"""Our own format: what is written reads back, and what is wrong is refused with one sentence."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from prisma_engine.hub import LoadError
from prisma_engine.sae import SAE, files
from saes import D_IN, D_SAE, VARIANTS, random_sae

X = torch.randn(6, D_IN, generator=torch.Generator().manual_seed(5))


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_saved_loads(variant, tmp_path):
    sae = random_sae(**VARIANTS[variant], revision="abc", tokens="patches")
    files.save(sae, tmp_path / "mine")
    loaded = SAE.load(tmp_path / "mine")
    assert loaded.config == sae.config and not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    assert all(torch.equal(loaded.state_dict()[name], t) for name, t in sae.state_dict().items())
    torch.testing.assert_close(loaded(X).recon, sae(X).recon.detach())


def test_half_precision_halves_matrices_alone(tmp_path):
    sae = random_sae(d_sae=4000, activation="relu")
    files.save(sae, tmp_path / "whole")
    files.save(sae, tmp_path / "half", torch.float16)
    stored = load_file(tmp_path / "half" / files.WEIGHTS)
    assert {name for name, t in stored.items() if t.dtype == torch.float16} == {"W_enc", "W_dec"}
    sizes = [(tmp_path / name / files.WEIGHTS).stat().st_size for name in ("half", "whole")]
    assert sizes[0] < 0.6 * sizes[1]
    loaded = SAE.load(tmp_path / "half")
    assert loaded.W_dec.dtype == torch.float32
    torch.testing.assert_close(loaded(X).recon, sae(X).recon.detach(), rtol=0.02, atol=0.05)
    with torch.no_grad():
        sae.W_dec[0, 0] = 1e6
    with pytest.raises(ValueError, match="W_dec is not finite in float16"):
        files.save(sae, tmp_path / "half", torch.float16)


def broken(folder: Path, kind: str) -> None:
    """Damage a good folder in one way."""
    weights, config = folder / files.WEIGHTS, folder / files.CONFIG
    tensors, values = load_file(weights), json.loads(config.read_text())
    rewrite = {
        "a missing tensor": lambda: tensors.pop("b_enc"),
        "a tensor too many": lambda: tensors.update(extra=torch.zeros(1)),
        "a wrong shape": lambda: tensors.update(W_enc=tensors["W_enc"].T.contiguous()),
        "a NaN": lambda: tensors["W_dec"].view(-1)[3:4].fill_(torch.nan),
        "an infinity": lambda: tensors["b_dec"].view(-1)[3:4].fill_(torch.inf),
        "whole numbers": lambda: tensors.update(W_enc=tensors["W_enc"].int()),
        "a missing field": lambda: values.pop("hook_name"),
        "an unknown field": lambda: values.update(color="red"),
        "a wrong k": lambda: values.update(k=10_000),
        "a wrong activation": lambda: values.update(activation="softmax"),
        "a field of the wrong type": lambda: values.update(d_sae="forty"),
        "another width": lambda: values.update(d_in=D_IN + 1, d_out=D_IN + 1),
        "no architecture": lambda: values.pop("architecture"),
        "a vision transformer": lambda: values.update(architecture="HookedViT"),
    }
    if kind in rewrite:
        rewrite[kind]()
        save_file(tensors, weights)
        config.write_text(json.dumps(values))
    elif kind == "truncated weights":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif kind == "a pickle":
        weights.write_bytes(pickle.dumps({"W_enc": [1.0]}))
    elif kind == "no weights":
        weights.unlink()
    elif kind == "no config":
        config.unlink()
    elif kind == "a config that is no JSON":
        config.write_text("{")
    elif kind == "a config that is a list":
        config.write_text("[]")


BROKEN = {
    "a missing tensor": "do not fit its config: b_enc is missing",
    "a tensor too many": "extra is not a part of it",
    "a wrong shape": f"W_enc has shape ({D_IN}, {D_SAE}), expected ({D_SAE}, {D_IN})",
    "a NaN": "W_dec of mine holds a number that is not finite",
    "an infinity": "b_dec of mine holds a number that is not finite",
    "whole numbers": "W_enc of mine holds int32, expected float32 or float16",
    "a missing field": "the SAE's config lacks hook_name",
    "an unknown field": "the SAE's config has unknown fields: color",
    "a wrong k": "k is 10000; topk needs from 1 to d_sae = 40",
    "a wrong activation": "activation is 'softmax'; expected one of relu",
    "a field of the wrong type": "d_sae is 'forty'; expected a whole number",
    "another width": "W_enc has shape (40, 12), expected (40, 13)",
    "no architecture": "its config.json says no architecture 'SAE'",
    "a vision transformer": "its config.json says no architecture 'SAE'",
    "truncated weights": "is not a readable safetensors file",
    "a pickle": "is not a readable safetensors file",
    "no weights": "has no model.safetensors, and a pickle is never opened here",
    "no config": "has no config.json",
    "a config that is no JSON": "config.json of mine cannot be read",
    "a config that is a list": "config.json of mine is not a JSON object",
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_wrong_is_refused_with_one_sentence(kind, tmp_path):
    files.save(random_sae(), tmp_path / "mine")
    SAE.load(tmp_path / "mine")
    broken(tmp_path / "mine", kind)
    with pytest.raises(LoadError, match=re.escape(BROKEN[kind])) as caught:
        SAE.load(tmp_path / "mine")
    assert "\n" not in str(caught.value)


def test_shipped_ones_are_found_by_name(tmp_path, monkeypatch):
    monkeypatch.setenv("PRISMA_MODELS", str(tmp_path))
    for hook in ("blocks.0.hook_resid_post", "blocks.1.hook_resid_post"):
        files.save(random_sae(hook_name=hook), tmp_path / "tiny-sae" / hook)
    names = ("tiny-sae/blocks.0.hook_resid_post", "tiny-sae/blocks.1.hook_resid_post")
    assert files.shipped() == names
    assert SAE.load(names[1]).hook_name == "blocks.1.hook_resid_post"
    with pytest.raises(LoadError, match=f"tiny-sae holds several; say which of {names[0]}, {names[1]}"):
        SAE.load("tiny-sae")
    with pytest.raises(
        LoadError, match=f"there is no SAE 'nothing'; give a folder, a Hub id, or one that ships: {names[0]}, "
    ):
        SAE.load("nothing")


def test_the_hubs_mixin_reads_and_writes_the_same_files(tmp_path):
    sae = files.for_hub(random_sae())
    sae.save_pretrained(tmp_path / "pushed")
    assert {p.name for p in (tmp_path / "pushed").iterdir()} == {files.CONFIG, files.WEIGHTS, "README.md"}
    for loaded in (SAE.load(tmp_path / "pushed"), files.hub_class().from_pretrained(tmp_path / "pushed")):  # type: ignore[attr-defined]
        torch.testing.assert_close(loaded(X).recon, sae(X).recon)
    assert isinstance(sae, SAE) and "library_name: prisma_engine" in (tmp_path / "pushed" / "README.md").read_text()
    broken(tmp_path / "pushed", "a tensor too many")
    with pytest.raises(LoadError, match="extra is not a part of it"):
        files.hub_class().from_pretrained(tmp_path / "pushed")  # type: ignore[attr-defined]
