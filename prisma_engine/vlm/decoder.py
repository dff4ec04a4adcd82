"""Hook points of a transformers decoder, at the boundaries of its modules; the modules themselves stay untouched.

Hooks are registered once, when a model is wrapped, and do nothing outside of runs: each asks its hook point, which asks
the current `Run`. Two visitors over one model therefore never meet.

A hook that no boundary can honour does not exist; `ABSENT` says why.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

from torch import Tensor, nn

from prisma_engine.hooks import HookPoint
from prisma_engine.vlm.attending import watch
from prisma_engine.vlm.config import DecoderConfig

ABSENT = {
    "blocks.*.hook_resid_mid": "the stream between attention and MLP is no boundary of a module, so an edit there "
    "could not reach it; use hook_attn_out, or hook_resid_pre and hook_resid_post",
    "blocks.*.attn.hook_rot_q": "queries after the rotary embedding meet no boundary; use attn.hook_q, which is before",
    "blocks.*.attn.hook_rot_k": "keys after the rotary embedding lie in the KV cache; use attn.hook_k, which is before",
    "blocks.*.attn.hook_result": "heads are summed inside one linear map; use attn.hook_z, which is before it",
    "hook_pos_embed": "positions are rotations of queries and keys, not something added to the stream",
    "blocks.*.ln*": "norms have no boundary inside; the stream that they read is hook_resid_pre",
    "vision.*": "either the vision tower is read before it, or there is none",
    "hook_logits": "logits are only computed for the tokens that are asked for; edit ln_final.hook_normalized",
}
"""Names that people look for → why a decoder of transformers does not have them."""


class AttentionPoints(nn.Module):
    """`hook_q`, `hook_k` before the rotary embedding; `hook_k` and `hook_v` have the heads of keys and values.

    `hook_attn_scores` and `hook_pattern` also see the keys of earlier passes, which lie in the KV cache.
    """

    def __init__(self) -> None:
        super().__init__()
        self.hook_q = point_of_tokens("batch token head d_head")
        self.hook_k = point_of_tokens("batch token head d_head")
        self.hook_v = point_of_tokens("batch token head d_head")
        self.hook_attn_scores = point_of_tokens("batch head query key")
        self.hook_pattern = point_of_tokens("batch head query key")
        self.hook_z = point_of_tokens("batch token head d_head")


class MLPPoints(nn.Module):
    """post = activation(pre) · pre_linear: `hook_pre` is the gate's."""

    def __init__(self) -> None:
        super().__init__()
        self.hook_pre = point_of_tokens("batch token d_mlp")
        self.hook_pre_linear = point_of_tokens("batch token d_mlp")
        self.hook_post = point_of_tokens("batch token d_mlp")


class BlockPoints(nn.Module):
    """resid_post = resid_pre + attn_out + mlp_out: exactly what is added, after a norm where one follows (Gemma 2)."""

    def __init__(self) -> None:
        super().__init__()
        self.hook_resid_pre = point_of_tokens("batch token d_model")
        self.attn = AttentionPoints()
        self.hook_attn_out = point_of_tokens("batch token d_model")
        self.mlp = MLPPoints()
        self.hook_mlp_out = point_of_tokens("batch token d_model")
        self.hook_resid_post = point_of_tokens("batch token d_model")


class NormPoints(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hook_normalized = point_of_tokens("batch token d_model")


def point_of_tokens(axes: str) -> HookPoint:
    """A hook point of a decoder, whose tokens are those of the sequence."""
    point = HookPoint(axes)
    point.n_prefix = None
    return point


class Stopped(Exception):
    """Ends a forward pass before a layer, with the residual stream that would have entered it."""

    def __init__(self, resid: Tensor) -> None:
        super().__init__("the pass ended early, as it was asked to")
        self.resid = resid


stop_before: ContextVar[nn.Module | None] = ContextVar("stop_before", default=None)
"""The module before which this thread's (or task's) pass ends."""


def open_doors(decoder: Any, config: DecoderConfig, blocks: nn.ModuleList, embed: HookPoint, final: NormPoints) -> None:
    """Connect hook points with the module boundaries of a decoder (a `LlamaModel`, a `GemmaModel` …).

    Raises:
        AttributeError: if the decoder lacks one of the modules; it is then of no known family.
    """
    _entering(decoder, embed, "inputs_embeds")
    for layer, points in zip(decoder.layers, blocks, strict=True):
        _open_block(layer, points, config)
    decoder.norm.register_forward_pre_hook(_stopping, with_kwargs=True)
    _leaving(decoder.norm, final.hook_normalized)


def _open_block(layer: Any, points: Any, config: DecoderConfig) -> None:
    # Gemma 2 has norms after its sublayers; what is added to the stream is their output
    normed = config.family == "gemma2"
    attention, mlp = layer.self_attn, layer.mlp
    layer.register_forward_pre_hook(_stopping, with_kwargs=True)
    _entering(layer, points.hook_resid_pre)
    _leaving(attention.q_proj, points.attn.hook_q, config.d_head)
    _leaving(attention.k_proj, points.attn.hook_k, config.d_head)
    _leaving(attention.v_proj, points.attn.hook_v, config.d_head)
    watch(attention, points.attn)
    _entering(attention.o_proj, points.attn.hook_z, d_head=config.d_head)
    _leaving(layer.post_attention_layernorm if normed else attention, points.hook_attn_out)
    _leaving(mlp.gate_proj, points.mlp.hook_pre)
    _leaving(mlp.up_proj, points.mlp.hook_pre_linear)
    _entering(mlp.down_proj, points.mlp.hook_post)
    _leaving(layer.post_feedforward_layernorm if normed else mlp, points.hook_mlp_out)
    _leaving(layer, points.hook_resid_post)


def _entering(module: nn.Module, point: HookPoint, name: str = "hidden_states", d_head: int | None = None) -> None:
    """Let a point see what a module is given: its first argument, or the one of this name."""

    def hook(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any] | None:
        if not point.wanted:
            return None
        if args:
            return (_visited(point, args[0], d_head), *args[1:]), kwargs
        return args, kwargs | {name: _visited(point, kwargs[name], d_head)}

    module.register_forward_pre_hook(hook, with_kwargs=True)


def _leaving(module: nn.Module, point: HookPoint, d_head: int | None = None) -> None:
    """Let a point see what a module returns, or the first of several things."""

    def hook(_: nn.Module, args: Any, out: Any) -> Any:
        if not point.wanted:
            return None
        if isinstance(out, tuple):
            return (_visited(point, out[0], d_head), *out[1:])
        return _visited(point, out, d_head)

    module.register_forward_hook(hook)


def _visited(point: HookPoint, x: Tensor, d_head: int | None) -> Tensor:
    return point(x) if d_head is None else point(x.unflatten(-1, (-1, d_head))).flatten(-2)


def _stopping(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if stop_before.get() is module:
        raise Stopped(args[0] if args else kwargs["hidden_states"])
