"""Models of ours in timm, transformers and onnxruntime: the same logits, from a folder and from the Hub."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

import prisma_engine as pe
from miniature_zoo import trained
from model_cards import __main__ as command
from model_cards.build import CARDS
from model_cards.export import onnx, timm, transformers
from model_cards.export.model import ExportError
from prisma_engine.toy.compose import render_example

SHIPPED = CARDS / "emoji-vit"


def pixels(model: pe.HookedViT, n: int = 3) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randn(n, model.config.n_channels, *model.config.image_size, generator=random)


@pytest.fixture(params=["emoji-vit", "grey"])
def folder(request, zoo) -> Path:
    return SHIPPED if request.param == "emoji-vit" else zoo / "cards" / "dsprites-mini"


@torch.no_grad()
def test_timm_gives_the_same_logits_from_a_folder(folder, tmp_path):
    import timm as library

    timm.export(folder, tmp_path)
    model, other = pe.load(folder), library.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    assert torch.equal(other(pixels(model)), model(pixels(model)))
    data = library.data.resolve_model_data_config(other)
    assert tuple(data["mean"]) == model.preprocess.mean and tuple(data["input_size"][1:]) == model.config.image_size
    assert torch.equal(pe.load(tmp_path)(pixels(model)), model(pixels(model))), "and back again"


@torch.no_grad()
def test_transformers_gives_the_same_logits_from_a_folder(folder, tmp_path):
    from transformers import AutoModelForImageClassification

    transformers.export(folder, tmp_path)
    given = {"dtype": torch.float32, "output_loading_info": True}
    other, info = AutoModelForImageClassification.from_pretrained(tmp_path, **given)
    assert not info["missing_keys"] and not info["unexpected_keys"] and not info["mismatched_keys"]
    model = pe.load(folder)
    assert torch.equal(other.eval()(pixels(model)).logits, model(pixels(model)))
    assert list(other.config.id2label.values()) == list(model.vocabulary.names)


@torch.no_grad()
def test_transformers_sees_a_picture_as_the_model_does(tmp_path):
    from transformers import AutoImageProcessor

    transformers.export(SHIPPED, tmp_path)
    scene = render_example("cat-in-toilet").image
    prepared = AutoImageProcessor.from_pretrained(tmp_path, use_fast=False)(scene, return_tensors="pt")["pixel_values"]
    model = pe.load(SHIPPED)
    assert torch.allclose(prepared, model.preprocess(scene), atol=1e-6)
    assert int(model(prepared).argmax()) == int(model(model.preprocess(scene)).argmax())


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["timm", "transformers"])
def test_others_load_it_from_the_hub_by_name(world, tmp_path, tool):
    {"timm": timm, "transformers": transformers}[tool].export(SHIPPED, tmp_path / "written")
    world.machine.run("upload", tmp_path / "here", folder=tmp_path / "written", name="org/exported")
    model = pe.load(SHIPPED)
    found = world.machine.run(f"with_{tool}", tmp_path / "there", name="org/exported", pixels=pixels(model).tolist())
    assert torch.allclose(torch.tensor(found.value), model(pixels(model)), atol=1e-6), found


def test_attention_alone_has_no_place_in_timm_or_transformers(tmp_path):
    folder = trained(tmp_path / "cards", tmp_path / "out", steps=1, d_mlp=0)
    for tool in (timm, transformers):
        with pytest.raises(ExportError, match="has no ViT with attn_only = True, so dsprites-mini cannot be exported"):
            tool.export(folder, tmp_path / "written")
    assert not (tmp_path / "written").exists()


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(ExportError, match="is no model of this project"):
        timm.export(tmp_path, tmp_path / "written")


def test_without_onnx_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setattr(onnx, "find_spec", lambda name: None)
    with pytest.raises(
        ExportError, match=r"^exporting to ONNX needs onnx and onnxscript: pip install onnx onnxscript$"
    ):
        onnx.export(SHIPPED, tmp_path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
def test_onnxruntime_gives_the_same_logits_for_any_number_of_pictures(folder, tmp_path):
    for needed in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(needed, reason=f"needs onnx, onnxscript and onnxruntime: pip install {needed}")
    import onnxruntime

    onnx.export(folder, tmp_path)
    session = onnxruntime.InferenceSession(tmp_path / onnx.FILE, providers=["CPUExecutionProvider"])
    model = pe.load(folder)
    for n in (1, 3):
        (found,) = session.run([onnx.OUTPUT], {onnx.INPUT: pixels(model, n).numpy()})
        assert torch.allclose(torch.from_numpy(found), model(pixels(model, n)), atol=2e-5)


def test_the_command_writes_the_folder(tmp_path, monkeypatch, capsys):
    into = tmp_path / "written"
    monkeypatch.setattr(sys, "argv", ["model_cards", "export", "emoji-vit", "--to", "timm", "--into", str(into)])
    command.main()
    assert {path.name for path in into.iterdir()} == {"config.json", "model.safetensors"}
    assert capsys.readouterr().out == f"wrote {into}\n"
