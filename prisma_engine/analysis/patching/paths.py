"""Path patching: what one part of the model tells another directly.

A sender writes to the residual stream; the difference between what it writes for the source and for the target is
put into the input of the receivers alone, and nobody else hears of it. What receivers then make of it goes on as
usual. With every later part as a receiver this is patching the sender. After Wang et al. 2022, "Interpretability in
the wild", and Goldowsky-Dill et al. 2023, "Localizing model behavior with path patching".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from prisma_engine.analysis.metrics import AnyMetric, Logits, bound
from prisma_engine.analysis.patching.activation import Direction, Image, Pair
from prisma_engine.analysis.patching.kernels import fast_linear
from prisma_engine.analysis.patching.resume import chunk_size
from prisma_engine.analysis.patching.sites import Site, check_points, layer_of
from prisma_engine.analysis.patching.sweeps import normalised
from prisma_engine.cache import hook_name
from prisma_engine.edits import resolve
from prisma_engine.hooks import Edit, HookPoint, current_edits
from prisma_engine.vit import HookedViT

Delta = Float[Tensor, "token d_model"]
Part = Site | Sequence[Site]
Writes = list[tuple[int, Delta]]
"""When the sites of a sender write, and what."""


@dataclass(frozen=True)
class PathPatching:
    """The metric for each pair of a sender and a receiver.

    Attributes:
        metric: with that path patched.
        senders, receivers: labels.
        clean, corrupt: the metric of the two runs, unpatched.
        direction: as in `patch_sweep`.
        n_passes: forward passes spent, as in `Sweep.n_passes`.
    """

    metric: Float[Tensor, "sender receiver"]
    senders: tuple[str, ...]
    receivers: tuple[str, ...]
    clean: float
    corrupt: float
    direction: Direction
    n_passes: float

    @property
    def effect(self) -> Float[Tensor, "sender receiver"]:
        """Normalised metric: 0 as in the corrupt run, 1 as in the clean one; NaN if both have the same."""
        return normalised(self.metric, self.clean, self.corrupt)


@torch.no_grad()
def path_patching(
    model: HookedViT,
    clean: Image,
    corrupt: Image,
    senders: Sequence[Part],
    receivers: Sequence[Part],
    *,
    metric: AnyMetric,
    direction: Direction = "denoise",
    chunk: int | None = None,
) -> PathPatching:
    """Patch the direct path from each sender to each receiver, one pair at a time.

    Several sites in the place of one are patched together.

    Args:
        clean, corrupt, metric, direction, chunk: as in `patch_sweep`.
        senders: what writes to the stream: sites at `attn.hook_z`, `attn.hook_result`, `hook_attn_out`,
            `mlp.hook_post`, `hook_mlp_out`, `hook_embed` or `hook_full_embed` (`hook_ln_pre`, where a norm follows
            the embedding).
        receivers: what reads it, named by what it makes of it: sites at `attn.hook_q`, `attn.hook_k`, `attn.hook_v`,
            `hook_mlp_out` or `hook_logits`. A receiver that comes before the sender hears nothing.

    Raises:
        KeyError: if there is no such hook point.
        ValueError: if a hook point is no sender or no receiver; the sentence lists those that are.
    """
    groups = [_group(part) for part in senders]
    readers = [_group(part) for part in receivers]
    measure = bound(metric, model)
    _check(model, groups, readers)
    pair = Pair(model, clean, corrupt, direction, dict.fromkeys(site.point for group in groups for site in group))
    own = model.run_with_cache(pair.run.x, list(pair.sources))[1]
    pair.run.work.passes(1)
    deltas = [[(_written_at(s), _delta(model, s, pair.sources, own)) for s in group] for group in groups]
    columns = [_column(pair, deltas, group, chunk) for group in readers]
    values = torch.stack([measure(logits) for logits in columns], dim=1)
    return PathPatching(
        values,
        tuple(map(_label, groups)),
        tuple(map(_label, readers)),
        *pair.measured(measure),
        direction,
        pair.run.work.n_passes,
    )


def all_receivers(model: HookedViT) -> tuple[Site, ...]:
    """Everything that reads the stream: queries, keys and values of every layer, every MLP, and the logits."""
    shorts = ("q", "k", "v") if model.config.attn_only else ("q", "k", "v", "mlp_out")
    names = [hook_name(short, i) for i in range(model.config.n_layers) for short in shorts]
    return tuple(Site(name) for name in (*names, "hook_logits"))


def _group(part: Part) -> tuple[Site, ...]:
    return (part,) if isinstance(part, Site) else tuple(part)


def _label(group: tuple[Site, ...]) -> str:
    return " + ".join(map(str, group))


def _check(model: HookedViT, senders: list[tuple[Site, ...]], receivers: list[tuple[Site, ...]]) -> None:
    if current_edits():
        raise ValueError("path patching computes a receiver's input itself, so it cannot run inside model.hooks(…)")
    if not senders or not receivers:
        raise ValueError("path patching needs at least one sender and one receiver")
    writes, reads = _writers(model), tuple(site.point for site in all_receivers(model))
    for kind, groups, known in (("sender", senders, writes), ("receiver", receivers, reads)):
        check_points(model, (site for group in groups for site in group))
        for site in (site for group in groups for site in group):
            if site.point not in known:
                examples = ", ".join(
                    dict.fromkeys(name.replace(f"blocks.{layer_of(name)}", "blocks.i") for name in known)
                )
                raise ValueError(f"{site.point!r} is no {kind}; {kind}s of {model.name} are {examples}")


def _writers(model: HookedViT) -> tuple[str, ...]:
    """Hook points whose part in the stream is known, in the order in which they write."""
    start = ("hook_ln_pre",) if model.config.pre_norm else ("hook_embed", "hook_full_embed")
    shorts = ("z", "result", "attn_out") if model.config.attn_only else ("z", "result", "attn_out", "post", "mlp_out")
    return (*start, *(hook_name(short, i) for i in range(model.config.n_layers) for short in shorts))


def _written_at(site: Site) -> int:
    """When a sender writes: -1 before the blocks, 2i and 2i + 1 for attention and MLP of block i."""
    return -1 if site.layer is None else 2 * site.layer + ("mlp" in site.point)


def _read_at(model: HookedViT, site: Site) -> int:
    """When a receiver reads; it hears what was written before."""
    return 2 * model.config.n_layers if site.layer is None else 2 * site.layer + ("mlp" in site.point)


def _delta(model: HookedViT, site: Site, source: Mapping[str, Tensor], target: Mapping[str, Tensor]) -> Delta:
    """What the sender adds to the stream in the source's run, less what it adds in the target's."""
    difference = source[site.point] - target[site.point]
    index = resolve(model.hook_points[site.point], difference, site.where)
    chosen = torch.zeros_like(difference)
    chosen[index] = difference[index]
    return _into_stream(model, site, chosen)[0]


def _into_stream(model: HookedViT, site: Site, x: Tensor) -> Float[Tensor, "1 token d_model"]:
    """The linear map from a sender's activation to the stream, without biases."""
    leaf = site.point.rpartition("hook_")[2]
    if leaf == "embed":
        return F.pad(x, (0, 0, model.n_prefix, 0))
    block: Any = None if site.layer is None else model.blocks[site.layer]
    if leaf == "z":
        return block.ls1(block.attn.result(x).sum(2))
    if leaf == "result":
        return block.ls1(x.sum(2))
    return block.ls2(F.linear(x, block.mlp.fc2.weight)) if leaf == "post" else x


def _column(pair: Pair, deltas: list[Writes], readers: tuple[Site, ...], chunk: int | None) -> Logits:
    """Logits with the paths from each sender to these receivers patched."""
    size = chunk_size(pair.run.model, chunk)
    batches = [deltas[start : start + size] for start in range(0, len(deltas), size)]
    return torch.cat([_told(pair, [(site, _heard(pair, batch, site)) for site in readers]) for batch in batches])


def _heard(pair: Pair, batch: list[Writes], site: Site) -> Float[Tensor, "sender token d_model"]:
    """What each sender wrote before the receiver reads."""
    now, nothing = _read_at(pair.run.model, site), torch.zeros_like(pair.run.resid[0][0])
    return torch.stack([sum((d for when, d in writes if when < now), start=nothing) for writes in batch])


def _told(pair: Pair, told: list[tuple[Site, Tensor]]) -> Logits:
    """Run on from the first receiver, every receiver reading the stream and what it is told."""
    run, model = pair.run, pair.run.model
    n, n_layers = len(told[0][1]), model.config.n_layers
    first = min(n_layers - 1 if site.layer is None else site.layer for site, _ in told)
    edits: dict[str, list[Edit]] = {}
    streams: dict[str, Tensor] = {}

    def keep(x: Tensor, point: HookPoint) -> Tensor:
        streams[point.name] = x
        return x

    for site, delta in told:
        source = _reads(model, site)
        edits.setdefault(source, [keep])
        edits.setdefault(site.point, []).append(_listening(model, site, streams, source, delta))
    with fast_linear(), model.hooks(edits):
        logits = model.read_out(model.through_blocks(run.resid[first].expand(n, -1, -1), start=first))
    tokens = n * model.config.n_tokens
    run.work.block(entering=tokens * (n_layers - first), leaving=tokens * (n_layers - first))
    return logits


def _listening(model: HookedViT, site: Site, streams: dict[str, Tensor], source: str, delta: Tensor) -> Edit:
    def listen(x: Tensor, point: HookPoint) -> Tensor:
        index = resolve(point, x, site.where)
        x[index] = _made_of(model, site, streams[source] + delta)[index]
        return x

    return listen


def _reads(model: HookedViT, site: Site) -> str:
    """The point of the stream that a receiver reads."""
    if site.layer is None:
        return hook_name("resid_post", model.config.n_layers - 1)
    return hook_name("resid_mid" if "mlp" in site.point else "resid_pre", site.layer)


def _made_of(model: HookedViT, site: Site, stream: Tensor) -> Tensor:
    """What the receiver makes of a stream."""
    if site.layer is None:
        return model.read_out(stream)
    block: Any = model.blocks[site.layer]
    if "mlp" in site.point:
        return block.ls2(block.mlp(block.ln2(stream)))
    return block.attn.project(block.ln1(stream))["qkv".index(site.point[-1])]
