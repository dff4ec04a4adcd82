"""ViT-Prisma's toy checkpoints: as their formulas say, in every layout that they are published in."""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import prisma_engine as pe
from families import largest
from prisma_engine.convert.prisma_toy import published
from prisma_toys import (
    SIZES,
    as_hooked,
    config_classes,
    hooked_forward,
    hooked_state,
    legacy,
    training_file,
    write,
)

HEADS = SIZES["heads"]
LEGACY: dict[str, dict[str, Any]] = {
    "attention and MLP": {},
    "attention only": {"mlp": 0},
    "norms around the blocks": {"norms": True},
    "mean of the patches": {"cls": False},
    "norms and mean, attention only": {"norms": True, "cls": False, "mlp": 0},
    "colour": {"channels": 3, "patch": 16, "layers": 1},
    "one head": {"heads": 1},
}
HOOKED: dict[str, dict[str, Any]] = {
    "norms": {},
    "no norms": {"norms": False},
    "attention only": {"mlp": False},
    "attention only, no norms": {"mlp": False, "norms": False},
    "a norm before the blocks": {"pre": True},
    "mean of the patches": {"cls": False},
    "heads wider than their share": {"d_head": 10},
}


@pytest.fixture(autouse=True)
def no_grad():
    with torch.no_grad():
        yield


def pictures(channels: int = SIZES["channels"], side: int = SIZES["side"]) -> Tensor:
    return torch.rand(2, channels, side, side, generator=torch.Generator().manual_seed(3))


def assert_same(model: Any, x: Tensor, answer: Tensor) -> None:
    """Fused, explicit and cached, the answers are the same to 1e-5."""
    assert largest(answer) > 0.1
    explicit, cache = model.run_with_cache(x)
    assert set(cache) == set(model.hook_points)
    for got in (model(x), explicit, model.run_with_hooks(x, {"*.hook_result": lambda result, point: result + 0})):
        assert largest(got - answer) <= 1e-5


@pytest.mark.parametrize("kind", LEGACY)
def test_legacy_checkpoints_compute_what_they_did(kind, tmp_path):
    options = LEGACY[kind]
    module = legacy(**options)
    x = pictures(options.get("channels", 1))
    model = pe.load(
        write(tmp_path / "toy" / "checkpoint_3.pth", module.state_dict()), n_heads=module.blocks[0].attention.heads
    )
    c = model.config
    assert_same(model, x, module(x))
    assert (c.attn_only, c.block_norm, c.final_norm, c.pre_norm) == (
        options.get("mlp") == 0, False, *[options.get("norms", False)] * 2
    )  # fmt: skip
    assert (c.qkv_bias, c.out_bias, c.embed_bias, c.head_bias) == (False, True, False, True)
    assert model.name == "toy/checkpoint_3.pth" and not any(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("kind", HOOKED)
def test_hooked_checkpoints_compute_what_they_did(kind, tmp_path):
    state = hooked_state(**HOOKED[kind])
    model = pe.load(write(tmp_path / "toy" / "checkpoint_3.pth", state))
    assert_same(model, pictures(), hooked_forward(state, pictures()))
    assert model.config.block_norm == model.config.final_norm == HOOKED[kind].get("norms", True)


@pytest.mark.parametrize("mlp", [0, SIZES["mlp"]])
def test_a_converted_checkpoint_is_the_one_that_it_was_made_of(mlp, tmp_path):
    module, x = legacy(mlp=mlp), pictures()
    state = as_hooked(module.state_dict(), HEADS)
    assert not state["blocks.0.attn.W_Q"].is_contiguous(), "views as they were made are what is tested"
    assert_same(pe.load(write(tmp_path / "checkpoint_3.pth", state)), x, module(x))


@pytest.mark.parametrize("style", ["legacy", "hooked"])
def test_every_weight_matters(style, tmp_path):
    module = legacy()
    state = module.state_dict() if style == "legacy" else hooked_state()
    x, path = pictures(), tmp_path / "checkpoint_1.pth"
    before = pe.load(write(path, state), n_heads=HEADS)(x)
    for key, value in state.items():
        if key.endswith("b_K"):
            continue  # adds the same to all scores of a query, which the softmax does not see
        moved = state | {key: value + torch.randn(value.shape, generator=torch.Generator().manual_seed(1))}
        assert largest(pe.load(write(path, moved), n_heads=HEADS)(x) - before) > 1e-3, key


def test_the_number_of_heads_matters(tmp_path):
    path = write(tmp_path / "checkpoint_1.pth", legacy().state_dict())
    assert largest(pe.load(path, n_heads=4)(pictures()) - pe.load(path, n_heads=3)(pictures())) > 0.01


def imports(path: Path) -> set[str]:
    """Names that a file's pickle mentions."""
    with zipfile.ZipFile(path) as file:
        data = file.read(next(name for name in file.namelist() if name.endswith("data.pkl")))
    return {str(argument).replace(" ", ".") for op, argument, _ in pickletools.genops(data) if op.name == "GLOBAL"}


def test_a_file_with_all_that_training_kept(tmp_path):
    module, x = legacy(), pictures()
    with config_classes() as config:
        path = write(tmp_path / "checkpoint_1.pth", training_file(module, config=config))
    assert len(imports(path)) == 15 and "torch.nn.modules.activation.GELU" in imports(path)
    assert_same(pe.load(path, n_heads=HEADS), x, module(x))


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module."])
def test_prefixes_of_parallel_and_compiled_training(prefix, tmp_path):
    module, x = legacy(), pictures()
    state = {f"{prefix}{key}": value for key, value in module.state_dict().items()}
    for contents in (state, {"model_state_dict": state, "epoch": 3}, {"state_dict": state}):
        assert_same(pe.load(write(tmp_path / "checkpoint_1.pth", contents), n_heads=HEADS), x, module(x))
    mixed = state | {"head.weight": state.pop(f"{prefix}head.weight")}
    with pytest.raises(pe.LoadError, match="a ViT-Prisma checkpoint has patch_embedding.proj.weight or embed"):
        pe.load(write(tmp_path / "checkpoint_1.pth", mixed), n_heads=HEADS)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_become_float32(dtype, tmp_path):
    module, x = legacy().to(dtype), pictures()
    model = pe.load(write(tmp_path / "checkpoint_1.pth", module.state_dict()), n_heads=HEADS)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert_same(model, x, module.float()(x))


def test_a_model_does_not_depend_on_its_file(tmp_path):
    path = write(tmp_path / "checkpoint_1.pth", legacy().state_dict())
    model = pe.load(path, n_heads=HEADS)
    before = model(pictures())
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    assert torch.equal(model(pictures()), before)


def test_published_sizes_and_names(tmp_path):
    folder = tmp_path / "ImageNet-tiny-AttentionOnly"
    module = legacy(d=768, heads=4, layers=1, mlp=0, side=224, patch=16, channels=3, classes=1000)
    assert sum(p.numel() for p in module.parameters()) == 3_870_952  # as the published file's length says
    path = write(folder / "checkpoint_12.pth", module.state_dict())
    assert 15.4e6 < path.stat().st_size < 15.6e6
    model, x = pe.load(folder), pictures(3, 224)
    assert (model.config.n_heads, model.config.grid, model.name) == (4, (14, 14), folder.name)
    assert largest(model(x) - module(x)) <= 1e-5
    assert (model.preprocess.mean, model.preprocess.crop_pct) == ((0.485, 0.456, 0.406), 0.875)
    assert len(model.vocabulary.names) == 1000


def test_dsprites_bring_their_heads_pixels_and_classes(tmp_path):
    from prisma_engine.toy.dsprites import SHAPES

    module = legacy(d=512, heads=8, layers=1, mlp=2048, side=64, channels=1, classes=3)
    path = write(tmp_path / "dSprites-tiny-Attention-and-MLP" / "checkpoint_0.pth", training_file(module))
    model = pe.load(path)
    assert model.config.n_heads == 8
    assert largest(model(pictures(side=64)) - module(pictures(side=64))) <= 1e-5
    assert model.vocabulary.names == SHAPES
    white = model.preprocess.normalize(model.preprocess.pixels(_sprite()))
    assert white.shape == (1, 64, 64) and white.unique().tolist() == [0.0, 1.0]


def _sprite():
    from PIL import Image

    image = Image.new("L", (64, 64))
    image.paste(255, (10, 10, 30, 30))
    return image


@pytest.mark.parametrize(
    ("name", "heads"),
    [
        ("IamYash/dSprites-base-AttentionOnly", 8),
        ("IamYash/ImageNet-medium-Attention-and-MLP", 4),
        ("PraneetNeuro/ImageNet-Small-Attention-and-MLP-Patch32", 4),
        ("Prisma-Multimodal/Imagenet-small-Attention-MLP", 4),
        ("models--IamYash--dSprites-small-AttentionOnly", 8),
        ("somebody/ImageNet-huge-AttentionOnly", None),
        ("somebody/my-dSprites-base-AttentionOnly", None),
    ],
)
def test_heads_by_name(name, heads):
    family = published(name.split("/"))
    assert (family and family.n_heads) == heads


def test_which_file_of_a_folder(tmp_path):
    modules = {n: legacy(classes=n) for n in (2, 9, 10)}
    for n, module in modules.items():
        write(tmp_path / "toys" / "checkpoints" / f"checkpoint_{n}.pth", module.state_dict())
    write(tmp_path / "toys" / "checkpoints" / "optimizer_99.pth", {"x": torch.zeros(1)})
    (tmp_path / "toys" / "README.md").write_text("toys")
    assert pe.load(tmp_path / "toys", n_heads=HEADS).config.n_classes == 10
    assert pe.load(tmp_path / "toys" / "checkpoints" / "checkpoint_9.pth", n_heads=HEADS).config.n_classes == 9
    write(tmp_path / "toys" / "model_4121600.pth", legacy(classes=5).state_dict())
    assert pe.load(tmp_path / "toys", n_heads=HEADS).config.n_classes == 5


def test_a_folder_with_safetensors_is_not_opened_by_its_checkpoint(tmp_path):
    write(tmp_path / "mine" / "checkpoint_1.pth", legacy().state_dict())
    (tmp_path / "mine" / "model.safetensors").write_bytes(b"")
    with pytest.raises(pe.LoadError, match="mine has no config.json"):
        pe.load(tmp_path / "mine", n_heads=HEADS)
