"""Heads: normalised tokens → logits. Each pools (`forward`) and can read one vector as if pooled (`read`)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from prisma_engine.config import ViTConfig

Tokens = Float[Tensor, "batch token d_model"]


class QuickGELU(nn.Module):
    """x · σ(1.702 x), the approximation that OpenAI's CLIP was trained with."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(1.702 * x)


class GELUTanh(nn.GELU):
    def __init__(self) -> None:
        super().__init__(approximate="tanh")


class GELUFast(nn.Module):
    """GELU's tanh approximation in the order of operations that ViViT was trained with; `GELUTanh` rounds otherwise."""

    def forward(self, x: Tensor) -> Tensor:
        return 0.5 * x * (1.0 + torch.tanh(x * 0.7978845608 * (1.0 + 0.044715 * x * x)))


ACTIVATIONS: dict[str, type[nn.Module]] = {
    "gelu": nn.GELU,
    "gelu_tanh": GELUTanh,
    "gelu_fast": GELUFast,
    "quick_gelu": QuickGELU,
    "silu": nn.SiLU,
    "relu": nn.ReLU,
}


class Head(nn.Module):
    """A linear map on one pooled token; the other heads change how they pool or what they do after it.

    Attributes:
        n_read: how many of the first tokens the answer is read from; None where it is read from patches.
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.pool, self.n_prefix = config.pool, config.n_prefix
        self.pooled_already = config.pool_before_norm
        self.n_read: int | None = 1 if config.pool == "token" else None
        self._build(config)

    def _build(self, config: ViTConfig) -> None:
        self.linear = nn.Linear(config.d_model, config.n_classes, bias=config.head_bias)

    def pooled(self, x: Tokens) -> Float[Tensor, "batch d_model"]:
        if self.pool == "mean" and not self.pooled_already:
            return x[:, self.n_prefix :].mean(1)
        return x[:, 0]

    def read(self, x: Float[Tensor, "*any d_model"]) -> Float[Tensor, "*any class"]:
        """Logits of a vector read in the place of the pooled one."""
        return self.linear(x)

    def forward(self, x: Tokens) -> Float[Tensor, "batch class"]:
        return self.read(self.pooled(x))


class IdentityHead(Head):
    """No classifier: the "logits" are the pooled features."""

    def _build(self, config: ViTConfig) -> None:
        pass

    def read(self, x: Float[Tensor, "*any d_model"]) -> Float[Tensor, "*any d_model"]:
        return x


class TwoHead(Head):
    """DeiT distilled: the mean of a classifier on CLS and one on the distillation token.

    A patch is read by both, and the two answers averaged.
    """

    def _build(self, config: ViTConfig) -> None:
        self.n_read = 2
        self.linear = nn.Linear(config.d_model, config.n_classes)
        self.linear_dist = nn.Linear(config.d_model, config.n_classes)

    def read(self, x: Float[Tensor, "*any d_model"]) -> Float[Tensor, "*any class"]:
        return (self.linear(x) + self.linear_dist(x)) / 2

    def forward(self, x: Tokens) -> Float[Tensor, "batch class"]:
        return (self.linear(x[:, 0]) + self.linear_dist(x[:, 1])) / 2


class ClsMeanHead(Head):
    """DINOv2's linear classifier: reads CLS beside the mean over patches; a single token is read as both."""

    def _build(self, config: ViTConfig) -> None:
        self.n_read = None
        self.linear = nn.Linear(2 * config.d_model, config.n_classes)

    def read(self, x: Float[Tensor, "*any d_model"]) -> Float[Tensor, "*any class"]:
        return self.linear(torch.cat([x, x], dim=-1))

    def forward(self, x: Tokens) -> Float[Tensor, "batch class"]:
        return self.linear(torch.cat([x[:, 0], x[:, self.n_prefix :].mean(1)], dim=1))


class ZeroShotHead(Head):
    """CLIP: project into the joint space, normalise, and compare with the text embedding of every class.

    Logits are cosine similarity × the model's own logit scale (100 for the released CLIPs), so that a softmax
    over them is what CLIP means by a probability.
    """

    def _build(self, config: ViTConfig) -> None:
        self.projection = nn.Linear(config.d_model, config.d_projection, bias=False)
        self.text = nn.Parameter(torch.zeros(config.n_classes, config.d_projection))  # unit rows
        self.logit_scale = nn.Parameter(torch.tensor(1.0))  # already exponentiated

    def read(self, x: Float[Tensor, "*any d_model"]) -> Float[Tensor, "*any class"]:
        embedding = self.projection(x.reshape(-1, x.shape[-1]))
        return self.compare(embedding, self.length(embedding)).reshape(*x.shape[:-1], -1)

    def length(self, embedding: Float[Tensor, "vector d_projection"]) -> Float[Tensor, "vector 1"]:
        """What embeddings are divided by: their Euclidean norm."""
        return embedding.pow(2).sum(-1, keepdim=True).pow(0.5)  # as CLIPModel writes the norm, bit for bit

    def compare(self, embedding: Tensor, length: Tensor) -> Float[Tensor, "vector class"]:
        """Logits of embeddings that are divided by `length`."""
        # transposed, as CLIPModel multiplies: the other order rounds differently
        return (self.text @ (embedding / length).T * self.logit_scale).T


class AttentionPoolHead(Head):
    """SigLIP: a learned query attends over all tokens; then an MLP with a residual, then perhaps a classifier.

    A single token is read as a sequence of one, to which the query attends wholly.
    """

    def _build(self, config: ViTConfig) -> None:
        d = config.d_model
        self.n_read = None
        self.n_heads = config.n_heads
        self.probe = nn.Parameter(torch.zeros(1, 1, d))
        self.q, self.kv, self.proj = nn.Linear(d, d), nn.Linear(d, 2 * d), nn.Linear(d, d)
        self.norm = nn.LayerNorm(d, eps=config.eps)
        self.fc1, self.act, self.fc2 = (
            nn.Linear(d, config.d_mlp),
            ACTIVATIONS[config.activation](),
            nn.Linear(config.d_mlp, d),
        )
        classifies = config.n_classes != d or config.head_bias
        self.linear = nn.Linear(d, config.n_classes, bias=config.head_bias) if classifies else nn.Identity()

    def project(self, x: Tokens) -> tuple[Tensor, Tensor, Tensor]:
        """The learned query, and each token's key and value: [batch head token d_head]."""
        q = self.q(self.probe.expand(x.shape[0], -1, -1)).unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
        k, v = self.kv(x).unflatten(-1, (2, self.n_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
        return q, k, v

    def attend(self, x: Tokens) -> Float[Tensor, "batch d_model"]:
        q, k, v = self.project(x)
        z = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        out = self.proj(z)
        return (out + self.mlp(out))[:, 0]

    def mlp(self, x: Tokens) -> Tokens:
        """What the MLP adds to what was attended to."""
        return self.fc2(self.act(self.fc1(self.norm(x))))

    def read(self, x: Float[Tensor, "*any d_model"]) -> Float[Tensor, "*any class"]:
        alone = x.reshape(-1, 1, x.shape[-1])
        return self.linear(self.attend(alone)).view(*x.shape[:-1], -1)

    def forward(self, x: Tokens) -> Float[Tensor, "batch class"]:
        return self.linear(self.attend(x[:, self.n_prefix :]))


HEADS: dict[str, type[Head]] = {
    "linear": Head,
    "two_head": TwoHead,
    "zero_shot": ZeroShotHead,
    "attention_pool": AttentionPoolHead,
    "cls_mean": ClsMeanHead,
    "identity": IdentityHead,
}


def build_head(config: ViTConfig) -> Head:
    """The head that a config names."""
    return HEADS[config.head](config)
