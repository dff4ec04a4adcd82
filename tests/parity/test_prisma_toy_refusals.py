"""ViT-Prisma checkpoints that are not understood, or attack whoever opens them: one sentence, and nothing runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import prisma_engine as pe
from attacks import PROTO, STOP, Reduced, archive, call, python, text, touch
from prisma_toys import SIZES, hooked_state, legacy, training_file, write

HEADS = SIZES["heads"]


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
