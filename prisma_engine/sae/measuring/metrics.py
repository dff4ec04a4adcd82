"""What a reconstruction is worth: formulas on one batch, and accumulators that add batches up in float64."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

LEAST_DENOMINATOR = 0.1
"""Nats between ablated and original cross-entropy under which a share recovered says nothing."""


def explained_variance(x: Float[Tensor, "token d"], recon: Float[Tensor, "token d"]) -> Float[Tensor, ""]:
    """Fraction of variance the reconstruction explains: 1 is perfect, 0 is no better than the mean.

    Error and deviation from the mean are each squared and summed over tokens and dimensions; negative when worse
    than the mean.

    Raises:
        ValueError: if x is constant over tokens, where the quantity is undefined.
    """
    total = (x - x.mean(0)).pow(2).sum()
    if float(total) == 0:
        raise ValueError("explained variance is not defined: the activation is the same at every token")
    return 1 - (x - recon).pow(2).sum() / total


def cosine_per_token(x: Float[Tensor, "token d"], recon: Float[Tensor, "token d"]) -> Float[Tensor, " token"]:
    """Cosine of each token's activation with its reconstruction, −1 to 1; 0 where either is 0."""
    return F.cosine_similarity(x, recon, dim=1)


def kl_divergence(logits: Float[Tensor, "image class"], other: Float[Tensor, "image class"]) -> Float[Tensor, " image"]:
    """KL(p ‖ q) in nats of the answers p of `logits` from the answers q of `other`; 0 where they are the same."""
    p, q = logits.log_softmax(-1), other.log_softmax(-1)
    return (p.exp() * (p - q)).sum(-1)


def recovered(original: float, spliced: float, ablated: float) -> float | None:
    """Share of the loss that ablation adds which the reconstruction saves: (ablated − spliced) / (ablated − original).

    1 is as good as the original, 0 no better than zeros; above 1 where splicing lowers the loss. None, "not
    meaningful", where ablation adds less than `LEAST_DENOMINATOR` nats.
    """
    return (ablated - spliced) / (ablated - original) if ablated - original >= LEAST_DENOMINATOR else None


class _Explained:
    """Explained variance over everything added."""

    def __init__(self) -> None:
        self.n, self.squares, self.error = 0, 0.0, 0.0
        self.sum: Any = torch.zeros(())

    def add(self, x: Float[Tensor, "token d"], error: Float[Tensor, " token"]) -> None:
        self.n += len(x)
        self.squares += float(x.pow(2).sum())
        self.error += float(error.sum())
        self.sum = self.sum + x.sum(0)

    def result(self) -> float:
        variance = self.squares - float(self.sum.pow(2).sum()) / max(1, self.n)
        if variance <= 0:
            raise ValueError("explained variance is not defined: the activation is the same at every token")
        return 1 - self.error / variance


class Reconstruction:
    """How close reconstructions are, over all tokens added."""

    LONG = 3.0
    """A token longer than this many times its batch's median length is no usual one."""

    def __init__(self) -> None:
        self.every, self.usual = _Explained(), _Explained()
        self.cosine = self.share = 0.0
        self.products: Any = torch.zeros(3, 1)

    def add(self, x: Float[Tensor, "token d"], recon: Float[Tensor, "token d"]) -> None:
        """Count one batch."""
        self.cosine += float(cosine_per_token(x, recon).sum())
        x, recon = x.double(), recon.double()
        error = (x - recon).pow(2).sum(1)
        length = x.norm(dim=1)
        usual = length <= self.LONG * length.median()
        self.every.add(x, error)
        self.usual.add(x[usual], error[usual])
        self.products = self.products + torch.stack([(x * recon).sum(0), x.pow(2).sum(0), recon.pow(2).sum(0)])
        deviation = (x - x.mean(0)).pow(2).sum(1)
        self.share += float((1 - error / deviation.clamp(min=1e-12)).sum())

    def result(self) -> dict[str, float]:
        """The numbers.

        - `explained_variance`: as the function of that name, over all tokens at once.
        - `explained_variance_usual`: the same without tokens more than `LONG` times as long as the median of their
          batch, `usual_share` being the share that stays. Some vision transformers have a few tokens so long that
          they are nearly all of the variance, and an SAE that has learnt them alone seems to explain everything.
        - `explained_variance_per_token`: mean over tokens of 1 − ‖x − recon‖² / ‖x − batch mean‖², as published
          tables of vision SAEs have it; a few tokens near the mean can pull it far down.
        - `mse`: squared error per token and dimension, in squared units of the activation.
        - `cosine_per_token`: mean over tokens of `cosine_per_token`.
        - `cosine_per_dimension`: mean over dimensions of the cosine between that dimension's values over all tokens
          and their reconstruction, which is what published tables call cosine similarity.

        Raises:
            ValueError: if nothing was added, or the activation is constant.
        """
        n, (dot, xx, rr) = self.every.n, self.products
        return {
            "explained_variance": self.every.result(),
            "explained_variance_usual": self.usual.result(),
            "usual_share": self.usual.n / n,
            "explained_variance_per_token": self.share / n,
            "mse": self.every.error / n / len(dot),
            "cosine_per_token": self.cosine / n,
            "cosine_per_dimension": float((dot / (xx * rr).sqrt().clamp(min=1e-12)).mean()),
        }


class Answers:
    """What becomes of a model's answers: as they are, with the reconstruction spliced in, and with zeros instead."""

    WAYS: tuple[str, ...] = ("original", "spliced", "zero_ablated")

    def __init__(self, logit_scale: float | None = None) -> None:
        self.logit_scale = logit_scale
        self.n = self.labelled = 0
        self.kl = self.same = 0.0
        self.right: dict[str, float] = dict.fromkeys(self.WAYS, 0.0)
        self.nats: dict[str, float] = dict.fromkeys(self.WAYS, 0.0)
        self.nats_unscaled: dict[str, float] = dict.fromkeys(self.WAYS, 0.0)

    def add(self, logits: dict[str, Float[Tensor, "image class"]], labels: Int[Tensor, " image"] | None) -> None:
        """Count one batch: {way: logits}; without a label (-1) only what compares answers with each other."""
        original, spliced = logits["original"].double(), logits["spliced"].double()
        self.n += len(original)
        self.kl += float(kl_divergence(original, spliced).sum())
        self.same += float((original.argmax(1) == spliced.argmax(1)).sum())
        known = labels >= 0 if labels is not None else None
        if labels is None or known is None or not bool(known.any()):
            return
        self.labelled += int(known.sum())
        for way, every in logits.items():
            given, right = every[known].double(), labels[known]
            self.right[way] += float((given.argmax(1) == right).sum())
            self.nats[way] += float(F.cross_entropy(given, right, reduction="sum"))
            unscaled = given / (self.logit_scale or 1.0)
            self.nats_unscaled[way] += float(F.cross_entropy(unscaled, right, reduction="sum"))

    def result(self) -> dict[str, Any]:
        """The numbers; accuracy and cross-entropy are None without labels.

        - `kl`: mean of `kl_divergence(original, spliced)`, nats; `top1_agreement`: share of equal top answers.
        - `accuracy`: share of right top answers each way, and `kept`, spliced / original.
        - `cross_entropy`: mean nats each way with the model's own logits, `recovered` and the raw numerator and
          denominator beside it; `cross_entropy_unscaled` the same without the factor that CLIP multiplies cosines
          by (None for other heads), which published tables leave out.
        """
        compared = {"kl": self.kl / self.n, "top1_agreement": self.same / self.n, "images": self.n}
        if not self.labelled:
            return compared | {"accuracy": None, "cross_entropy": None, "cross_entropy_unscaled": None}
        accuracy: dict[str, float | int | None] = {way: self.right[way] / self.labelled for way in self.WAYS}
        kept = self.right["spliced"] / self.right["original"] if self.right["original"] else None
        return compared | {
            "accuracy": accuracy | {"kept": kept, "images": self.labelled},
            "cross_entropy": self._entropy(self.nats),
            "cross_entropy_unscaled": self._entropy(self.nats_unscaled) if self.logit_scale else None,
        }

    def _entropy(self, nats: dict[str, float]) -> dict[str, Any]:
        mean = {way: nats[way] / self.labelled for way in self.WAYS}
        share = recovered(*(mean[way] for way in self.WAYS))
        return mean | {
            "recovered": "not meaningful" if share is None else share,
            "saved": mean["zero_ablated"] - mean["spliced"],
            "added_by_ablation": mean["zero_ablated"] - mean["original"],
        }


class Usage:
    """Which latents are used, how often and how strongly."""

    DENSE = 0.1
    """A latent that is active at more than this share of tokens is dense."""

    def __init__(self, d_sae: int, n_prefix: int) -> None:
        self.n_prefix, self.tokens, self.images = n_prefix, 0, 0
        self.counts, self.sums = torch.zeros(d_sae, dtype=torch.double), torch.zeros(d_sae, dtype=torch.double)
        self.largest = torch.zeros(d_sae)
        self.l0 = {"all": [0.0, 0], "cls": [0.0, 0], "patches": [0.0, 0], "per_image": [0.0, 0]}

    def add(self, acts: Float[Tensor, "image token latent"], first: int = 0) -> None:
        """Count one batch of images, whose tokens start at index `first` of the model's."""
        active = acts > 0
        by_token = active.sum(-1, dtype=torch.double)
        patches = max(0, self.n_prefix - first)
        groups = {"all": by_token, "patches": by_token[:, patches:], "per_image": active.any(1).sum(-1).double()}
        groups |= {"cls": by_token[:, :1]} if first == 0 and self.n_prefix else {}
        for name, group in groups.items():
            self.l0[name][0] += float(group.sum())
            self.l0[name][1] += group.numel()
        self.tokens += by_token.numel()
        self.images += len(acts)
        self.counts += active.sum((0, 1))
        self.sums += acts.double().sum((0, 1))
        self.largest = torch.maximum(self.largest, acts.amax((0, 1)))

    @property
    def frequency(self) -> Float[Tensor, " latent"]:
        """Share of tokens at which each latent is active."""
        return self.counts / max(1, self.tokens)

    @property
    def typical(self) -> Float[Tensor, " latent"]:
        """Mean activation of each latent where it is active; 0 for one that never is."""
        return self.sums / self.counts.clamp(min=1)

    def result(self) -> dict[str, Any]:
        """The numbers.

        - `l0`: active latents a token over all tokens, CLS tokens, patches (None where there are none), and
          `per_image`: different latents that are active anywhere in an image; means.
        - `alive_share`: latents that were active at least once; `dense_share`: at more than a tenth of tokens.
        - `frequency`: histogram of log10(share of tokens) of living latents; bin i holds [edges[i], edges[i+1]).
        """
        alive = self.counts > 0
        logs = self.frequency[alive].log10()
        low = min(-1, math.floor(float(logs.min()))) if bool(alive.any()) else -1
        edges = torch.linspace(low, 0, 4 * -low + 1, dtype=torch.double)
        bins = torch.bucketize(logs, edges, right=True).clamp(1, len(edges) - 1) - 1
        return {
            "l0": {name: total / n if n else None for name, (total, n) in self.l0.items()},
            "alive_share": float(alive.double().mean()),
            "dense_share": float((self.frequency > self.DENSE).double().mean()),
            "frequency": {
                "log10_edges": edges.tolist(),
                "latents": bins.bincount(minlength=len(edges) - 1).tolist(),
            },
        }


def duplicates(W_dec: Float[Tensor, "latent d_out"], rows: int = 2048) -> Float[Tensor, " latent"]:
    """Cosine of each latent's decoder row with that of its nearest other latent; near 1 means that two do one job."""
    unit = F.normalize(W_dec, dim=1)
    nearest = []
    for part in torch.arange(len(unit)).split(rows):
        cosine = unit[part] @ unit.T
        cosine[torch.arange(len(part)), part] = -1
        nearest.append(cosine.amax(1))
    return torch.cat(nearest)
