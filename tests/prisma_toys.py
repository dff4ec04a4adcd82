"""ViT-Prisma's toy transformers written down from their formulas alone, and the files that they are published in."""

from __future__ import annotations

import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import field, make_dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from families import randomised

SIZES: dict[str, Any] = {"d": 24, "heads": 3, "layers": 2, "mlp": 40, "side": 32, "patch": 8, "channels": 1}
CONFIGS = "vit_prisma.configs.DSpritesConfig"


class Attention(nn.Module):
    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d)

    def forward(self, x: Tensor) -> Tensor:
        batch, token, d = x.shape
        q, k, v = self.qkv(x).view(batch, token, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        pattern = (torch.einsum("bhqd,bhkd->bhqk", q, k) / (d // self.heads) ** 0.5).softmax(-1)
        return self.proj((pattern @ v).permute(0, 2, 1, 3).reshape(batch, token, d))


class MLP(nn.Module):
    def __init__(self, d: int, width: int) -> None:
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(d, width), nn.Linear(width, d)

    def forward(self, x: Tensor) -> Tensor:
        pre = self.fc1(x)
        return self.fc2(pre * 0.5 * (1 + torch.erf(pre / 2**0.5)))


class Block(nn.Module):
    def __init__(self, d: int, heads: int, width: int) -> None:
        super().__init__()
        self.attention = Attention(d, heads)
        self.mlp = MLP(d, width) if width else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(x)
        return x if isinstance(self.mlp, nn.Identity) else x + self.mlp(x)


class LegacyViT(nn.Module):
    """The published transformer under its own keys: no norms in the blocks, perhaps one before and one behind them."""

    def __init__(
        self, d: int, heads: int, layers: int, mlp: int, side: int, patch: int, channels: int, classes: int = 7,
        norms: bool = False, cls: bool = True,
    ) -> None:  # fmt: skip
        super().__init__()
        self.patch_embedding: Any = nn.Module()
        self.patch_embedding.proj = nn.Conv2d(channels, d, patch, stride=patch, bias=False)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, d)) if cls else None
        self.position_embedding = nn.Parameter(torch.zeros(1, (side // patch) ** 2 + cls, d))
        self.blocks = nn.Sequential(*(Block(d, heads, mlp) for _ in range(layers)))
        if norms:
            self.pre_block_norm, self.pre_head_norm = nn.LayerNorm(d, eps=1e-6), nn.LayerNorm(d, eps=1e-6)
        self.norms = norms
        self.head = nn.Linear(d, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch_embedding.proj(x).flatten(2).transpose(1, 2)
        if self.cls_token is not None:
            x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], dim=1)
        x = x + self.position_embedding
        x = self.blocks(self.pre_block_norm(x) if self.norms else x)
        x = x.mean(1) if self.cls_token is None else x[:, 0]
        return self.head(self.pre_head_norm(x) if self.norms else x)


def legacy(**changes: Any) -> Any:
    """A tiny one with every parameter random."""
    return randomised(LegacyViT(**(SIZES | changes)))


def hooked_state(
    mlp: bool = True, norms: bool = True, pre: bool = False, cls: bool = True, d_head: int = 8
) -> OrderedDict:
    """A random state dict in the later key style, with all its biases, zeros nowhere."""
    d, heads, width, layers = SIZES["d"], SIZES["heads"], SIZES["mlp"], SIZES["layers"]
    shapes: dict[str, tuple[int, ...]] = {
        "pos_embed.W_pos": ((SIZES["side"] // SIZES["patch"]) ** 2 + cls, d),
        "embed.proj.weight": (d, SIZES["channels"], SIZES["patch"], SIZES["patch"]),
        "embed.proj.bias": (d,),
        "head.W_H": (d, 7),
        "head.b_H": (7,),
    }
    shapes |= {"cls_token": (1, 1, d)} if cls else {}
    for i in range(layers):
        at = f"blocks.{i}."
        shapes |= {f"{at}attn.W_{which}": (heads, d, d_head) for which in "QKV"}
        shapes |= {f"{at}attn.b_{which}": (heads, d_head) for which in "QKV"}
        shapes |= {f"{at}attn.W_O": (heads, d_head, d), f"{at}attn.b_O": (d,)}
        if mlp:
            shapes |= {f"{at}mlp.W_in": (d, width), f"{at}mlp.b_in": (width,)}
            shapes |= {f"{at}mlp.W_out": (width, d), f"{at}mlp.b_out": (d,)}
        for norm in ("ln1", "ln2") if mlp else ("ln1",):
            shapes |= {f"{at}{norm}.w": (d,), f"{at}{norm}.b": (d,)} if norms else {}
    for norm, has in (("ln_final", norms), ("ln_pre", pre)):
        shapes |= {f"{norm}.w": (d,), f"{norm}.b": (d,)} if has else {}
    generator = torch.Generator().manual_seed(0)
    fan = {"W_in": d, "W_out": width, "W_H": d, "W_O": heads * d_head, "W_Q": d, "W_K": d, "W_V": d, "weight": 64}
    return OrderedDict(
        (key, torch.randn(shape, generator=generator) * fan.get(key.rpartition(".")[2], 1) ** -0.5)
        for key, shape in shapes.items()
    )


def hooked_forward(state: dict[str, Tensor], x: Tensor) -> Tensor:
    """Logits of a state dict in the later key style."""
    s, (d, _, p, _) = state, state["embed.proj.weight"].shape

    def norm(x: Tensor, name: str) -> Tensor:
        if f"{name}.w" not in s:
            return x
        centred = x - x.mean(-1, keepdim=True)
        return centred / (centred.pow(2).mean(-1, keepdim=True) + 1e-6).sqrt() * s[f"{name}.w"] + s[f"{name}.b"]

    pixels = x.unfold(2, p, p).unfold(3, p, p)  # [batch channel row column height width]
    x = torch.einsum("bcijhw,dchw->bijd", pixels, s["embed.proj.weight"]).flatten(1, 2) + s["embed.proj.bias"]
    if "cls_token" in s:
        x = torch.cat([s["cls_token"].expand(len(x), 1, d), x], dim=1)
    x = norm(x + s["pos_embed.W_pos"], "ln_pre")
    for i in range(SIZES["layers"]):
        at = f"blocks.{i}."
        read = norm(x, f"{at}ln1")
        q, k, v = (torch.einsum("btd,hde->bthe", read, s[f"{at}attn.W_{c}"]) + s[f"{at}attn.b_{c}"] for c in "QKV")
        pattern = (torch.einsum("bqhe,bkhe->bhqk", q, k) / q.shape[-1] ** 0.5).softmax(-1)
        z = torch.einsum("bhqk,bkhe->bqhe", pattern, v)
        x = x + torch.einsum("bthe,hed->btd", z, s[f"{at}attn.W_O"]) + s[f"{at}attn.b_O"]
        if f"{at}mlp.W_in" in s:
            pre = norm(x, f"{at}ln2") @ s[f"{at}mlp.W_in"] + s[f"{at}mlp.b_in"]
            x = x + (pre * 0.5 * (1 + torch.erf(pre / 2**0.5))) @ s[f"{at}mlp.W_out"] + s[f"{at}mlp.b_out"]
    x = norm(x, "ln_final")
    return (x[:, 0] if "cls_token" in s else x.mean(1)) @ s["head.W_H"] + s["head.b_H"]


def as_hooked(state: dict[str, Tensor], heads: int) -> dict[str, Tensor]:
    """A legacy state dict under the later keys, as views that are laid out in an order of their own."""
    found = {
        "cls_token": state["cls_token"],
        "pos_embed.W_pos": state["position_embedding"][0],
        "embed.proj.weight": state["patch_embedding.proj.weight"],
        "head.W_H": state["head.weight"].T,
        "head.b_H": state["head.bias"],
    }
    for i in range(len({key.split(".")[1] for key in state if key.startswith("blocks.")})):
        at, to = f"blocks.{i}.attention.", f"blocks.{i}.attn."
        packed = state[f"{at}qkv.weight"].unflatten(0, (3, heads, -1)).transpose(2, 3)
        found |= {f"{to}W_{which}": packed[n] for n, which in enumerate("QKV")}
        found[f"{to}W_O"] = state[f"{at}proj.weight"].unflatten(1, (heads, -1)).permute(1, 2, 0)
        found[f"{to}b_O"] = state[f"{at}proj.bias"]
        for ours, theirs in (("in", "fc1"), ("out", "fc2")):
            if f"blocks.{i}.mlp.{theirs}.weight" in state:
                found[f"blocks.{i}.mlp.W_{ours}"] = state[f"blocks.{i}.mlp.{theirs}.weight"].T
                found[f"blocks.{i}.mlp.b_{ours}"] = state[f"blocks.{i}.mlp.{theirs}.bias"]
    return found


FIELDS: dict[str, dict[str, Any]] = {
    "Dataset": {"target_latent_class_idx": None},
    "Image": {"image_size": 64, "patch_size": 8, "n_channels": 1},
    "Transformer": {"hidden_dim": 512, "num_heads": 8, "activation_name": "GELU", "attention_only": True},
    "LayerNorm": {"qknorm": False, "layer_norm_eps": 0.0},
    "Dropout": {"patch": 0.0, "attention": 0.0},
    "Initialization": {"weight_type": "he", "cls_std": 1e-6},
    "Training": {"lr": 1e-4, "batch_size": 512, "device": "cuda", "optimizer_name": "AdamW"},
    "Logging": {"log_dir": "logs", "use_wandb": True},
    "Saving": {"parent_dir": "", "save_cp_frequency": 10},
    "Classification": {"num_classes": 3, "global_pool": False},
}


@contextmanager
def config_classes() -> Iterator[Any]:
    """A config as training kept it, its classes under their own names for as long as a file is written."""
    kinds = {name: make_dataclass(f"{name}Config", [(key, Any, field(default=value)) for key, value in fields.items()])
             for name, fields in FIELDS.items()}  # fmt: skip
    parts = [(name.lower(), kind, field(default_factory=kind)) for name, kind in kinds.items()]
    whole = make_dataclass("GlobalConfig", parts)
    modules = ["vit_prisma", "vit_prisma.configs", CONFIGS]
    for name in modules:
        sys.modules[name] = types.ModuleType(name)
    for kind in (*kinds.values(), whole):
        kind.__module__ = CONFIGS
        setattr(sys.modules[CONFIGS], kind.__name__, kind)
    try:
        config: Any = whole()
        config.transformer.activation_fn = nn.GELU
        yield config
    finally:
        for name in modules:
            del sys.modules[name]


def training_file(model: Any, **more: Any) -> dict[str, Any]:
    """What training saved of a model: weights, AdamW's state after a step, and how far it was."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01)
    kept = {key: value.clone() for key, value in model.state_dict().items()}
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    model.load_state_dict(kept)
    return {
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "scheduler_state_dict": {"step_size": 200, "gamma": 0.8, "_last_lr": [1e-4], "verbose": False},
        "epoch": 9,
        "loss": 0.25,
    } | more


def write(path: Path, contents: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(contents, path)
    return path
