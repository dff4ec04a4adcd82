"""The shape of one vision transformer: every field is read by the forward pass, none is a training option."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from prisma_engine.plain import from_plain, to_plain

Activation = Literal["gelu", "gelu_tanh", "gelu_fast", "quick_gelu", "silu", "relu"]
HeadKind = Literal["linear", "two_head", "zero_shot", "attention_pool", "cls_mean", "identity"]
Pool = Literal["token", "mean"]

COUNTS = ("n_layers", "n_heads", "d_model", "d_head", "n_classes", "n_channels", "n_frames", "tubelet")
CHOICES: dict[str, tuple[str, ...]] = {
    "activation": ("gelu", "gelu_tanh", "gelu_fast", "quick_gelu", "silu", "relu"),
    "head": ("linear", "two_head", "zero_shot", "attention_pool", "cls_mean", "identity"),
    "pool": ("token", "mean"),
    "attention_direction": ("bidirectional", "causal"),
}


@dataclass(frozen=True)
class ViTConfig:
    """A vision transformer as a handful of orthogonal choices.

    Sizes are in elements, images in pixels as (height, width). A *patch* is a token that came from
    pixels; *prefix tokens* are learned and come before the patches.

    Raises:
        ValueError: if a choice is unknown or two sizes contradict each other; the sentence says which.
    """

    image_size: tuple[int, int]
    """Height and width of the input in pixels."""
    patch_size: tuple[int, int]
    """Height and width of one patch in pixels."""
    n_layers: int
    n_heads: int
    d_model: int
    d_head: int
    d_mlp: int
    """Width of the hidden layer of each MLP (of one half of it, when gated); 0 when attention-only."""
    n_classes: int
    """Length of the logit vector."""
    n_channels: int = 3
    n_frames: int = 1
    """Frames of one input; more than 1 makes the input a video [batch frame channel height width]."""
    tubelet: int = 1
    """Frames that one patch spans (video only)."""
    prefix: tuple[str, ...] = ("CLS",)
    """Names of the prefix tokens in order, such as ("CLS", "DIST") or ("CLS", "REG1", "REG2")."""
    pre_norm: bool = False
    """A LayerNorm between the embedding and the first block (CLIP)."""
    block_norm: bool = True
    """A LayerNorm before each attention and each MLP; without it, they read the stream as it is."""
    final_norm: bool = True
    """A LayerNorm between the last block and the head."""
    layer_scale: bool = False
    """Each sublayer's output is multiplied by a learned vector before it joins the stream (DINOv2)."""
    activation: Activation = "gelu"
    gated_mlp: bool = False
    """SwiGLU-like MLP: activation(pre) * pre_linear (DINOv2 giant)."""
    attn_only: bool = False
    """No MLPs."""
    attention_direction: Literal["bidirectional", "causal"] = "bidirectional"
    """Causal: in raster order, a token reads itself and what came before it."""
    qkv_bias: bool = True
    out_bias: bool = True
    """Whether the attention output projection and the MLP have biases."""
    embed_bias: bool = True
    eps: float = 1e-6
    """Added to the variance in every LayerNorm."""
    pool: Pool = "token"
    """What the head reads: the first prefix token, or the mean over patches."""
    pool_before_norm: bool = False
    """Average the patches first and normalise the mean (timm's `fc_norm`)."""
    head: HeadKind = "linear"
    head_bias: bool = True
    d_projection: int = 0
    """Width of the joint image–text space (`zero_shot`)."""

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(allowed)}")
        for name in COUNTS:
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected a whole number of at least 1")
        self._check_image()
        self._check_head()

    def _check_image(self) -> None:
        for axis, (pixels, patch) in enumerate(zip(self.image_size, self.patch_size, strict=True)):
            if patch <= 0 or pixels < patch:
                side = ("height", "width")[axis]
                raise ValueError(f"a patch of {patch} px does not fit an image {side} of {pixels} px")
        if self.n_frames % self.tubelet:
            raise ValueError(f"{self.n_frames} frames do not divide into tubelets of {self.tubelet}")

    def _check_head(self) -> None:
        if self.d_mlp < 1 and not (self.attn_only and self.head != "attention_pool"):
            raise ValueError(f"d_mlp is {self.d_mlp}; an MLP needs a width of at least 1")
        if self.head == "identity" and self.n_classes != self.d_model:
            raise ValueError(f"head='identity' gives {self.d_model} features, not n_classes={self.n_classes}")
        if self.head == "two_head" and self.n_prefix < 2:
            raise ValueError("head='two_head' reads two prefix tokens, CLS and DIST")
        if self.head == "zero_shot" and self.d_projection < 1:
            raise ValueError("head='zero_shot' needs d_projection, the width of the joint space")
        reads_first = self.pool == "token" and self.head not in ("attention_pool", "cls_mean")
        if reads_first and self.attention_direction == "causal":
            raise ValueError("in a causal model the first token sees no patch, so no head can read it; use pool='mean'")
        if reads_first and not self.prefix:
            raise ValueError("pool='token' reads the first prefix token, but there is none; use pool='mean'")

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches. A remainder of pixels at the right and bottom edge is not read."""
        return self.image_size[0] // self.patch_size[0], self.image_size[1] // self.patch_size[1]

    @property
    def n_prefix(self) -> int:
        return len(self.prefix)

    @property
    def n_patches(self) -> int:
        """Patches of one input: rows × columns, times frames / tubelet for a video."""
        return self.grid[0] * self.grid[1] * (self.n_frames // self.tubelet)

    @property
    def n_tokens(self) -> int:
        return self.n_prefix + self.n_patches

    @property
    def is_video(self) -> bool:
        return self.n_frames > 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` is its inverse."""
        return to_plain(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ViTConfig:
        """Read what `to_dict` wrote; an unknown or missing field is an error that names it."""
        return from_plain(cls, values, "the model's config")
