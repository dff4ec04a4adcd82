"""ViT-Prisma's toy checkpoints: as their formulas say, in every layout that they are published in; refusals by name."""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import prisma_engine as pe
from attacks import PROTO, STOP, Reduced, archive, call, python, text, touch
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


def refusal(path: Path, **how: Any) -> str:
    with pytest.raises(pe.LoadError) as caught:
        pe.load(path, **how)
    sentence = str(caught.value)
    assert "\n" not in sentence and len(sentence) < 600
    return sentence


def without(key: str) -> Any:
    return lambda state: {k: v for k, v in state.items() if k != key}


def with_(**more: Any) -> Any:
    return lambda state: state | {key.replace("__", "."): value for key, value in more.items()}


D = SIZES["d"]
BAD: dict[str, tuple[Any, str]] = {
    "a key is missing": (
        without("blocks.1.mlp.fc2.bias"),
        "the original has no blocks.1.mlp.fc2.bias, which blocks.1.mlp.fc2.bias comes from",
    ),
    "no embedding": (without("patch_embedding.proj.weight"), "found 'cls_token', 'position_embedding'"),
    "no positions": (without("position_embedding"), "it has no position_embedding"),
    "no head": (without("head.weight"), "it has no head.weight"),
    "one block is only attention": (
        lambda state: {k: v for k, v in state.items() if not k.startswith("blocks.1.mlp")},
        "the original has no blocks.1.mlp.fc1.weight",
    ),
    "no block at all": (
        lambda state: {k: v for k, v in state.items() if "blocks" not in k},
        "the original has no blocks.0.attention.qkv.weight",
    ),
    "a stranger": (with_(pooler__weight=torch.zeros(3)), "are not understood: pooler.weight"),
    "a block far away": (with_(blocks__999999999__x=torch.zeros(3)), "the original has no blocks.2.attention.qkv"),
    "a norm of the queries": (
        with_(blocks__0__attention__q_norm__weight=torch.ones(8)),
        "are not understood: blocks.0.attention.q_norm.weight",
    ),
    "a norm behind attention": (
        with_(blocks__0__post_attn_ln__weight=torch.ones(D), blocks__0__post_attn_ln__bias=torch.ones(D)),
        "blocks.0.post_attn_ln.weight normalises the residual stream behind a layer, which the engine does not have",
    ),
    "half a norm": (with_(pre_head_norm__weight=torch.ones(D)), "the original has no pre_head_norm.bias"),
    "qkv of another width": (
        with_(blocks__0__attention__qkv__weight=torch.zeros(70, D)),
        "blocks.0.attention.qkv.weight has shape (70, 24), which does not make blocks.0.attn.qkv.weight (72, 24)",
    ),
    "positions of no square": (
        with_(position_embedding=torch.zeros(1, 16, D)),
        "position_embedding has shape (1, 16, 24), expected [CLS and rows × rows of patches, d_model]",
    ),
    "positions of another width": (
        with_(position_embedding=torch.zeros(1, 17, 5)),
        "position_embedding has shape (1, 17, 5), which does not make embed.pos_embed (1, 17, 24)",
    ),
    "flat patches": (
        with_(patch_embedding__proj__weight=torch.zeros(D, 64)),
        "patch_embedding.proj.weight has shape (24, 64), expected [d_model channel height width]",
    ),
    "not finite": (
        with_(head__bias=torch.full((7,), torch.nan)),
        "head.bias of toy holds a number that is not finite",
    ),
    "a number in the state": (with_(epoch=3), "holds 'epoch', which is no tensor"),
    "nothing": (lambda state: {}, "holds no state dict"),
    "a list": (lambda state: [1, 2], "holds no state dict"),
    "an empty wrapper": (lambda state: {"model_state_dict": None, "epoch": 3}, "holds no state dict"),
    "whole numbers": (with_(head__bias=torch.zeros(7, dtype=torch.int64)), "the name 'torch.LongStorage'"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_not_understood_is_named(kind, tmp_path):
    change, words = BAD[kind]
    path = write(tmp_path / "toy" / "checkpoint_1.pth", change(dict(legacy().state_dict())))
    assert words in refusal(path, n_heads=HEADS)


HOOKED_BAD: dict[str, tuple[Any, str]] = {
    "keys without heads": (
        with_(blocks__1__attn__W_K=torch.zeros(D)),
        "cannot be joined into blocks.1.attn.qkv.weight",
    ),
    "queries of another width": (
        with_(blocks__0__attn__W_Q=torch.zeros(3, 20, 8)),
        "blocks.0.attn.W_Q, blocks.0.attn.W_K, blocks.0.attn.W_V cannot be joined",
    ),
    "queries without heads": (
        with_(blocks__0__attn__W_Q=torch.zeros(D, D)),
        "blocks.0.attn.W_Q has shape (24, 24), expected [head d_model d_head]",
    ),
    "another number of heads": (with_(), "has 3 heads in each attention, not 4"),
}


@pytest.mark.parametrize("kind", HOOKED_BAD)
def test_hooked_files_that_contradict_themselves(kind, tmp_path):
    change, words = HOOKED_BAD[kind]
    assert words in refusal(write(tmp_path / "toy" / "checkpoint_1.pth", change(hooked_state())), n_heads=4)


def test_unknown_heads_say_how_to_give_them(tmp_path):
    path = write(tmp_path / "toy" / "checkpoint_1.pth", legacy().state_dict())
    sentence = refusal(path)
    assert "do not say how many heads" in sentence and "load(…, n_heads=8)" in sentence
    assert "does not divide into 5 heads" in refusal(path, n_heads=5)
    assert "does not divide into 0 heads" in refusal(path, n_heads=0)
    named = write(tmp_path / "dSprites-base-AttentionOnly" / "checkpoint_1.pth", legacy().state_dict())
    assert "is 24 wide, and the published model of this name 512" in refusal(named)
    assert pe.load(named, n_heads=HEADS).config.n_heads == HEADS


def test_other_models_take_no_other_number_of_heads():
    assert pe.load("emoji-vit", n_heads=4).config.n_heads == 4
    with pytest.raises(pe.LoadError, match="emoji-vit has 4 heads in each attention, not 8"):
        pe.load("emoji-vit", n_heads=8)


ATTACKS = {
    "os.system": lambda c: call("posix.system", touch(c)),
    "exec": lambda c: call("builtins.exec", python(c)),
    "a class with state": lambda c: b"cposix\nsystem\n)\x81" + text("x") + b"b",
    "a name like a config": lambda c: call("vit_prisma.configs.os.system", touch(c)),
    "a config that is called": lambda c: call("vit_prisma.configs.DSpritesConfig.GlobalConfig", touch(c)),
    "torch.load": lambda c: call("torch.serialization.load", text(str(c))),
    "an optimizer that is called": lambda c: call("torch.optim.adamw.AdamW", touch(c)),
    "a function of torch that is called": lambda c: call("torch.nn.functional.gelu", touch(c)),
    "getattr": lambda c: call("builtins.getattr", b"cposix\nsystem\n", text("__call__")),
}


@pytest.mark.parametrize("kind", ATTACKS)
def test_nothing_in_a_file_is_run(kind, tmp_path):
    canary = tmp_path / "canary"
    (tmp_path / "toy").mkdir()
    for around in (b"%s", b"}(" + text("model_state_dict") + b"%su", b"}(" + text("epoch") + b"%su"):
        data = PROTO + around.replace(b"%s", ATTACKS[kind](canary)) + STOP
        sentence = refusal(archive(tmp_path / "toy" / "checkpoint_1.pth", data), n_heads=HEADS)
        assert "holds a pickle with" in sentence and "nothing in it was run" in sentence
        assert not canary.exists()


def test_an_attack_beside_honest_weights(tmp_path):
    canary = tmp_path / "canary"
    contents = training_file(legacy(), scheduler=Reduced(exec, f"open({str(canary)!r}, 'w').close()"))
    path = write(tmp_path / "checkpoint_1.pth", contents)
    assert "the name '__builtin__.exec', which no ViT-Prisma checkpoint needs" in refusal(path, n_heads=HEADS)
    assert not canary.exists()
    torch.load(path, weights_only=False)
    assert canary.exists(), "the attack is real"


def test_a_whole_module_is_refused_by_its_name(tmp_path):
    path = write(tmp_path / "checkpoint_1.pth", nn.Sequential(nn.Linear(2, 2)))
    assert "the name 'torch.nn.modules.container.Sequential'" in refusal(path, n_heads=HEADS)


def test_what_is_cut_off_or_of_another_age(tmp_path):
    path = write(tmp_path / "toy" / "checkpoint_1.pth", legacy().state_dict())
    whole = path.read_bytes()
    for length in (0, 100, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:length])
        assert "checkpoint_1.pth of toy is not a zip archive as torch.save writes it" in refusal(path, n_heads=HEADS)
    torch.save(legacy().state_dict(), path, _use_new_zipfile_serialization=False)
    assert "is not a zip archive" in refusal(path, n_heads=HEADS)


def test_class_names_are_for_models_with_a_text_tower(tmp_path):
    path = write(tmp_path / "toy" / "checkpoint_1.pth", legacy().state_dict())
    assert "class names need a model with a text tower" in refusal(path, classes=["cat", "dog"], n_heads=HEADS)
    assert "class names need a model with a text tower" in refusal(path.parent, classes=["cat"], n_heads=HEADS)
    assert pe.load(path.parent, n_heads=HEADS).name == "toy"
