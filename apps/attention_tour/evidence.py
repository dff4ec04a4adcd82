"""Head types over many pictures, measured here: where the pictures come from, and what is kept of them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from apps.attention_tour.analysis import check_size
from apps.common import payload, pictures, routes, streams
from apps.common.blobs import Result, Shelf, new_key
from apps.common.events import saved_file
from apps.common.pictures import Picture
from prisma_engine.analysis.heads.evidence import Evidence
from prisma_engine.analysis.heads.gathering import gather
from prisma_engine.images import ImageSource, open_image
from prisma_engine.vit import HookedViT

THUMB = 96  # pixels of an example's longer side
MIN_IMAGES = 20  # with fewer, the halves that have to agree are a few pictures each
MAX_CELLS = 150 * 10**6  # of the mean patterns of all heads: 600 MB; a ViT-L/14 at 336 pixels fits


class TooFew(ValueError):
    """Too few pictures were looked at to name heads; the message says how many it takes."""


@dataclass(frozen=True)
class Measured:
    """Head types that were measured on this page; the table is on the shelf, under `key`."""

    model_id: str
    key: str
    sentence: str


@dataclass(frozen=True)
class Kept:
    """What is known of a measurement: the evidence, and the pictures that it names, by reference."""

    evidence: Evidence
    pictures: Mapping[str, Path | bytes]


class Stream:
    """Pictures of one source, by reference, of which any can be had again while the stream is open.

    Args:
        source: "scenes", "folder" or "hub".
        place: path of the folder, or id of the data set.
        n: at most so many.

    Raises:
        ValueError: one sentence, for a source that cannot be had, or that a Space does not offer.
    """

    def __init__(self, source: str, place: str, n: int) -> None:
        place = place.strip()
        self.title, stream = streams.allowed(source, place)
        self._folder = Path(place) if source == "folder" else None
        if self._folder is not None:
            found = list(stream)
            n, stream = min(n, len(found)), iter(found)
        self.n = n  # what is to be expected; a data set does not say beforehand how many pictures it has
        self._pictures = islice(stream, n)
        self._rows = tempfile.TemporaryDirectory(prefix="prisma-rows-") if source == "hub" else None

    def __iter__(self) -> Iterator[tuple[str, ImageSource]]:
        for reference, picture in self._pictures:
            if self._rows is not None and isinstance(picture, bytes):
                Path(self._rows.name, reference).write_bytes(picture)
            yield reference, picture

    def again(self, references: set[str]) -> dict[str, Path | bytes]:
        """The pictures of those names, as they came; scenes are drawn again from their names alone."""
        if self._folder is not None:
            return {name: self._folder / name for name in references}
        if self._rows is None:
            return {}
        return {name: Path(self._rows.name, name).read_bytes() for name in references}

    def close(self) -> None:
        """Forget what was kept on disk."""
        if self._rows is not None:
            self._rows.cleanup()


def check_model(model: HookedViT) -> None:
    """Refuse a model whose mean patterns would fill this server's memory.

    Raises:
        ValueError: one sentence with the limit.
    """
    check_size(model)
    config = model.config
    n_cells = config.n_layers * config.n_heads * config.n_tokens**2
    if n_cells > MAX_CELLS:
        raise ValueError(
            f"the patterns of {model.name} have {n_cells / 1e6:,.0f} million cells; "
            f"heads are measured here up to {MAX_CELLS / 1e6:,.0f} million, so use python -m prisma_engine.name_heads"
        )


def measure(
    shelf: Shelf,
    model: HookedViT,
    model_id: str,
    stream: Stream,
    progress: Callable[[int], None],
    stop: Callable[[], bool],
) -> Measured:
    """Gather the evidence, put it on the shelf with the pictures that it names, and say so.

    Raises:
        TooFew: one sentence, if fewer than `MIN_IMAGES` pictures could be used.
    """
    try:
        evidence = _gathered(model, stream, progress, stop)
        kept = Kept(evidence, stream.again({e.ref for found in evidence.found for e in found.examples.values()}))
    finally:
        stream.close()
    key = new_key()
    files = {"types": routes.packed_json(types_table(evidence, partial(_picture_url, key, kept.pictures)))}
    n_bytes = 4 * len(files["types"]) + sum(len(data) for data in kept.pictures.values() if isinstance(data, bytes))
    shelf.put(Result(files, partial(_thumbnail_file, kept.pictures), n_bytes, kept), key)
    return Measured(model_id, key, _sentence(evidence, stopped=stop()))


def _gathered(model: HookedViT, stream: Stream, progress: Callable[[int], None], stop: Callable[[], bool]) -> Evidence:
    seen = 0

    def count(done: int) -> None:
        nonlocal seen
        seen = done
        progress(done)

    try:
        evidence = gather(model, _as_input(model, stream), stream.title, count, stop)
    except ValueError as error:
        if seen < 2 and stop():
            raise too_few(seen) from error
        raise
    if evidence.n_images < MIN_IMAGES:
        raise too_few(evidence.n_images)
    return evidence


def too_few(n: int) -> TooFew:
    """The refusal to name heads after `n` pictures."""
    return TooFew(f"not enough pictures to name heads: {n} of at least {MIN_IMAGES}; the figures stay as they were")


def types_table(evidence: Evidence, picture_url: Callable[[str], str | None]) -> dict[str, Any]:
    """The table of head types that the canvas reads, with an address for each example that can be drawn."""
    named = dict.fromkeys(e.ref for found in evidence.found for e in found.examples.values())
    urls = {ref: url for ref in named if (url := picture_url(ref))}
    return {**evidence.to_dict(), "pictures": urls}


def scene_url(reference: str) -> str | None:
    """The address of a thumbnail of "scene:17"; None for another kind of reference."""
    seed = reference.removeprefix("scene:")
    if seed == reference:
        return None
    return routes.series_url("seeded", _scene_png, 10**9) + seed


def example(reference: str, kept: Kept | None) -> tuple[Picture, str | None]:
    """The picture of an example, and the path of a copy of it where it was not one of ours.

    Raises:
        ValueError: one sentence, if nothing of that name was measured here.
    """
    if reference.startswith("scene:"):
        return pictures.seeded(reference.removeprefix("scene:")), None
    found = kept.pictures.get(reference) if kept else None
    if found is None:
        raise ValueError("this example is no longer kept here; measure the heads once more")
    path = str(found) if isinstance(found, Path) else saved_file("example", found)
    return pictures.uploaded(path, title=reference), path


def _as_input(model: HookedViT, stream: Stream) -> Iterator[tuple[str, Any]]:
    """A model of videos sees a still picture in every frame."""
    for reference, picture in stream:
        yield reference, [picture] * model.config.n_frames if model.config.is_video else picture


def _picture_url(key: str, found: Mapping[str, Path | bytes], reference: str) -> str | None:
    if reference in found:
        return f"{routes.PREFIX}/{key}/example/{list(found).index(reference)}"
    return scene_url(reference)


def _thumbnail_file(found: Mapping[str, Path | bytes], name: str) -> bytes:
    """The file "example/3": the picture of that number, small."""
    what, _, number = name.partition("/")
    if what != "example" or not (number.isascii() and number.isdigit() and int(number[:6]) < len(found)):
        raise ValueError(f"there is no example {name[:40]!r}")
    return _small(list(found.values())[int(number)])


def _scene_png(seed: int) -> bytes:
    picture = pictures.seeded(str(seed)).image
    assert picture is not None, "a scene is drawn with its image"
    return _small(picture)


def _small(picture: ImageSource) -> bytes:
    import numpy as np

    return payload.pack_png(np.asarray(open_image(picture, max_side=THUMB)))


def _sentence(evidence: Evidence, stopped: bool) -> str:
    named, n = len({(found.layer, found.head) for found in evidence.found}), evidence.layers * evidence.heads
    end = f"Stopped after {evidence.n_images} pictures" if stopped else "Done"
    refused = f", {evidence.n_refused} more could not be opened" if evidence.n_refused else ""
    verb = "has" if named == 1 else "have"
    return f"{end}: {evidence.source}{refused}; {named or 'none'} of {n} heads {verb} a name."
