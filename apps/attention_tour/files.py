"""One run → the files that the widget asks for, by name; each is computed when it is asked for.

The names, below a run's address or in a table of data: addresses:

    image, image/FRAME        PNG of exactly what the model saw; a video has one for each frame of tokens
    maps/KIND/LAYER/UNIT      whole matrices (`pack_maps`); UNIT: number of a chunk of heads, "mean", "rollout"
    wall/KIND                 a thumbnail of every head, layer by layer (`pack_thumbs`)
    token/KIND/TOKEN          that token's row and column in every head (`pack_token`)
    exact/LAYER/UNIT/TOKEN    float32 [6][T]: row and column of scores, of pattern, of value-weighted attention, NaN
                              where there is none; UNIT: number of a head, "mean", "rollout"
    metrics                   float32 [metric][layer][head], in the order of `describe()["metrics"]`
    lens                      the packed lens, where there is one

Kinds are those of `AttentionMaps` and, as "log_pattern" and "log_value", their logarithms. Cells behind a mask are 0
where a kind has a true zero, in patterns and values, and hidden elsewhere; nothing is hidden in a rollout.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from apps.attention_tour.lines import TokenLines, chunks, some_heads
from apps.common import maps as packing
from apps.common.payload import pack_png
from prisma_engine.analysis.attention import KINDS, AttentionMaps
from prisma_engine.analysis.heads.metrics import METRICS, measure_heads

LOGS = {"log_pattern": "pattern", "log_value": "value"}
FILE_KINDS = (*KINDS, *LOGS)
MEAN, ROLLOUT = "mean", "rollout"
Units = Float[np.ndarray, "unit query key"]


class NoSuchFile(ValueError):
    """A run has no file of that name; the message is a sentence."""


class RunFiles:
    """The files of one run; safe to read from several threads.

    Args:
        maps: what was computed.
        frames: the pixels that the model saw, one picture for each frame of tokens.
        lens: the packed lens of the same run, if it has one.

    Raises:
        ValueError: if there is not one picture for each frame.
    """

    def __init__(
        self, maps: AttentionMaps, frames: Sequence[UInt8[np.ndarray, "height width 3"]], lens: bytes | None = None
    ) -> None:
        if len(frames) != maps.n_frames:
            raise ValueError(f"{maps.n_frames} frames of tokens need as many pictures, got {len(frames)}")
        self.maps, self.frames, self._lens = maps, tuple(frames), lens
        self._images = [pack_png(frame) for frame in frames]
        self._metrics = [metric for metric in METRICS if metric.applies(maps.layout)]
        self._lines = TokenLines(maps)
        self._kept: dict[str, bytes] = {}
        self._rolled: tuple[int, Units] | None = None
        self._making = {name: threading.Lock() for name in ("metrics", *(f"wall/{kind}" for kind in FILE_KINDS))}

    @property
    def chunk(self) -> int:
        """How many heads one file of maps holds."""
        return packing.heads_per_chunk(self.maps.n_heads, self.maps.n_tokens)

    @property
    def thumb(self) -> int:
        """Side of a thumbnail, in cells."""
        return min(self.maps.n_tokens, packing.THUMB)

    @property
    def n_bytes(self) -> int:
        """What the run weighs in memory, with all that it may come to keep."""
        maps = self.maps
        numbers = maps.q.numel() + maps.k.numel() + maps.value_norm.numel() + maps.n_tokens**2  # the last: a rollout
        packed = (len(FILE_KINDS) * (self.thumb**2 + 8) + 4 * len(self._metrics)) * maps.n_layers * maps.n_heads
        pictures = sum(map(len, self._images)) + sum(frame.nbytes for frame in self.frames)
        return 4 * numbers + packed + pictures + len(self._lens or b"") + self._lines.n_bytes

    def describe(self) -> dict[str, Any]:
        """What the widget must know to read the files, as JSON."""
        maps, said = self.maps, ("id", "title", "unit", "formula", "meaning")
        return {
            "grid": list(maps.grid),
            "frames": maps.n_frames,
            "n_prefix": maps.n_prefix,
            "prefix_names": list(maps.prefix_names),
            "n_layers": maps.n_layers,
            "n_heads": maps.n_heads,
            "thumb": self.thumb,
            "heads_per_chunk": self.chunk,
            "image": list(self.frames[0].shape[:2]),
            "causal_from": 0 if maps.model_is_causal else maps.causal_from,
            "prefix_sees_all": maps.prefix_sees_all and not maps.model_is_causal,
            "metrics": [{name: getattr(metric, name) for name in said} for metric in self._metrics],
            "has_rollout": True,
        }

    def read(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
            NoSuchFile: if there is none of that name.
        """
        first, *rest = name.split("/")
        makers: dict[str, tuple[Callable[..., bytes], tuple[int, ...]]] = {
            "image": (self._image, (0, 1)),
            "maps": (self._maps_file, (3,)),
            "wall": (self._wall, (1,)),
            "token": (self._token, (2,)),
            "exact": (self._exact, (3,)),
            "metrics": (self._metrics_file, (0,)),
            "lens": (self._lens_file, (0,)),
        }
        make, n_parts = makers.get(first, (None, ()))
        if make is None or len(rest) not in n_parts:
            raise NoSuchFile(f"there is no file {name[:80]!r}; files begin with {', '.join(makers)}")
        return make(*rest)

    def matrices(self, kind: str, layer: int, unit: str) -> Units:
        """What `maps/KIND/LAYER/UNIT` packs, exactly: a chunk of heads, the mean, or the rollout.

        Raises:
            NoSuchFile: if there is no such kind or unit.
        """
        base = _base(kind)
        if unit == ROLLOUT:
            if base != "pattern":
                raise NoSuchFile(f"a rollout is made of patterns, so there is none of kind {kind!r}")
            return _shown(self._rollout(layer), kind)
        hidden = self.maps.hidden(layer)
        if unit == MEAN:
            total = sum(part.kind(base, layer).sum(0, keepdim=True).numpy() for part in chunks(self.maps))
            return _shown(np.asarray(total) / np.float32(self.maps.n_heads), kind, hidden)
        first = self.chunk * _number(unit, self._n_chunks, "chunk")
        part = some_heads(self.maps, slice(first, first + self.chunk))
        return _shown(part.kind(base, layer).numpy(), kind, hidden)

    def offline(self, kinds: Sequence[str], layers: Sequence[int]) -> Iterator[str]:
        """Names of the files with which the widget does without a server, for some kinds and layers."""
        yield from ([f"image/{frame}" for frame in range(len(self.frames))] if len(self.frames) > 1 else ["image"])
        yield from ["metrics", *(["lens"] if self._lens else [])]
        for kind in kinds:
            yield f"wall/{kind}"
            units = [*map(str, range(self._n_chunks)), MEAN, *([ROLLOUT] if _base(kind) == "pattern" else [])]
            yield from (f"maps/{kind}/{layer}/{unit}" for layer in layers for unit in units)

    def _image(self, frame: str = "0") -> bytes:
        return self._images[_number(frame, len(self._images), "frame")]

    def _lens_file(self) -> bytes:
        if self._lens is None:
            raise NoSuchFile("this run has no lens; only models with a classifier have one")
        return self._lens

    def _maps_file(self, kind: str, layer: str, unit: str) -> bytes:
        return packing.pack_maps(self.matrices(kind, self._layer(layer), unit))

    def _wall(self, kind: str) -> bytes:
        def make() -> bytes:
            every = [(layer, str(unit)) for layer in range(self.maps.n_layers) for unit in range(self._n_chunks)]
            return packing.pack_thumbs(
                np.concatenate([packing.thumbnails(self.matrices(kind, *where)) for where in every])
            )

        _base(kind)
        return self._once(f"wall/{kind}", make)

    def _metrics_file(self) -> bytes:
        def make() -> bytes:
            values = measure_heads(self.maps)
            return _float32(np.stack([values[metric.id].numpy() for metric in self._metrics]))

        return self._once("metrics", make)

    def _token(self, kind: str, token: str) -> bytes:
        base, at = _base(kind), _number(token, self.maps.n_tokens, "token")
        rows, columns = [], []
        for layer in range(self.maps.n_layers):
            row, column = (line.numpy() for line in self._lines.at(base, layer, at))
            hidden = self.maps.hidden(layer)
            longest = self._lines.longest(layer).numpy() if kind == "log_value" else None
            rows.append(_shown(row, kind, None if hidden is None else hidden[at], longest))
            columns.append(_shown(column, kind, None if hidden is None else hidden[:, at], longest))
        return packing.pack_token(np.concatenate(rows), np.concatenate(columns))

    def _exact(self, layer: str, unit: str, token: str) -> bytes:
        where, at = self._layer(layer), _number(token, self.maps.n_tokens, "token")
        if unit == ROLLOUT:
            rolled, nothing = self._rollout(where)[0], np.full(self.maps.n_tokens, np.nan)
            return _float32(np.stack([nothing, nothing, rolled[at], rolled[:, at], nothing, nothing]))
        found = [line for kind in ("scores", "pattern", "value") for line in self._lines.at(kind, where, at)]
        if unit == MEAN:
            return _float32(np.stack([line.mean(0).numpy() for line in found]))
        head = _number(unit, self.maps.n_heads, "head")
        return _float32(np.stack([line[head].numpy() for line in found]))

    def _rollout(self, layer: int) -> Units:
        """The rollout up to a layer; the last one asked for is kept."""
        kept = self._rolled
        if kept is None or kept[0] != layer:
            self._rolled = kept = layer, self.maps.rollout(layer).numpy()[None]
        return kept[1]

    @property
    def _n_chunks(self) -> int:
        return -(-self.maps.n_heads // self.chunk)

    def _layer(self, text: str) -> int:
        return _number(text, self.maps.n_layers, "layer")

    def _once(self, name: str, make: Callable[[], bytes]) -> bytes:
        """What takes a pass over all layers is computed once, however many ask at the same time."""
        with self._making[name]:
            if name not in self._kept:
                self._kept[name] = make()
            return self._kept[name]


def _shown(
    values: np.ndarray, kind: str, hidden: Tensor | None = None, longest: np.ndarray | None = None
) -> np.ndarray:
    """`values` [unit …] as `kind` shows them: its logarithm, if it is one, and -inf where a cell is hidden."""
    if kind == "log_pattern":
        values = packing.log_of_shares(values)
    elif kind == "log_value":
        values = packing.log_of_lengths(values, longest)
    if hidden is None or kind in ("pattern", "value"):
        return values
    return np.where(hidden.numpy(), np.float32(-np.inf), values)


def _base(kind: str) -> str:
    """The kind of `AttentionMaps` that a kind of file is made of."""
    if kind not in FILE_KINDS:
        raise NoSuchFile(f"there is no kind {kind[:80]!r}; there are {', '.join(FILE_KINDS)}")
    return LOGS.get(kind, kind)


def _number(text: str, end: int, what: str) -> int:
    """A whole number below `end`, written in digits alone."""
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) < end):
        raise NoSuchFile(f"there is no {what} {text[:80]!r}; this run has {what}s 0 to {end - 1}")
    return int(text)


def _float32(values: np.ndarray) -> bytes:
    return values.astype("<f4").tobytes()
