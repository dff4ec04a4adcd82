"""What can be loaded, and the one sentence for what cannot."""

import json

import pytest
import torch
from safetensors.torch import save_file

import prisma_engine as pe
from prisma_engine import hub
from prisma_engine.load import models_folder
from prisma_engine.preprocess import Preprocess


@pytest.fixture
def models(tmp_path, monkeypatch):
    monkeypatch.setenv("PRISMA_MODELS", str(tmp_path))
    return tmp_path


def write_tiny(folder, **changes) -> pe.HookedViT:
    sizes = dict(image_size=(16, 16), patch_size=(8, 8), n_layers=1, n_heads=2, d_model=8, d_head=4)
    model = pe.HookedViT(pe.ViTConfig(**sizes, d_mlp=16, n_classes=2))
    folder.mkdir()
    config = {
        "architecture": "HookedViT",
        "vit": model.config.to_dict(),
        "preprocess": Preprocess(16, 16, (0.5,) * 3, (0.5,) * 3, mode="squash").to_dict(),
        "vocabulary": {"id": "pair", "names": ["cat", "dog"], "emoji": ["🐱", "🐶"]},
    }
    (folder / "config.json").write_text(json.dumps({**config, **changes}))
    save_file({k: v.half() for k, v in model.state_dict().items()}, folder / "model.safetensors")
    return model


def test_an_embedded_model_comes_back_ready(models):
    written = write_tiny(models / "tiny")
    loaded = pe.load("tiny")
    assert pe.embedded_models() == ("tiny",)
    assert loaded.name == "tiny" and not loaded.training
    assert not any(p.requires_grad for p in loaded.parameters())
    assert all(p.dtype == torch.float32 for p in loaded.parameters())
    assert torch.allclose(loaded.embed.proj.weight, written.embed.proj.weight, atol=1e-3)
    assert loaded.vocabulary.names == ("cat", "dog")


def test_an_unknown_name_lists_what_there_is(models):
    write_tiny(models / "tiny")
    with pytest.raises(pe.LoadError, match="no model 'tinny'; embedded: tiny"):
        pe.load("tinny")


def test_a_folder_with_missing_weights_is_refused(models):
    write_tiny(models / "tiny")
    save_file({"embed.proj.weight": torch.zeros(1)}, models / "tiny" / "model.safetensors")
    with pytest.raises(pe.LoadError, match="do not fit its architecture"):
        pe.load("tiny")


def test_damaged_weights_are_one_sentence(models):
    write_tiny(models / "tiny")
    (models / "tiny" / "model.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(pe.LoadError, match="not a readable safetensors file"):
        pe.load("tiny")


def test_an_unknown_config_field_is_named(models):
    write_tiny(models / "tiny", vit={"image_size": [16, 16], "n_moons": 2})
    with pytest.raises(ValueError, match="n_moons"):
        pe.load("tiny")


@pytest.mark.parametrize("name", ["weights.bin", "weights.pkl", "weights.pickle", "weights.ckpt"])
def test_a_pickle_is_never_opened(tmp_path, name):
    (tmp_path / name).write_bytes(b"anything")
    with pytest.raises(pe.LoadError, match="never opened"):
        pe.load(tmp_path / name)


@pytest.mark.parametrize("name", ["weights.pt", "weights.pth"])
def test_what_is_called_a_checkpoint_and_is_none(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x80\x02anything")
    with pytest.raises(pe.LoadError, match=f"{name} of .* is not a zip archive as torch.save writes it"):
        pe.load(tmp_path / name)


def test_a_bare_file_without_an_architecture_says_how_to_name_it(tmp_path):
    save_file({"a": torch.zeros(1)}, tmp_path / "mystery.safetensors")
    with pytest.raises(pe.LoadError, match="does not say which architecture"):
        pe.load(tmp_path / "mystery.safetensors")


def test_a_bare_timm_file_is_recognised_by_its_name(tmp_path):
    timm = pytest.importorskip("timm")
    module = timm.create_model("vit_tiny_patch16_224").eval()
    save_file(module.state_dict(), tmp_path / "vit_tiny_patch16_224_mine.safetensors")
    model = pe.load(tmp_path / "vit_tiny_patch16_224_mine.safetensors")
    x = torch.randn(1, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(model(x), module(x))
    assert model.name == "vit_tiny_patch16_224_mine"


def test_the_hub_cut_off_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(pe.LoadError) as refusal:
        pe.load("somebody/some-vit")
    assert "somebody/some-vit is not on this machine" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_files_of_a_repository_are_checked_before_the_download():
    with pytest.raises(pe.LoadError, match="no safetensors"):
        hub._wanted("a/b", {"pytorch_model.bin": 10, "config.json": 1}, "")
    with pytest.raises(pe.LoadError, match=r"9\.0 GB"):
        hub._wanted("a/b", {"model.safetensors": 9_000_000_000}, "")
    assert hub._wanted("a/b", {"model.safetensors": 9_000, "checkpoint_1.pth": 10**12}, "") == list(hub.READABLE)


def test_of_numbered_checkpoints_one_is_downloaded():
    sizes = {f"checkpoint_{i}.pth": 10**9 for i in (2, 9, 10)} | {"README.md": 1, "optimizer_99.pth": 1}
    assert hub._wanted("a/b", sizes, "") == ["checkpoint_10.pth"]
    assert hub._wanted("a/b", {"checkpoints/model_7.pth": 1, "checkpoints/deep/model_8.pth": 1}, "") == [
        "checkpoints/model_7.pth"
    ]
    assert hub._wanted("a/b", sizes | {"a[1].pth": 1}, "a[1].pth") == ["a[[]1].pth"]
    with pytest.raises(pe.LoadError, match="a/b has no checkpoint_3.pth"):
        hub._wanted("a/b", sizes, "checkpoint_3.pth")
    with pytest.raises(pe.LoadError, match=r"a/b has 9\.0 GB"):
        hub._wanted("a/b", sizes | {"checkpoint_11.pth": 9 * 10**9}, "")


def test_models_folder_is_beside_the_package(monkeypatch):
    monkeypatch.delenv("PRISMA_MODELS", raising=False)
    assert models_folder().name == "model_cards"
