"""One image three ways: as it is, with the reconstruction in the activation's place, and steered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prisma_engine.analysis.patching.sites import layer_of
from prisma_engine.cache import hook_name, resid_points
from prisma_engine.edits import replace
from prisma_engine.hooks import Run, active, current_edits
from prisma_engine.sae.features.rack import Rack
from prisma_engine.sae.features.start import Start, positions
from prisma_engine.vit import HookedViT

COLUMNS = ("original", "reconstruction", "steered")


@dataclass(frozen=True)
class Placed:
    """What steering puts in the activation's place, and what it is measured against.

    Attributes:
        against: the activation without the latents' changes: the run's own, or with the error not kept, the spliced
            reconstruction.
        steered: the same with the changes.
        changed: tokens where latents change.
        tokens: tokens where `steered` differs from the run: `changed`, and where the reconstruction stands.
        moved: by how much each latent of the rack moves at each of `changed`, in units of its activation.
    """

    against: Float[Tensor, "image token d_out"]
    steered: Float[Tensor, "image token d_out"]
    changed: tuple[int, ...]
    tokens: tuple[int, ...]
    moved: Float[Tensor, "image changed dial"]

    @property
    def written(self) -> Float[Tensor, "image changed d_out"]:
        """What the changes add at the changed tokens."""
        chosen = list(self.changed)
        return self.steered[:, chosen] - self.against[:, chosen]


@dataclass(frozen=True)
class ColumnLens:
    """The likeliest class of every token in each of `COLUMNS`, as the logit lens reads it at one point.

    Attributes:
        label: of the point, as `LogitLens.labels` has it.
    """

    label: str
    index: Int[Tensor, "column token"]
    probability: Float[Tensor, "column token"]


@dataclass(frozen=True)
class SteerRun:
    """What a rack does to one image.

    Attributes:
        logits: the model's answer in each of `COLUMNS`.
        lens: None if it was not asked for, or the model has no classifier.
        norm: Euclidean length of what the changes write, mean over the changed tokens, in the activation's units.
        share: the same as a share of the activation's own length at each token, mean.
        tokens: tokens where latents were changed.
    """

    logits: Float[Tensor, "column class"]
    lens: ColumnLens | None
    norm: float
    share: float
    tokens: tuple[int, ...]

    def column(self, name: str) -> Float[Tensor, " class"]:
        """Logits of one column."""
        return self.logits[COLUMNS.index(name)]

    def answer(self, name: str) -> int:
        """The likeliest class in one column."""
        return int(self.column(name).argmax())

    def change(self, index: int) -> float:
        """Steered less original logit of a class."""
        return float(self.logits[2, index] - self.logits[0, index])


@torch.no_grad()
def placed(start: Start, rack: Rack, typical: Float[Tensor, " latent"]) -> Placed:
    """The activation as a rack changes it, in every image of a run; by the same edit as `SAE.steer`'s.

    Raises:
        ValueError: for a latent, an amount or tokens that are not possible.
    """
    changed = positions(start.sae, start.model, rack.where)
    against = start.target if rack.keep_error else start.recon
    steered, read = against, start.read[:, changed]
    moved = read.new_zeros(*read.shape[:2], len(rack.dials))
    if rack.dials:
        edit = start.sae.steer(rack.changes(typical), token=changed)
        moved, steered = edit.moved(read), against.clone()
        steered[:, changed] += edit.written_by(moved, read).to(against.dtype)
    return Placed(against, steered, tuple(changed), tuple(changed if rack.keep_error else start.own), moved)


@torch.no_grad()
def steer_run(start: Start, rack: Rack, typical: Float[Tensor, " latent"], lens: str | None = "final") -> SteerRun:
    """Run one image three ways, from the SAE's place on.

    Args:
        start: of one image.
        rack: what is done; an empty one changes nothing but, with the error not kept, puts the reconstruction there.
        typical: mean activation of every latent, the unit of amounts.
        lens: the point of the residual stream where the logit lens reads, or None for no lens.

    Raises:
        ValueError: for several images, a point that there is none of, or what `placed` refuses.
    """
    return steer_many(start, [rack], typical, lens)[0]


@torch.no_grad()
def steer_many(
    start: Start, racks: Sequence[Rack], typical: Float[Tensor, " latent"], lens: str | None = "final"
) -> tuple[SteerRun, ...]:
    """The same for several racks, all in one pass; see `steer_run`."""
    if len(start.x) != 1:
        raise ValueError(f"one image is shown three ways at a time, got {len(start.x)}")
    points = {label: name for name, label in resid_points(start.model)}
    if lens is not None and lens not in points:
        raise ValueError(f"there is no lens point {lens!r}; there are {', '.join(points)}")
    if start.model.config.head == "identity":
        lens = None
    puts = [placed(start, rack, typical) for rack in racks]
    variants = torch.cat([start.target, start.recon, *(put.steered for put in puts)])
    logits, stream = _continued(start, variants, None if lens is None else points[lens])
    found = []
    for i, put in enumerate(puts):
        columns = [0, 1, 2 + i]
        length = put.written[0].norm(dim=1)
        share = length / put.against[0, list(put.changed)].norm(dim=1).clamp(min=1e-12)
        read = None if lens is None or stream is None else _read(start.model, stream[columns], lens)
        found.append(SteerRun(logits[columns], read, float(length.mean()), float(share.mean()), put.changed))
    return tuple(found)


def _read(model: HookedViT, stream: Float[Tensor, "column token d_model"], label: str) -> ColumnLens:
    logits = model.unembed(stream)
    best = logits.max(-1)
    return ColumnLens(label, best.indices, (best.values - logits.logsumexp(-1)).exp())


def _continued(
    start: Start, activations: Float[Tensor, "variant token d_out"], point: str | None
) -> tuple[Float[Tensor, "variant class"], Float[Tensor, "variant token d_model"] | None]:
    """Logits of runs with other activations in the SAE's place, and the residual stream at one more point."""
    model, writes = start.model, start.sae.config.writes
    n, layer = model.config.n_layers, layer_of(writes)
    if layer is None or current_edits():
        return _whole(start, activations, point)
    first, stream, edits = layer, start.run.resid[layer], {model.hook_points[writes]: (replace(activations),)}
    if writes == hook_name("resid_post", layer):
        first, stream, edits = layer + 1, activations, {}
    in_final = point == hook_name("resid_post", n - 1)
    point_layer = None if point is None else layer_of(point)
    if point_layer is not None and point_layer < first and not in_final:  # before anything changes
        return _continued(start, activations, None)[0], _whole(start, activations, point)[1]
    saved = frozenset() if point is None or in_final else frozenset([model.hook_points[point]])
    with active(Run(save=saved, edits=edits)) as run:
        final = model.through_blocks(stream.expand(len(activations), -1, -1), first)
    assert run is not None
    seen = final if in_final else run.saved.get(point or "")
    return model.read_out(final), seen


def _whole(
    start: Start, activations: Float[Tensor, "variant token d_out"], point: str | None
) -> tuple[Tensor, Tensor | None]:
    """The same by forward passes from the input on."""
    x = start.x.expand(len(activations), *start.x.shape[1:])
    edits = {start.sae.config.writes: replace(activations)}
    logits, cache = start.model.run_with_cache(x, [] if point is None else point, edits)
    return logits, None if point is None else cache[point]
