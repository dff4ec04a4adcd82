"""The logit lens: read the residual stream at every point through the final norm and the classification head.

After nostalgebraist (2020), "interpreting GPT: the logit lens", applied to every patch of a vision
transformer. What it says of a patch is what the head *would* answer if it read that patch there; it does not
show that the model uses it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prisma_engine.cache import resid_points
from prisma_engine.vit import HookedViT


@dataclass(frozen=True)
class TopClasses:
    """The k most likely classes at every point and token.

    Attributes:
        index: class indices, best first.
        logit: their logits.
        log_normalizer: log Σ exp(logit) over all classes, so that probability = exp(logit - log_normalizer).
    """

    index: Int[Tensor, "layer batch token k"]
    logit: Float[Tensor, "layer batch token k"]
    log_normalizer: Float[Tensor, "layer batch token"]

    @property
    def probability(self) -> Float[Tensor, "layer batch token k"]:
        """Softmax probabilities over all classes, not over the k."""
        return (self.logit - self.log_normalizer[..., None]).exp()


@dataclass(frozen=True)
class LogitLens:
    """Logits at every point of the residual stream.

    Attributes:
        logits: in the head's own units.
        labels: of the points: `0_pre`, `0_mid`, `1_pre`, …, `final`.
        answer: the model's own logits for the whole image.
        n_prefix: how many tokens precede the patches.
    """

    logits: Float[Tensor, "layer batch token class"]
    labels: tuple[str, ...]
    answer: Float[Tensor, "batch class"]
    n_prefix: int

    def top(self, k: int = 5) -> TopClasses:
        """The k most likely classes, with the normaliser that turns logits into probabilities."""
        best = self.logits.topk(min(k, self.logits.shape[-1]), dim=-1)
        return TopClasses(best.indices, best.values, self.logits.logsumexp(-1))

    def rank(self, index: int) -> Int[Tensor, "layer batch token"]:
        """How many classes have a higher logit than class `index`: 0 is the top answer."""
        return (self.logits > self.logits[..., index : index + 1]).sum(-1)

    @property
    def patches(self) -> Float[Tensor, "layer batch patch class"]:
        """The logits of the patches alone."""
        return self.logits[:, :, self.n_prefix :]


@torch.no_grad()
def logit_lens(model: HookedViT, x: Float[Tensor, "batch channel height width"], mid: bool = True) -> LogitLens:
    """Run `model` once and read every token at every point through the final norm and the head.

    Args:
        x: input, as `model.preprocess` gives it.
        mid: also read between attention and MLP of each block.

    Raises:
        ValueError: if the model has no classifier.
    """
    if model.config.head == "identity":
        raise ValueError(f"{model.name} has no classifier, so there is nothing to read its patches with")
    points = resid_points(model, mid)
    resid, cache = model.run_with_cache(x, names=[name for name, _ in points], stop_at_layer=model.config.n_layers)
    stream = torch.stack([cache[name] for name, _ in points])
    labels = tuple(label for _, label in points)
    return LogitLens(model.unembed(stream), labels, model.read_out(resid), model.n_prefix)
