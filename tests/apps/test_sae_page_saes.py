"""Which SAEs a page offers, how they are held in memory, and what is said where something is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import prisma_engine as pe
import saes as tiny
from apps.common.saes import Loaded, Saes, checked_name, first_for, shipped_for, title_of
from prisma_engine.sae import SAEConfig, files

FIRST = "emoji-vit-sae/blocks.3.hook_resid_post"


def test_the_shipped_ones_are_in_order_and_one_begins():
    shipped = shipped_for("emoji-vit")
    streams = [config.hook_name for _, config in shipped if config.hook_name.endswith("resid_post")]
    assert streams == sorted(streams) and {config.model for _, config in shipped} == {"emoji-vit"}
    assert first_for("emoji-vit") == FIRST and first_for("no-such") is None


@pytest.mark.parametrize(
    ("changes", "title"),
    [
        ({}, "after layer 0 · 40 latents"),
        ({"hook_name": "blocks.2.hook_mlp_out"}, "layer 2’s MLP · 40 latents"),
        ({"tokens": "cls", "hook_name": "blocks.1.hook_resid_pre"}, "before layer 1 · 40 latents · CLS only"),
        (
            {"input_bias": "own", "hook_name": "blocks.1.ln2.hook_normalized", "hook_out": "blocks.1.hook_mlp_out"},
            "transcoder of layer 1’s MLP · 40 latents",
        ),
        ({"hook_name": "hook_embed"}, "hook_embed · 40 latents"),
    ],
)
def test_titles(changes: dict[str, str], title: str):
    assert title_of(tiny.config(**changes)) == title


def test_on_a_space_only_the_shipped_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    assert checked_name(f" {tmp_path} ") == str(tmp_path)
    monkeypatch.setenv("SPACE_ID", "somebody/space")
    assert checked_name(FIRST) == FIRST
    for name in (str(tmp_path), "owner/name"):
        with pytest.raises(ValueError, match="only with the SAEs of its list"):
            checked_name(name)


@pytest.mark.parametrize("name", ["", "  ", "x" * 401, "a\x00b", None, 3])
def test_names_are_texts(name: object):
    with pytest.raises(ValueError, match="name an SAE"):
        checked_name(name)


@pytest.mark.parametrize("name", ["no-such", "/no/such/folder"])
def test_what_is_not_there_is_one_sentence(name: str):
    with pytest.raises(ValueError) as refusal:
        Saes().get(name)
    assert "\n" not in str(refusal.value)


def test_the_table_is_bounded_and_loads_once(tmp_path: Path):
    loads: list[str] = []
    sae = tiny.random_sae()

    def load(name: str, revision: str | None) -> Loaded:
        loads.append(name)
        return Loaded(name, revision, sae, tmp_path)

    table = Saes(load, keep=2)
    for name in ("a", "b", "a", "c", "a", "b"):
        assert table.get(name).id == name
    assert loads == ["a", "b", "c", "b"]
    heavy = Saes(load, max_bytes=1)
    loads.clear()
    for name in ("a", "a", "b", "a"):
        heavy.get(name)
    assert loads == ["a", "b", "a"]


def test_a_folder_on_this_disk_and_what_lies_beside_it(tmp_path: Path):
    files.save(tiny.random_sae(), tmp_path)
    loaded = Saes().get(str(tmp_path))
    assert loaded.revision is None and loaded.facts is None and loaded.guide is None and loaded.profile is None
    (tmp_path / "latents.json").write_text("{")
    assert Saes().get(str(tmp_path)).facts is None


def test_another_model_is_refused_or_warned_about():
    table, model = Saes(), pe.load("emoji-vit")
    loaded = table.get(FIRST)
    assert table.warning(loaded, model) is None
    noise = pe.load("emoji-vit")
    generator = torch.Generator().manual_seed(0)
    for parameter in noise.parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) / 10)
    noise.revision = "other"
    said = Saes().warning(Loaded(FIRST, None, with_probe(loaded), loaded.folder), noise)
    assert said is not None and "probably not the model" in said and "\n" not in said
    small = tiny.tiny_vit()
    with pytest.raises(ValueError, match="this SAE is for 'emoji-vit'"):
        table.warning(loaded, small)
    with pytest.raises(ValueError):
        table.warning(loaded, small, same_weights=True)


def with_probe(loaded: Loaded):
    """The same SAE, as one that says how well it explained the probe."""
    from prisma_engine.sae import SAE

    sae = SAE(SAEConfig.from_dict(loaded.config.to_dict() | {"probe": 0.98}))
    sae.load_state_dict(loaded.sae.state_dict())
    return sae
