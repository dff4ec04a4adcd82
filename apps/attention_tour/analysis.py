"""One picture through one model: everything that the page shows of it, as a frozen dataclass."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

import prisma_engine as pe
from apps.attention_tour.files import RunFiles
from apps.attention_tour.view import Extent, Unit
from apps.attention_tour.whatif import WhatIf
from apps.common import catalog
from apps.common.answers import Answer, top_answers, vocabulary_for
from apps.common.payload import pack_lens
from apps.common.pictures import Picture
from prisma_engine.analysis.heads.metrics import METRICS
from prisma_engine.cache import resid_points

if TYPE_CHECKING:
    from prisma_engine import AttentionMaps, HookedViT
    from prisma_engine.hooks import HookPoint
    from prisma_engine.labels import Vocabulary

MAX_TOKENS = 3200  # one matrix of a ViViT-B clip, 3,137 tokens a side, is 10 MB in the browser
MAX_BYTES = 300 * 10**6  # of queries and keys in memory: a ViT-L/14 at 518 pixels has 270 MB

Line = Float[np.ndarray, " token"]


@dataclass(frozen=True)
class Lens:
    """The likeliest class of every token at every point of the stream, packed as `apps.common.payload` says, k = 1."""

    data: bytes
    labels: tuple[str, ...]


@dataclass(frozen=True)
class TourResult:
    """What every head does with one picture; prefix tokens come first, then patches frame by frame, row by row."""

    model_id: str  # what pe.load takes
    revision: str | None
    classes: tuple[str, ...] | None  # as typed by the visitor, for a zero-shot model
    picture: Picture
    pixels: UInt8[np.ndarray, "height width 3"]  # exactly what the model saw, in every frame
    maps: AttentionMaps
    lens: Lens | None  # None without a classifier
    vocabulary: Vocabulary | None
    top5: tuple[Answer, ...]  # the model's own answer for the whole picture; empty without a classifier
    what_if: WhatIf | None = None
    note: str | None = None  # what a visitor should know about this run

    @cached_property
    def files(self) -> RunFiles:
        """All that the browser may ask about this run."""
        return RunFiles(self.maps, self.frames, self.lens.data if self.lens else None)

    @property
    def frames(self) -> tuple[UInt8[np.ndarray, "height width 3"], ...]:
        """The pixels of each frame of tokens."""
        return (self.pixels,) * self.maps.n_frames

    @property
    def metrics(self) -> dict[str, Float[np.ndarray, "layer head"]]:
        """Every number that each head has on this picture, by id; for a large model seconds of work, the first time."""
        values = np.frombuffer(self.files.read("metrics"), "<f4")
        shape = (len(self.extent.metrics), self.maps.n_layers, self.maps.n_heads)
        return dict(zip(self.extent.metrics, values.reshape(shape), strict=True))

    def matrix(self, kind: str, layer: int, unit: Unit) -> Float[np.ndarray, "query key"]:
        """One matrix in full precision, in the kind's own unit; scores hidden by a mask are -inf."""
        with torch.inference_mode():
            if unit == "rollout":
                return self.maps.rollout(layer).numpy()
            return (self.maps.mean(kind, layer) if unit == "mean" else self.maps.kind(kind, layer)[unit]).numpy()

    def exact(self, layer: int, unit: Unit, token: int) -> dict[str, tuple[Line, Line]]:
        """A token's row and column, by kind: scores, pattern and value-weighted; NaN where a rollout has none."""
        lines = np.frombuffer(self.files.read(f"exact/{layer}/{unit}/{token}"), "<f4").reshape(3, 2, -1)
        return {kind: (row, column) for kind, (row, column) in zip(("scores", "pattern", "value"), lines, strict=True)}

    @property
    def extent(self) -> Extent:
        """The ranges that a view of this result lies in."""
        maps = self.maps
        ids = tuple(metric.id for metric in METRICS if metric.applies(maps.layout))
        return Extent(maps.n_layers, maps.n_heads, maps.n_tokens, ids, self.lens is not None)

    @property
    def title(self) -> str:
        """The model in a few words, and how it was run."""
        name = catalog.title_of(self.model_id)
        return name if self.what_if is None else f"{name}, {self.what_if.sentence}"

    @property
    def variant(self) -> str:
        """How the model was run, as a session keeps it."""
        return "" if self.what_if is None else self.what_if.text


@torch.inference_mode()
def analyse(
    model: HookedViT,
    picture: Picture,
    model_id: str | None = None,
    classes: tuple[str, ...] | None = None,
    what_if: WhatIf | None = None,
) -> TourResult:
    """Run `model` on `picture` once and keep what its attention maps are made of.

    A model of videos sees the picture in every frame.

    Raises:
        ValueError: one sentence, if the model takes no pictures, is too large, or has no such layer.
    """
    if model.preprocess is None:
        raise ValueError(f"{model.name} does not say how its pictures are prepared, so it cannot be shown one")
    check_size(model)
    assert picture.image is not None, "a picture that is to be analysed holds its image"
    seen = model.preprocess.pixels(picture.image)
    x = model.preprocess.normalize(seen)[None]
    n_frames = model.config.n_frames
    if model.config.is_video:
        x = x.expand(n_frames, -1, -1, -1)[None]
    maps, stream = _run(model, x, what_if)
    vocabulary = None if maps.answer is None else vocabulary_for(model, len(maps.answer))
    return TourResult(
        model_id=model_id or model.name,
        revision=model.revision,
        classes=classes,
        picture=picture,
        pixels=np.asarray(seen.convert("RGB")),
        maps=maps,
        lens=None if maps.answer is None else _lens(model, stream),
        vocabulary=vocabulary,
        top5=() if maps.answer is None or vocabulary is None else top_answers(maps.answer.float(), vocabulary),
        what_if=what_if,
        note=_note(model),
    )


def check_size(model: HookedViT) -> None:
    """Refuse what would fill this server's memory or a visitor's browser.

    Raises:
        ValueError: one sentence with the limit.
    """
    config = model.config
    n_bytes = 2 * 4 * config.n_layers * config.n_tokens * config.n_heads * config.d_head
    if config.n_tokens > MAX_TOKENS:
        raise ValueError(
            f"{model.name} makes {config.n_tokens:,} tokens of a picture; this page takes up to {MAX_TOKENS:,}"
        )
    if n_bytes > MAX_BYTES:
        raise ValueError(
            f"the queries and keys of {model.name} take {n_bytes / 1e6:,.0f} MB a picture; "
            f"this page keeps up to {MAX_BYTES / 1e6:,.0f} MB, so take a smaller model or a smaller input"
        )


def _run(model: HookedViT, x: Tensor, what_if: WhatIf | None) -> tuple[AttentionMaps, list[Tensor]]:
    """Attention maps and the residual stream at every point, of one forward pass."""
    stream: list[Tensor] = []

    def keep(resid: Tensor, _: HookPoint) -> Tensor:
        stream.append(resid[0])
        return resid

    last = model.config.n_layers - 1
    if what_if is not None and what_if.causal_from > last:
        raise ValueError(f"{model.name} has layers 0 to {last}, so none from {what_if.causal_from} on")
    causal = {} if what_if is None else asdict(what_if)
    with model.hooks({name: keep for name, _ in resid_points(model)}):
        return pe.attention_maps(model, x, **causal), stream


def _lens(model: HookedViT, stream: list[Tensor]) -> Lens:
    logits = torch.stack([model.unembed(resid[None])[0].float() for resid in stream])
    return Lens(pack_lens(logits, k=1), tuple(label for _, label in resid_points(model)))


def _note(model: HookedViT) -> str | None:
    if not model.config.is_video:
        return None
    return f"{model.name} reads a video of {model.config.n_frames} frames; here the picture stands still in all of them"
