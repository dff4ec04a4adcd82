"""What latents put on the logits directly: their written directions, read through the final norm and the head.

The read-out is the affine one of `prisma_engine.analysis.readout`: the divisor of the final norm (and the length of
CLIP's image embedding) stays what it was in the run. What later layers make of a direction is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from prisma_engine.analysis.metrics import AnyMetric, ClassName, Metric, bound, logit
from prisma_engine.analysis.readout import ReadOut
from prisma_engine.sae.features.feature_map import FeatureMap, feature_map
from prisma_engine.sae.features.start import Start, check_hooks
from prisma_engine.sae.model import SAE
from prisma_engine.sae.probe import probe_images
from prisma_engine.sae.reading import read
from prisma_engine.vit import HookedViT

ADDED = ("hook_resid_pre", "hook_resid_mid", "hook_resid_post", "hook_attn_out", "hook_mlp_out")
"""Hook points of a block whose activation is, or is added to, the residual stream."""
ROWS = 64
"""Directions that are read out at a time."""


@dataclass(frozen=True)
class DirectEffect:
    """What each active latent of one image puts on a metric directly, in the metric's units.

    Attributes:
        effect: of each entry of the feature map: activation × written direction · what the metric reads.
        part: for each token, whether that is a real part of the model's answer, because the head reads the token.
            Elsewhere it is part of what the logit lens reads at the token.
        metric: in words, such as "logit of 3".
    """

    effect: Float[Tensor, " entry"]
    part: Bool[Tensor, " token"]
    metric: str


@torch.no_grad()
def direct_effect(start: Start, metric: ClassName | AnyMetric, features: FeatureMap | None = None) -> DirectEffect:
    """Split what a metric reads of one image by active latents.

    At the last layer, at tokens that the head reads, this is all that latents do. Before, it is their direct part.

    Args:
        metric: a class, or a linear metric such as `pe.logit_diff(a, b)`.
        features: `feature_map(start)`, where that is known.

    Raises:
        ValueError: for a model without a classifier, a metric that is no sum, or an SAE of an activation that is not
            added to the residual stream.
    """
    check_direct(start.sae, start.model)
    features = feature_map(start) if features is None else features
    chosen: AnyMetric = logit(metric) if isinstance(metric, str | int) else metric
    if isinstance(chosen, Metric) and not chosen.is_linear:
        raise ValueError(f"a {chosen.kind} is no sum of contributions; use logit(c) or logit_diff(a, b)")
    direction, part = _read_by(start, chosen)
    token, latent = features.token, features.latents
    rows = start.sae.written(features.acts[:, None] * start.sae.W_dec[latent], start.read[0, token])
    return DirectEffect((rows * direction[token]).sum(1), part, str(chosen))


def check_direct(sae: SAE, model: HookedViT) -> None:
    """Refuse where a direct effect means nothing, in one sentence."""
    check_hooks(sae, model)
    if model.config.head == "identity":
        raise ValueError(f"{model.name} has no classifier, so its latents have no direct effect on a class")
    if sae.config.writes.rpartition(".")[2] not in ADDED:
        raise ValueError(
            f"what is written at {sae.config.writes!r} is not added to the residual stream, so it has no direct "
            "effect on a class"
        )


def _read_by(start: Start, metric: AnyMetric) -> tuple[Float[Tensor, "token d_model"], Bool[Tensor, " token"]]:
    """For each token, the direction that the metric reads there, and whether the head does read it."""
    model, final = start.model, start.run.resid[-1]
    measure = bound(metric, model)
    with torch.enable_grad():
        stream = final.detach().requires_grad_()
        (answer,) = torch.autograd.grad(measure(ReadOut(model, final)(stream)).sum(), stream)
        alone = final[0, :, None].detach().requires_grad_()  # every token as an image of one token
        (lens,) = torch.autograd.grad(measure(ReadOut(model, alone.detach(), 0)(alone)).sum(), alone)
    part = answer[0].abs().sum(1) > 0
    return torch.where(part[:, None], answer[0], lens[:, 0]), part


@dataclass(frozen=True)
class ClassDirections:
    """Logits of every class per unit of the residual stream along each of its dimensions.

    The head's weights through the final norm, with the norm's divisor (for CLIP, and the image embedding's length) as
    it is on average in the five built-in pictures: at the CLS token where the head reads one, otherwise in the mean
    of patches.
    """

    matrix: Float[Tensor, "d_model class"]


@torch.no_grad()
def class_directions(model: HookedViT) -> ClassDirections:
    """What a model's head reads, as one matrix.

    Raises:
        ValueError: for a model without a classifier.
    """
    if model.config.head == "identity":
        raise ValueError(f"{model.name} has no classifier, so nothing is written to a class")
    pictures = model.preprocess([image.numpy() for image in probe_images()])
    stream = model(pictures, stop_at_layer=model.config.n_layers)
    of_head = model.head.n_read is not None
    token = stream[:, :1] if of_head else stream[:, model.patch_slice].mean(1, keepdim=True)
    basis = torch.eye(model.config.d_model)[:, None]
    matrix = torch.zeros(len(basis), model.config.n_classes)
    for one in token.split(1):
        read_out = ReadOut(model, one, 0)
        nothing = read_out(torch.zeros_like(one))
        matrix += torch.cat([read_out(rows) - nothing for rows in basis.split(ROWS)])
    return ClassDirections(matrix / len(token))


@torch.no_grad()
def directions(sae: SAE, model: HookedViT) -> Float[Tensor, "latent d_out"]:
    """What one unit of each latent's activation adds, in the units of the activation at `sae.config.writes`.

    Of an SAE that normalises every vector by itself, as on average over the tokens of the five built-in pictures.
    """
    if sae.config.normalize == "none":
        return sae.W_dec.detach().clone()
    if sae.config.normalize == "scale":
        return sae.W_dec / sae.scale_out
    inputs = model.preprocess([image.numpy() for image in probe_images()])
    x, _ = read(sae, model, inputs)
    return sae.W_dec * sae.normalized(x).scale.mean()


@torch.no_grad()
def written(
    sae: SAE, model: HookedViT, typical: Float[Tensor, " latent"], classes: ClassDirections
) -> Float[Tensor, "latent class"]:
    """Logits that one typical activation of each latent writes directly, at the token that the head reads.

    Raises:
        ValueError: as `direct_effect`.
    """
    check_direct(sae, model)
    return typical[:, None] * (directions(sae, model) @ classes.matrix)


Written = tuple[tuple[int, float], ...]
"""(class, logits), most first."""


def written_classes(row: Float[Tensor, " class"], k: int = 8) -> tuple[Written, Written]:
    """The k classes that one latent's row of `written` raises most, and the k that it lowers most."""
    k = min(k, len(row))
    best, worst = row.topk(k), row.topk(k, largest=False)
    return tuple(tuple(zip(found.indices.tolist(), found.values.tolist(), strict=True)) for found in (best, worst))  # type: ignore[return-value]
