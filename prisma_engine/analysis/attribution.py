"""Direct logit attribution: what each part of a model adds to its answer, and a sum that closes.

The residual stream is a sum, and with the final norm's divisor held at its value in this run the read-out is affine
in it (see `readout`). So the metric is a sum over embedding, positions, heads, MLPs and every bias. It tells what a
part writes *directly*; what later parts make of that is theirs. After Elhage et al. 2021, "A mathematical framework
for transformer circuits".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.analysis.metrics import AnyMetric, Logits, Metric, Values, bound
from prisma_engine.analysis.patching.sites import token_positions
from prisma_engine.analysis.readout import ReadOut, Stream
from prisma_engine.cache import Cache, hook_name
from prisma_engine.edits import Selector
from prisma_engine.vit import HookedViT


@dataclass(frozen=True)
class Attribution:
    """Contributions to a metric, in the metric's own units, usually logits.

    Attributes:
        contribution: of each component.
        labels: of the components: "embed" and "pos_embed" (or "ln_pre", where a norm follows them: CLIP); for each
            layer "L3H5", "L3 b_O", "L3 MLP" (without its bias) and "L3 b_out"; "ln_final bias"; "head bias"; and
            "pool MLP" where the head has one (SigLIP).
        sublayers: what each component is part of: "embed", "3_attn_out", "3_mlp_out", "ln_final bias", …
        per_token: the share of each token of the final stream; 0 for biases behind it. Where the head reads one
            token, only that one is not 0.
        metric: of the run itself.
    """

    contribution: Float[Tensor, "component batch"]
    labels: tuple[str, ...]
    sublayers: tuple[str, ...]
    per_token: Float[Tensor, "component batch token"]
    metric: Float[Tensor, " batch"]

    @property
    def total(self) -> Float[Tensor, " batch"]:
        """The sum of all contributions."""
        return self.contribution.sum(0)

    @property
    def residual_error(self) -> Float[Tensor, " batch"]:
        """What the sum leaves unexplained: `metric - total`, 0 but for rounding."""
        return self.metric - self.total

    def by_sublayer(self) -> tuple[Float[Tensor, "sublayer batch"], tuple[str, ...]]:
        """Contributions summed over heads and biases of each sublayer, and the sublayers' names."""
        names = tuple(dict.fromkeys(self.sublayers))
        which = torch.tensor([names.index(name) for name in self.sublayers], device=self.contribution.device)
        out = self.contribution.new_zeros(len(names), self.contribution.shape[1])
        return out.index_add(0, which, self.contribution), names

    def by_head(self) -> Float[Tensor, "layer head batch"]:
        """Contributions of the heads alone."""
        places = [i for i, label in enumerate(self.labels) if "H" in label.partition(" ")[0]]
        n_layers = len({self.sublayers[i] for i in places})
        return self.contribution[places].unflatten(0, (n_layers, -1))


@torch.no_grad()
def direct_logit_attribution(
    model: HookedViT,
    x: Float[Tensor, "batch channel height width"],
    metric: AnyMetric,
    token: Selector | None = None,
) -> Attribution:
    """Split a metric of the model's answer into what every part of the model added to it.

    Args:
        x: input, as `model.preprocess` gives it.
        metric: `logit(c)`, `logit_diff(a, b)`, or any function of the logits that is linear in them.
        token: split what this token would answer if it were what the head reads, as the logit lens does; None for
            the model's own answer.

    Raises:
        ValueError: for a metric that is not linear, an unknown class, or a token that is not one token of the model.
    """
    cache, wanted = _run(model, x, metric, token, *_written(model))
    parts = _embeddings(model, cache, wanted.stream)
    for i in range(model.config.n_layers):
        parts += _of_block(model, cache, wanted.stream, i)
    nowhere = torch.zeros_like(parts[0].per_token)
    parts += [_Part(label, label, nowhere) for label in wanted.behind]
    per_token = torch.stack([part.per_token for part in parts])
    contribution = per_token.sum(-1)
    contribution[len(parts) - len(wanted.behind) :] = torch.stack(list(wanted.behind.values()))
    labels, sublayers = tuple(part.label for part in parts), tuple(part.sublayer for part in parts)
    return Attribution(contribution, labels, sublayers, per_token, wanted.metric)


@torch.no_grad()
def neuron_attribution(
    model: HookedViT,
    x: Float[Tensor, "batch channel height width"],
    metric: AnyMetric,
    layer: int,
    token: Selector | None = None,
) -> Float[Tensor, "batch token neuron"]:
    """What each neuron of one MLP adds to the metric; summed over tokens and neurons it is the part "L3 MLP".

    Arguments and errors are those of `direct_logit_attribution`.

    Raises:
        ValueError: also if there is no such layer, or the model has no MLPs.
    """
    layer = _layer(model, layer)
    if model.config.attn_only:
        raise ValueError(f"{model.name} has no MLPs, so it has no neurons")
    cache, wanted = _run(model, x, metric, token, hook_name("post", layer))
    block: Any = model.blocks[layer]
    return cache["post", layer] * (block.ls2(wanted.stream) @ block.mlp.fc2.weight)


@torch.no_grad()
def source_attribution(
    model: HookedViT,
    x: Float[Tensor, "batch channel height width"],
    metric: AnyMetric,
    layer: int,
    token: Selector | None = None,
) -> Float[Tensor, "batch head key"]:
    """What each head of one layer adds to the metric by each token that it reads; summed over keys: the part "L3H5".

    A head's output is a mean of values, so it splits by the tokens that they come from:
    Σ over queries of pattern[query, key] · value[key] · W_O · direction[query]. Arguments and errors are those of
    `direct_logit_attribution`.

    Raises:
        ValueError: also if there is no such layer.
    """
    layer = _layer(model, layer)
    cache, wanted = _run(model, x, metric, token, hook_name("pattern", layer), hook_name("v", layer))
    of_z = _through_heads(model, wanted.stream, layer)
    return torch.einsum("bhqk,bkhd,bqhd->bhk", cache["pattern", layer], cache["v", layer], of_z)


@dataclass(frozen=True)
class _Wanted:
    """What a metric reads: a direction in the final stream, and what it gets from behind the stream."""

    stream: Stream
    behind: dict[str, Values]
    metric: Values


class _Part(NamedTuple):
    label: str
    sublayer: str
    per_token: Float[Tensor, "batch token"]


def _run(model: HookedViT, x: Tensor, metric: AnyMetric, token: Selector | None, *names: str) -> tuple[Cache, _Wanted]:
    """One forward pass that keeps `names`, and what the metric reads in it."""
    if isinstance(metric, Metric) and not metric.is_linear:
        raise ValueError(f"a {metric.kind} is no sum of contributions; use logit(c) or logit_diff(a, b)")
    measure = bound(metric, model)
    place = None if token is None else _one_token(model, token)
    last = hook_name("resid_post", model.config.n_layers - 1)
    answer, cache = model.run_with_cache(x, [*names, last])
    if place is not None:
        answer = model.unembed(cache[last][:, place])
    read_out = ReadOut(model, cache[last], place)
    return cache, _wanted(read_out, cache[last], measure, measure(answer))


def _wanted(read_out: ReadOut, resid: Stream, measure: Callable[[Logits], Values], metric: Values) -> _Wanted:
    """An affine function is its gradient, the direction, and its value at 0, the biases."""
    with torch.enable_grad():
        stream = resid.detach().requires_grad_()
        logits = read_out(stream)
        (direction,) = torch.autograd.grad(measure(logits).sum(), stream)
    at_zero, head_bias = measure(read_out(torch.zeros_like(resid))), measure(read_out.head_bias())
    behind = {"ln_final bias": at_zero - head_bias} if read_out.model.config.final_norm else {}
    behind["head bias"] = head_bias
    if read_out.pool_mlp is not None:
        behind["pool MLP"] = (measure(logits + read_out.pool_mlp) - measure(logits)).detach()
    return _Wanted(direction, behind, metric)


def _written(model: HookedViT) -> tuple[str, ...]:
    """Hook points that show what is written to the stream."""
    start = ("hook_ln_pre",) if model.config.pre_norm else ("hook_embed", "hook_pos_embed")
    return (*start, "*.hook_z") if model.config.attn_only else (*start, "*.hook_z", "*.hook_mlp_out")


def _embeddings(model: HookedViT, cache: Cache, direction: Stream) -> list[_Part]:
    if model.config.pre_norm:
        written = {"ln_pre": cache["hook_ln_pre"]}
    else:
        written = {"embed": model.embed.with_prefix(cache["hook_embed"]), "pos_embed": cache["hook_pos_embed"]}
    return [_Part(label, label, (x * direction).sum(-1)) for label, x in written.items()]


def _of_block(model: HookedViT, cache: Cache, direction: Stream, i: int) -> list[_Part]:
    block: Any = model.blocks[i]
    by_head = (cache["z", i] * _through_heads(model, direction, i)).sum(-1)
    parts = [_Part(f"L{i}H{h}", f"{i}_attn_out", head) for h, head in enumerate(by_head.unbind(-1))]
    if block.attn.b_O is not None:
        parts.append(_Part(f"L{i} b_O", f"{i}_attn_out", block.ls1(direction) @ block.attn.b_O))
    if model.config.attn_only:
        return parts
    mlp = (cache["mlp_out", i] * direction).sum(-1)
    if block.mlp.b_out is None:
        return [*parts, _Part(f"L{i} MLP", f"{i}_mlp_out", mlp)]
    bias = block.ls2(direction) @ block.mlp.b_out
    return [*parts, _Part(f"L{i} MLP", f"{i}_mlp_out", mlp - bias), _Part(f"L{i} b_out", f"{i}_mlp_out", bias)]


def _through_heads(model: HookedViT, direction: Stream, layer: int) -> Float[Tensor, "batch token head d_head"]:
    """The direction as each head's z sees it: back through LayerScale, which is symmetric, and W_O."""
    block: Any = model.blocks[layer]
    return torch.einsum("btd,hkd->bthk", block.ls1(direction), block.attn.W_O)


def _layer(model: HookedViT, layer: int) -> int:
    n = model.config.n_layers
    if not -n <= layer < n:
        raise ValueError(f"there is no layer {layer}; {model.name} has layers 0 to {n - 1}")
    return layer % n


def _one_token(model: HookedViT, token: Selector) -> int:
    places = token_positions(model, token)
    if len(places) != 1:
        raise ValueError(f"one token is read at a time, got {len(places)}; give an index, or 'cls'")
    return places[0]
