"""HookedViT: a vision transformer in which every intermediate has a name.

Reading order is the order of the forward pass: embedding, blocks (attention, MLP), final norm, head. The
arithmetic is the original library's, operation for operation; hook points are identities in between.
Shapes: `batch`, `token` (prefix tokens first, then patches in raster order), `head`, `d_model`, `d_head`, `d_mlp`.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from prisma_engine.config import ViTConfig
from prisma_engine.heads import ACTIVATIONS, build_head
from prisma_engine.hooks import HookPoint
from prisma_engine.running import HookedModule

Resid = Float[Tensor, "batch token d_model"]
HeadRows = Float[Tensor, "batch token head d_head"]


class LayerNorm(nn.LayerNorm):
    """LayerNorm that shows its divisor: `hook_scale` is √(variance + eps), `hook_normalized` the whole output."""

    def __init__(self, d_model: int, eps: float) -> None:
        super().__init__(d_model, eps=eps)
        self.hook_scale = HookPoint("batch token 1")
        self.hook_normalized = HookPoint("batch token d_model")

    def forward(self, x: Resid) -> Resid:
        if not self.hook_scale.wanted:
            return self.hook_normalized(super().forward(x))
        out, mean, rstd = torch.native_layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        scale = rstd.reciprocal()
        if x.requires_grad:  # torch's mean and rstd carry no gradient
            mean = x.mean(-1, keepdim=True)
            scale = (x.var(-1, correction=0, keepdim=True) + self.eps).sqrt()
        edited = self.hook_scale(scale)
        if edited is not scale:
            out = (x - mean) / edited * self.weight + self.bias
        return self.hook_normalized(out)


class LayerScale(nn.Module):
    """A learned factor for each dimension of a sublayer's output (Touvron et al. 2021, CaiT)."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(d_model))

    def forward(self, x: Resid) -> Resid:
        return x * self.gamma


class Attention(nn.Module):
    """Multi-head self-attention: q, k, v → attn_scores → pattern → z → result, summed over heads.

    Fused attention runs unless somebody asks for the scores or the pattern of this layer. `result` (what each
    head writes, before LayerScale and without `b_O`) is split by head only when it is asked for.
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.n_heads, self.d_head = config.n_heads, config.d_head
        self.is_causal = config.attention_direction == "causal"
        self.qkv = nn.Linear(config.d_model, 3 * config.n_heads * config.d_head, bias=config.qkv_bias)
        self.proj = nn.Linear(config.n_heads * config.d_head, config.d_model, bias=config.out_bias)
        self.hook_q = HookPoint("batch token head d_head")
        self.hook_k = HookPoint("batch token head d_head")
        self.hook_v = HookPoint("batch token head d_head")
        self.hook_attn_scores = HookPoint("batch head query key")
        self.hook_pattern = HookPoint("batch head query key")
        self.hook_z = HookPoint("batch token head d_head")
        self.hook_result = HookPoint("batch token head d_model")

    def forward(self, x: Resid) -> Resid:
        return self.write(self.attend(*self.project(x)))

    def project(self, x: Resid) -> tuple[HeadRows, HeadRows, HeadRows]:
        """Queries, keys and values, token by token."""
        q, k, v = self.qkv(x).unflatten(-1, (3, self.n_heads, self.d_head)).unbind(2)
        return self.hook_q(q), self.hook_k(k), self.hook_v(v)

    def attend(
        self, q: HeadRows, k: HeadRows, v: HeadRows, query: Int[Tensor, "batch query"] | None = None
    ) -> HeadRows:
        """What each head reads: a mean of the values, by how well the keys fit the query.

        `query` says which tokens the queries belong to, where they are not all tokens in order.
        """
        explicit = self.hook_attn_scores.wanted or self.hook_pattern.wanted
        attend = self._explicit_attention if explicit else self._fused_attention
        return attend(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), query).transpose(1, 2)

    def _fused_attention(self, q: Tensor, k: Tensor, v: Tensor, query: Tensor | None) -> Tensor:
        if self.is_causal and query is not None:
            return F.scaled_dot_product_attention(q, k, v, attn_mask=~self._future(k, query))
        return F.scaled_dot_product_attention(q, k, v, is_causal=self.is_causal)

    def _explicit_attention(self, q: Tensor, k: Tensor, v: Tensor, query: Tensor | None) -> Tensor:
        scores = (q * self.d_head**-0.5) @ k.transpose(-2, -1)
        if self.is_causal:
            scores = scores.masked_fill(self._future(k, query), -math.inf)
        return self.hook_pattern(self.hook_attn_scores(scores).softmax(dim=-1)) @ v

    def _future(self, k: Tensor, query: Tensor | None) -> Bool[Tensor, "batch 1 query key"]:
        """Which keys come after each query."""
        key = torch.arange(k.shape[-2], device=k.device)
        return key > (key[None] if query is None else query)[:, None, :, None]

    def write(self, z: HeadRows) -> Resid:
        """What the heads add to the stream together, `b_O` included, token by token."""
        z = self.hook_z(z)
        out = self.proj(z.flatten(2))
        if self.hook_result.wanted:
            result = self.result(z)
            edited = self.hook_result(result)
            if edited is not result:
                out = edited.sum(2) + (0 if self.proj.bias is None else self.proj.bias)
        return out

    def result(self, z: HeadRows) -> Float[Tensor, "batch token head d_model"]:
        """What each head adds to the stream: z @ W_O, head by head, without `b_O`."""
        by_head = z.flatten(0, 1).transpose(0, 1) @ self.W_O  # [head batch·token d_model]
        return by_head.transpose(0, 1).unflatten(0, z.shape[:2])

    def _split(self, which: int) -> Float[Tensor, "head d_model d_head"]:
        weight = self.qkv.weight.view(3, self.n_heads, self.d_head, -1)
        return weight[which].transpose(1, 2)

    def _split_bias(self, which: int) -> Float[Tensor, "head d_head"] | None:
        return None if self.qkv.bias is None else self.qkv.bias.view(3, self.n_heads, self.d_head)[which]

    W_Q = property(lambda self: self._split(0), doc="Query weights, a view: [head d_model d_head].")
    W_K = property(lambda self: self._split(1), doc="Key weights, a view: [head d_model d_head].")
    W_V = property(lambda self: self._split(2), doc="Value weights, a view: [head d_model d_head].")
    b_Q = property(lambda self: self._split_bias(0), doc="Query biases, a view: [head d_head], or None.")
    b_K = property(lambda self: self._split_bias(1), doc="Key biases, a view: [head d_head], or None.")
    b_V = property(lambda self: self._split_bias(2), doc="Value biases, a view: [head d_head], or None.")
    b_O = property(lambda self: self.proj.bias, doc="Output bias: [d_model], or None.")

    @property
    def W_O(self) -> Float[Tensor, "head d_head d_model"]:
        """Output weights, a view."""
        return self.proj.weight.view(-1, self.n_heads, self.d_head).permute(1, 2, 0)


class MLP(nn.Module):
    """pre = x·W_in; post = activation(pre), times a second linear map when gated; out = post·W_out."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        width = config.d_mlp * (2 if config.gated_mlp else 1)  # gated: the gate's half first
        self.fc1 = nn.Linear(config.d_model, width, bias=config.out_bias)
        self.act = ACTIVATIONS[config.activation]()
        self.fc2 = nn.Linear(config.d_mlp, config.d_model, bias=config.out_bias)
        self.hook_pre = HookPoint("batch token d_mlp")
        if config.gated_mlp:
            self.hook_pre_linear = HookPoint("batch token d_mlp")
        self.gated = config.gated_mlp
        self.hook_post = HookPoint("batch token d_mlp")

    def forward(self, x: Resid) -> Resid:
        if not self.gated:
            return self.fc2(self.hook_post(self.act(self.hook_pre(self.fc1(x)))))
        pre, pre_linear = self.fc1(x).chunk(2, dim=-1)
        return self.fc2(self.hook_post(self.act(self.hook_pre(pre)) * self.hook_pre_linear(pre_linear)))

    W_in = property(lambda self: self.fc1.weight.T, doc="A view: [d_model d_mlp] (gated: gate then linear).")
    W_out = property(lambda self: self.fc2.weight.T, doc="A view: [d_mlp d_model].")
    b_in = property(lambda self: self.fc1.bias, doc="[d_mlp], or None.")
    b_out = property(lambda self: self.fc2.bias, doc="[d_model], or None.")


class Block(nn.Module):
    """resid_mid = resid_pre + attn_out; resid_post = resid_mid + mlp_out."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.hook_resid_pre = HookPoint("batch token d_model")
        self.ln1 = LayerNorm(config.d_model, config.eps) if config.block_norm else nn.Identity()
        self.attn = Attention(config)
        self.ls1 = LayerScale(config.d_model) if config.layer_scale else nn.Identity()
        self.hook_attn_out = HookPoint("batch token d_model")
        self.has_mlp = not config.attn_only
        if self.has_mlp:
            self.hook_resid_mid = HookPoint("batch token d_model")
            self.ln2 = LayerNorm(config.d_model, config.eps) if config.block_norm else nn.Identity()
            self.mlp = MLP(config)
            self.ls2 = LayerScale(config.d_model) if config.layer_scale else nn.Identity()
            self.hook_mlp_out = HookPoint("batch token d_model")
        self.hook_resid_post = HookPoint("batch token d_model")

    def forward(self, x: Resid) -> Resid:
        x = self.hook_resid_pre(x)
        return self.after_attention(x, self.attn(self.ln1(x)))

    def after_attention(self, x: Resid, written: Resid) -> Resid:
        """The block from where its heads have written: token by token, since only attention mixes tokens."""
        x = x + self.hook_attn_out(self.ls1(written))
        if self.has_mlp:
            x = self.hook_resid_mid(x)
            x = x + self.hook_mlp_out(self.ls2(self.mlp(self.ln2(x))))
        return self.hook_resid_post(x)


class Embedding(nn.Module):
    """Pixels → patches (a strided convolution; of tubelets for a video) → prefix tokens in front → positions."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        d, patch = config.d_model, tuple(config.patch_size)
        kernel = (config.tubelet, *patch) if config.is_video else patch
        conv = nn.Conv3d if config.is_video else nn.Conv2d
        self.proj = conv(config.n_channels, d, kernel, stride=kernel, bias=config.embed_bias)  # type: ignore[arg-type]
        self.is_video = config.is_video
        self.prefix_tokens = nn.Parameter(torch.zeros(1, config.n_prefix, d)) if config.n_prefix else None
        # Tokens that have no position in the original (registers) have a row of zeros here.
        self.pos_embed = nn.Parameter(torch.zeros(1, config.n_tokens, d))

    def patches(self, x: Tensor) -> Float[Tensor, "batch patch d_model"]:
        if self.is_video:
            x = x.transpose(1, 2)  # [batch frame channel …] → [batch channel frame …]
        return self.proj(x).flatten(2).transpose(1, 2)

    def with_prefix(self, patches: Float[Tensor, "batch patch d_model"]) -> Resid:
        if self.prefix_tokens is None:
            return patches
        return torch.cat([self.prefix_tokens.expand(patches.shape[0], -1, -1), patches], dim=1)


class HookedViT(HookedModule):
    """A vision transformer with named, editable intermediates; the methods that run it are in `HookedModule`.

    Attributes:
        config: its shape.
        name, revision: where its weights came from, for links and cards.
        preprocess: PIL image → input tensor, as the checkpoint expects; None for a model without images of its own.
        vocabulary: class names, emoji and colours, or None.
        text_tower: CLIP's other half, for zero-shot classes (`prisma_engine.convert.with_classes`), or None.
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = Embedding(config)
        self.hook_embed = HookPoint("batch patch d_model")
        self.hook_pos_embed = HookPoint("batch token d_model")
        self.hook_full_embed = HookPoint("batch token d_model")
        if config.pre_norm:
            self.ln_pre = LayerNorm(config.d_model, config.eps)
            self.hook_ln_pre = HookPoint("batch token d_model")
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        if config.final_norm:
            self.ln_final = LayerNorm(config.d_model, config.eps)
            self.hook_ln_final = HookPoint("batch token d_model")
        self.head = build_head(config)
        self.hook_logits = HookPoint("batch class")
        self._name_hook_points()

    def stream(self, x: Tensor) -> Resid:
        """The residual stream as it enters the first block."""
        patches = self.hook_embed(self.embed.patches(x))
        pos = self.embed.pos_embed
        if self.hook_pos_embed.wanted:
            pos = self.hook_pos_embed(pos.expand(x.shape[0], -1, -1).clone())  # a copy: nobody edits the weights
        resid = self.hook_full_embed(self.embed.with_prefix(patches) + pos)
        return self.hook_ln_pre(self.ln_pre(resid)) if self.config.pre_norm else resid

    def through_blocks(self, resid: Resid, start: int = 0, stop: int | None = None) -> Resid:
        """The residual stream after blocks `start` … `stop - 1`."""
        for block in self.blocks[start:stop]:
            resid = block(resid)
        return resid

    def normalize(self, resid: Resid) -> Resid:
        """The final norm (the identity where the architecture has none)."""
        return self.hook_ln_final(self.ln_final(resid)) if self.config.final_norm else resid

    def read_out(self, resid: Resid) -> Float[Tensor, "batch class"]:
        """Final norm, pooling and head: the residual stream after the last block → logits."""
        if self.config.pool_before_norm:
            resid = resid[:, self.patch_slice].mean(1, keepdim=True)
        return self.hook_logits(self.head(self.normalize(resid)))

    def unembed(self, resid: Float[Tensor, "*any token d_model"]) -> Float[Tensor, "*any token class"]:
        """Read every token as if it were the one that the head reads: the logit lens' last step."""
        return self.head.read(self.ln_final(resid) if self.config.final_norm else resid)

    def forward(self, x: Tensor, stop_at_layer: int | None = None) -> Float[Tensor, "batch class"] | Resid:
        """Input tensor → logits; with `stop_at_layer`, the residual stream entering that layer instead."""
        self._check_input(x)
        resid = self.through_blocks(self.stream(x), stop=stop_at_layer)
        return self.read_out(resid) if stop_at_layer is None else resid

    def _check_input(self, x: Tensor) -> None:
        c = self.config
        expected = (c.n_frames,) * c.is_video + (c.n_channels, *c.image_size)
        if tuple(x.shape[1:]) != expected:
            size = "×".join(str(n) for n in c.image_size)
            got = "×".join(str(n) for n in x.shape[-2:])
            advice = "use model.preprocess(image)"
            if tuple(x.shape[-2:]) != tuple(c.image_size):
                raise ValueError(f"{self.name} expects {size} images, got {got}; {advice}")
            raise ValueError(
                f"{self.name} expects [batch, {', '.join(map(str, expected))}], got {tuple(x.shape)}; {advice}"
            )
