"""timm's VisionTransformer, and everything that it is: ViT, DeiT (distilled), DINOv2, CLIP and SigLIP towers."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from prisma_engine.config import Activation, ViTConfig
from prisma_engine.convert.table import NotUnderstood, Source, Table, convert, expect_children, expect_same, join
from prisma_engine.vit import HookedViT

TABLE: Table = {
    "embed.proj": "patch_embed.proj",
    "embed.pos_embed": "pos_embed",
    "ln_pre": "norm_pre",
    "blocks.{i}.ln1": "blocks.{i}.norm1",
    "blocks.{i}.attn.qkv": "blocks.{i}.attn.qkv",
    "blocks.{i}.attn.proj": "blocks.{i}.attn.proj",
    "blocks.{i}.ls1": "blocks.{i}.ls1",
    "blocks.{i}.ln2": "blocks.{i}.norm2",
    "blocks.{i}.mlp.fc1": "blocks.{i}.mlp.fc1",
    "blocks.{i}.mlp.fc2": "blocks.{i}.mlp.fc2",
    "blocks.{i}.ls2": "blocks.{i}.ls2",
    "ln_final": "norm",
    "head.linear": "head",
    "head.linear_dist": "head_dist",
    "head.probe": "attn_pool.latent",
    "head.q": "attn_pool.q",
    "head.kv": "attn_pool.kv",
    "head.proj": "attn_pool.proj",
    "head.norm": "attn_pool.norm",
    "head.fc1": "attn_pool.mlp.fc1",
    "head.fc2": "attn_pool.mlp.fc2",
}
SPLIT_SWIGLU: Table = {"blocks.{i}.mlp.fc1": join("blocks.{i}.mlp.fc1_g", "blocks.{i}.mlp.fc1_x")}
POOLS = {"token": "token", "avg": "mean", "map": "token"}


def from_timm(module: nn.Module, name: str | None = None) -> HookedViT:
    """A hooked copy of a timm vision transformer, with its preprocessing and class names where timm knows them.

    Args:
        module: a `VisionTransformer` or `VisionTransformerDistilled`, built for one image size.
        name: what error messages and links call it; timm's own name for the architecture when None.

    Raises:
        NotUnderstood: a ValueError that names the part of `module` that the engine does not have.
    """
    config = read_config(module)
    model = convert(config, _table(module, config), module.state_dict())
    cfg = dict(getattr(module, "pretrained_cfg", None) or {})
    known_as = ".".join(filter(None, (cfg.get("architecture"), cfg.get("tag"))))
    model.name = name or known_as or type(module).__name__
    if cfg:
        _describe(model, cfg)
    return model


def _describe(model: HookedViT, cfg: dict[str, Any]) -> None:
    from prisma_engine import labels
    from prisma_engine.convert.preprocess import preprocess_from_timm

    c = model.config
    if c.n_channels in (1, 3):
        model.preprocess = preprocess_from_timm(cfg | {"input_size": (c.n_channels, *c.image_size)})
    if c.head != "identity" and c.n_classes == cfg.get("num_classes") == 1000:
        model.vocabulary = labels.imagenet1k()


def read_config(module: Any) -> ViTConfig:
    """The shape of a timm model, read off the modules that it is made of.

    Raises:
        NotUnderstood: for any submodule or setting that changes the arithmetic and that the engine does not have.
    """
    from timm.models.deit import VisionTransformerDistilled
    from timm.models.vision_transformer import VisionTransformer

    if type(module) not in (VisionTransformer, VisionTransformerDistilled):
        raise NotUnderstood(
            f"timm's {type(module).__name__} is not understood; from_timm converts VisionTransformer "
            "(ViT, DeiT, DINOv2, CLIP and SigLIP towers) and VisionTransformerDistilled"
        )
    _check_model(module)
    blocks = [_read_block(block, f"blocks.{i}.") for i, block in enumerate(module.blocks)]
    shared = {key: expect_same([block[key] for block in blocks], key) for key in blocks[0]}
    return ViTConfig(
        image_size=tuple(module.patch_embed.img_size),
        patch_size=tuple(module.patch_embed.patch_size),
        n_layers=len(blocks),
        d_model=module.embed_dim,
        n_channels=module.patch_embed.proj.in_channels,
        prefix=_prefix(module),
        embed_bias=module.patch_embed.proj.bias is not None,
        pre_norm=_is_norm(module.norm_pre),
        final_norm=_is_norm(module.norm) or _is_norm(module.fc_norm),
        eps=_eps(module),
        **shared,
        **_read_head(module),
    )


def _check_model(module: Any) -> None:
    from timm.layers import AttentionPoolLatent, PatchDropout, PatchEmbed

    norm = (nn.Identity, *_norms())
    expect_children(
        module,
        {"patch_embed": PatchEmbed, "pos_drop": nn.Dropout, "patch_drop": (nn.Identity, PatchDropout), "norm_pre": norm}
        | {"blocks": nn.Sequential, "norm": norm, "attn_pool": AttentionPoolLatent, "fc_norm": norm}
        | {"head_drop": nn.Dropout, "head": (nn.Linear, nn.Identity), "head_dist": (nn.Linear, nn.Identity)},
        "",
    )
    expect_children(module.patch_embed, {"proj": nn.Conv2d, "norm": nn.Identity}, "patch_embed.")
    if module.dynamic_img_size or module.patch_embed.dynamic_img_pad:
        raise NotUnderstood("dynamic_img_size is not understood; build the model for one img_size")
    if module.global_pool not in POOLS:
        raise NotUnderstood(f"global_pool={module.global_pool!r} is not understood; known: {', '.join(POOLS)}")
    if module.pool_include_prefix:
        raise NotUnderstood("pool_include_prefix is not understood; the engine pools over patches alone")
    if module.attn_pool is not None and _is_norm(module.fc_norm):
        raise NotUnderstood("fc_norm after attention pooling is not understood")
    if _is_norm(module.norm) and _is_norm(module.fc_norm):
        raise NotUnderstood("norm and fc_norm together are not understood; the engine has one final norm")
    if not len(module.blocks):
        raise NotUnderstood("a model without blocks is not understood")


def _read_block(block: Any, where: str) -> dict[str, Any]:
    from timm.layers import Attention, DropPath, GluMlp, LayerScale, Mlp, SwiGLU
    from timm.models.vision_transformer import Block

    if type(block) is not Block:
        raise NotUnderstood(f"{where[:-1]} is a {type(block).__name__}, which is not understood; known: Block")
    scale, path = (nn.Identity, LayerScale), (nn.Identity, DropPath)
    expect_children(
        block,
        {"norm1": _norms(), "attn": Attention, "ls1": scale, "drop_path1": path}
        | {"norm2": _norms(), "mlp": (Mlp, GluMlp, SwiGLU), "ls2": scale, "drop_path2": path},
        where,
    )
    if type(block.ls1) is not type(block.ls2):
        raise NotUnderstood(f"{where}ls1 and ls2 are not both LayerScale, which is not understood")
    return {
        **_read_attention(block.attn, f"{where}attn."),
        **_read_mlp(block.mlp, f"{where}mlp."),
        "layer_scale": isinstance(block.ls1, LayerScale),
    }


def _read_attention(attn: Any, where: str) -> dict[str, Any]:
    expect_children(
        attn,
        {"qkv": nn.Linear, "q_norm": nn.Identity, "k_norm": nn.Identity, "attn_drop": nn.Dropout}
        | {"norm": nn.Identity, "proj": nn.Linear, "proj_drop": nn.Dropout},
        where,
    )
    if attn.scale != attn.head_dim**-0.5:
        raise NotUnderstood(f"{where}scale is {attn.scale}, expected 1/√d_head; other scales are not understood")
    return {
        "n_heads": attn.num_heads,
        "d_head": attn.head_dim,
        "qkv_bias": attn.qkv.bias is not None,
        "out_bias": attn.proj.bias is not None,
    }


def _read_mlp(mlp: Any, where: str) -> dict[str, Any]:
    """Width, activation and gating; timm gives the MLP the same `bias` as the attention's output."""
    from timm.layers import Mlp

    linears = {"fc1": nn.Linear, "fc1_g": nn.Linear, "fc1_x": nn.Linear, "fc2": nn.Linear}
    drops = {"drop1": nn.Dropout, "drop2": nn.Dropout, "norm": nn.Identity}
    expect_children(mlp, linears | drops | {"act": tuple(_activations())}, where)
    if getattr(mlp, "gate_last", False):
        raise NotUnderstood(f"{where}gate_last is not understood; the engine's gate is the first half")
    return {
        "d_mlp": mlp.fc2.in_features,
        "activation": _activation(mlp.act),
        "gated_mlp": not isinstance(mlp, Mlp),
    }


def _read_head(module: Any) -> dict[str, Any]:
    kind = "linear" if isinstance(module.head, nn.Linear) else "identity"
    n_classes = module.head.out_features if kind == "linear" else module.embed_dim
    if hasattr(module, "head_dist"):
        kind = "two_head" if kind == "linear" else kind
    elif module.attn_pool is not None:
        _check_attn_pool(module)
        return {"head": "attention_pool", "n_classes": n_classes, "head_bias": kind == "linear"}
    return {
        "head": kind,
        "n_classes": n_classes,
        "head_bias": kind != "linear" or module.head.bias is not None,
        "pool": POOLS[module.global_pool],
        "pool_before_norm": module.global_pool == "avg" and _is_norm(module.fc_norm),
    }


def _check_attn_pool(module: Any) -> None:
    """The attention pool must be the one that the head builds: as many heads and the MLP of a block."""
    from timm.layers import Mlp

    pool, block = module.attn_pool, module.blocks[0]
    expect_children(
        pool,
        {"q": nn.Linear, "kv": nn.Linear, "q_norm": nn.Identity, "k_norm": nn.Identity, "proj": nn.Linear}
        | {"proj_drop": nn.Dropout, "norm": _norms(), "mlp": Mlp},
        "attn_pool.",
    )
    same = (pool.num_heads, pool.mlp.fc1.out_features, type(pool.mlp.act))
    if same != (block.attn.num_heads, block.mlp.fc1.out_features, type(block.mlp.act)):
        raise NotUnderstood("an attention pool with other heads, width or activation than the blocks is not understood")
    if pool.latent_len != 1 or pool.pool != "token" or pool.pos_embed is not None:
        raise NotUnderstood("an attention pool with several queries or positions is not understood")


def _prefix(module: Any) -> tuple[str, ...]:
    names = ["CLS"] * (module.cls_token is not None) + ["DIST"] * hasattr(module, "dist_token")
    return (*names, *(f"REG{i + 1}" for i in range(module.num_reg_tokens)))


def _table(module: Any, config: ViTConfig) -> Table:
    """The family's table, with the rows that depend on the variant."""
    from timm.layers import SwiGLU

    tokens = [key for key in ("cls_token", "dist_token", "reg_token") if getattr(module, key, None) is not None]
    table: dict[str, str | Source] = {**TABLE, "embed.prefix_tokens": join(*tokens, axis=1)}
    if isinstance(module.blocks[0].mlp, SwiGLU):
        table |= SPLIT_SWIGLU
    if _is_norm(module.fc_norm):
        table["ln_final"] = "fc_norm"
    if module.pos_embed is None:
        table["embed.pos_embed"] = Source((), lambda: torch.zeros(1, config.n_tokens, config.d_model))
    elif module.no_embed_class:
        table["embed.pos_embed"] = Source(("pos_embed",), partial(_below_zeros, n=config.n_prefix))
    return table


def _below_zeros(pos_embed: Tensor, n: int) -> Tensor:
    """Prefix tokens without positions: adding a row of zeros leaves them as they are."""
    return torch.cat([pos_embed.new_zeros(1, n, pos_embed.shape[-1]), pos_embed], dim=1)


def _eps(module: Any) -> float:
    norms = [(name, m) for name, m in module.named_modules() if type(m) in _norms()]
    for name, norm in norms:
        if norm.weight is None or norm.bias is None:
            raise NotUnderstood(f"{name} has no weight or no bias, which is not understood")
    return expect_same([norm.eps for _, norm in norms], "the eps of LayerNorm")


def _is_norm(module: nn.Module) -> bool:
    return not isinstance(module, nn.Identity)


def _norms() -> tuple[type, ...]:
    from timm.layers import LayerNorm, LayerNormFp32

    return (nn.LayerNorm, LayerNorm, LayerNormFp32)


def _activations() -> dict[type, Activation]:
    from timm.layers.activations import GELU, GELUTanh, QuickGELU

    names: dict[type, Activation] = {nn.GELU: "gelu", nn.SiLU: "silu", nn.ReLU: "relu"}
    names.update({GELU: "gelu", GELUTanh: "gelu_tanh", QuickGELU: "quick_gelu"})
    return names


def _activation(act: nn.Module) -> Activation:
    return "gelu_tanh" if getattr(act, "approximate", "none") == "tanh" else _activations()[type(act)]
