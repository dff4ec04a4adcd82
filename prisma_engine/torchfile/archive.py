"""The tensors of a file that `torch.save` wrote, mapped into memory, with nothing in the file run.

Such a file is an uncompressed zip archive: a pickle that describes the tensors, and one record of numbers for each.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from prisma_engine.hub import LoadError
from prisma_engine.load import one_line
from prisma_engine.torchfile import unpickle
from prisma_engine.torchfile.unpickle import Kind, Place

RECORD = re.compile(
    r"data\.pkl|data/\d+|version|byteorder|\.format_version|\.storage_alignment|\.data/serialization_id"
)
MAX_PICKLE, MAX_RECORDS = 2_000_000, 10_000
BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8}


@dataclass(frozen=True)
class Record:
    """Bytes of a file."""

    start: int
    length: int


@dataclass(frozen=True)
class Archive:
    """An open file: what its pickle describes, of inert values, and where its numbers lie.

    Attributes:
        what: the file in a sentence, "weights.pt of mine".
        contents: as `unpickle.inert` found it.
    """

    path: Path
    what: str
    kind: Kind
    records: Mapping[str, Record]
    contents: Any

    def places(self, state: Any) -> dict[str, Place]:
        """The tensors that a state dict of `contents` describes, each within its record and without a trick in its
        strides.

        Raises:
            LoadError: for the first that is not, in one sentence.
        """
        if not isinstance(state, dict) or not state:
            raise LoadError(f"{self.what} holds no state dict")
        for name, place in state.items():
            self._check(str(name), place)
        return {str(name): place for name, place in state.items()}

    def _check(self, name: str, place: Any) -> None:
        if not isinstance(place, Place):
            raise LoadError(f"{self.what} holds {name[:60]!r}, which is no tensor")
        record, width = self.records.get(f"data/{place.storage.key}"), BYTES[place.storage.dtype]
        if record is None or record.length != place.storage.count * width:
            raise LoadError(
                f"{self.what} claims {place.storage.count:,} numbers for {name}, and the file does not hold them"
            )
        count = math.prod(place.shape)
        if not count or len(place.shape) > self.kind.max_axes or place.offset + count > place.storage.count:
            raise LoadError(f"{name} in {self.what} has shape {place.shape}, and the file has no such numbers for it")
        if _order(place) is None:
            raise LoadError(f"{name} in {self.what} is laid out with strides {place.stride}, which is not read here")

    def tensors(self, state: Any) -> dict[str, Tensor]:
        """A state dict of `contents`, as views of the mapped file.

        Raises:
            LoadError: see `places`.
        """
        return {name: self._mapped(place) for name, place in self.places(state).items()}

    def _mapped(self, place: Place) -> Tensor:
        start = self.records[f"data/{place.storage.key}"].start + place.offset * BYTES[place.storage.dtype]
        order = _order(place)
        assert order is not None
        stored = mapped(self.path, start, place.storage.dtype, tuple(place.shape[axis] for axis in order))
        return stored.permute(*(order.index(axis) for axis in range(len(order)))) if order else stored


def read(path: Path, title: str, kind: Kind) -> Archive:
    """Open a file; nothing in it is run.

    Args:
        title: what a sentence calls the folder or repository that it is of.
        kind: what it may mention.

    Raises:
        LoadError: for anything that is not such a file, in one sentence.
    """
    records, what = layout(path, title, kind), f"{path.name} of {title}"
    with path.open("rb") as file:
        file.seek(records["data.pkl"].start)
        contents = unpickle.inert(file.read(records["data.pkl"].length), what, kind)
    return Archive(path, what, kind, records, contents)


def layout(path: Path, title: str, kind: Kind) -> dict[str, Record]:
    """Where the records of a `torch.save` file lie, after its folder's name.

    Raises:
        LoadError: if it is no uncompressed zip archive with exactly the records that torch.save writes.
    """
    what = f"{path.name} of {title}"
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_RECORDS:
                raise LoadError(f"{what} has {len(entries)} records, more than any {kind.noun} has")
            roots = {entry.filename.split("/")[0] for entry in entries}
            if len(roots) != 1:
                raise LoadError(f"{what} is not an archive as torch.save writes it: it has {len(roots)} folders")
            found: dict[str, Record] = {}
            for entry in entries:
                name = entry.filename.partition("/")[2]
                if name in found or not RECORD.fullmatch(name):
                    raise LoadError(f"{what} has a record {name!r:.80} that torch.save does not write")
                found[name] = _record(file, entry, path.stat().st_size, what)
            return _checked(found, file, what)
    except FileNotFoundError:
        raise LoadError(f"{title} has no {path.name}") from None
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        if isinstance(error, LoadError):
            raise
        raise LoadError(f"{what} is not a zip archive as torch.save writes it: {one_line(error)}") from None


def _record(file: BinaryIO, entry: zipfile.ZipInfo, size: int, what: str) -> Record:
    if entry.compress_type != zipfile.ZIP_STORED or entry.flag_bits & 1 or entry.file_size != entry.compress_size:
        raise LoadError(f"{what} is compressed or encrypted, which torch.save never does")
    file.seek(entry.header_offset)
    header = file.read(30)
    if header[:4] != b"PK\x03\x04":
        raise LoadError(f"{what} is damaged: a record is not where it should be")
    start = entry.header_offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    if start + entry.file_size > size:
        raise LoadError(f"{what} is cut off: a record ends behind the end of the file")
    return Record(start, entry.file_size)


def _checked(found: dict[str, Record], file: BinaryIO, what: str) -> dict[str, Record]:
    if "data.pkl" not in found or found["data.pkl"].length > MAX_PICKLE:
        raise LoadError(f"{what} describes no tensors, or takes more than {MAX_PICKLE / 1e6:.0f} MB to do it")
    if "byteorder" in found:
        file.seek(found["byteorder"].start)
        if file.read(found["byteorder"].length) != b"little":
            raise LoadError(f"{what} was written on a big-endian machine, which is not read here")
    return found


def _order(place: Place) -> tuple[int, ...] | None:
    """The axes in the order in which the numbers lie; None if they lie in no order, apart, or on one another."""
    if place.stride == _steps(place.shape):
        return tuple(range(len(place.shape)))
    for order in permutations(range(len(place.shape))):
        steps = _steps(tuple(place.shape[axis] for axis in order))
        if tuple(place.stride[axis] for axis in order) == steps:
            return order
    return None


def _steps(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of a tensor whose numbers lie in order."""
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


def mapped(path: Path, start: int, dtype: str, shape: tuple[int, ...]) -> Tensor:
    """Numbers of a file as a tensor; pages are read when they are needed, and writing changes only memory."""
    stored = "int16" if dtype == "bfloat16" else dtype
    numbers = torch.from_numpy(np.memmap(path, dtype=stored, mode="c", offset=start, shape=shape or (1,)))
    numbers = numbers.view(torch.bfloat16) if dtype == "bfloat16" else numbers
    return numbers if shape else numbers[0]
