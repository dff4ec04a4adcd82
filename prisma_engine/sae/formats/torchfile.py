"""The tensors of a file that `torch.save` wrote, mapped into memory, with nothing in the file run.

Such a file is an uncompressed zip archive: a pickle that describes the tensors, and one record of numbers for each.
"""

from __future__ import annotations

import math
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, BinaryIO

import numpy as np
import torch
from torch import Tensor

from prisma_engine.hub import LoadError
from prisma_engine.load import one_line
from prisma_engine.sae.formats import unpickle
from prisma_engine.sae.formats.unpickle import Place

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


def tensors(path: Path, title: str) -> tuple[dict[str, Tensor], bool]:
    """The state dict of a `.pt` file as views of the mapped file, and whether a config was pickled beside it.

    A plain state dict is then read by `torch.load(weights_only=True)`; one with a config only by what
    `prisma_engine.sae.formats.unpickle` found, and the config is left where it is.

    Raises:
        LoadError: for anything that is not such a file, in one sentence.
    """
    records = layout(path, title)
    with path.open("rb") as file:
        file.seek(records["data.pkl"].start)
        contents = unpickle.inert(file.read(records["data.pkl"].length), f"{path.name} of {title}")
    if not isinstance(contents, dict):
        raise LoadError(f"{path.name} of {title} holds no state dict")
    has_config = set(contents) == {"cfg", "state_dict"} and isinstance(contents["cfg"], unpickle.Config)
    state = contents["state_dict"] if has_config else contents
    places = _places(state, records, f"{path.name} of {title}")
    if has_config:
        return {name: _mapped(path, place, records) for name, place in places.items()}, True
    return _plain(path, places, title), False


def _plain(path: Path, places: Mapping[str, Place], title: str) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (UnpicklingError, RuntimeError, OSError, ValueError, KeyError) as error:
        raise LoadError(f"{path.name} of {title} cannot be read: {one_line(error)}") from None
    if {name: tuple(tensor.shape) for name, tensor in state.items()} != {n: p.shape for n, p in places.items()}:
        raise LoadError(f"{path.name} of {title} says two different things about its tensors")
    return dict(state)


def layout(path: Path, title: str) -> dict[str, Record]:
    """Where the records of a `torch.save` file lie, after its folder's name.

    Raises:
        LoadError: if it is no uncompressed zip archive with exactly the records that torch.save writes.
    """
    what = f"{path.name} of {title}"
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            if len(entries) > MAX_RECORDS:
                raise LoadError(f"{what} has {len(entries)} records, too many for an SAE")
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


def _places(state: Any, records: Mapping[str, Record], what: str) -> dict[str, Place]:
    """The tensors that a state dict describes, each within its record and without a trick in its strides."""
    if not isinstance(state, dict) or not state:
        raise LoadError(f"{what} holds no state dict")
    for name, place in state.items():
        if not isinstance(place, Place):
            raise LoadError(f"{what} holds {str(name)[:60]!r}, which is no tensor")
        record, width = records.get(f"data/{place.storage.key}"), BYTES[place.storage.dtype]
        if record is None or record.length != place.storage.count * width:
            raise LoadError(
                f"{what} claims {place.storage.count:,} numbers for {name}, and the file does not hold them"
            )
        count = math.prod(place.shape)
        if not count or len(place.shape) > 2 or place.offset + count > place.storage.count:
            raise LoadError(f"{name} in {what} has shape {place.shape}, and the file has no such numbers for it")
        if place.stride not in (_steps(place.shape), _steps(place.shape[::-1])[::-1]):
            raise LoadError(f"{name} in {what} is laid out with strides {place.stride}, which is not read here")
    return state


def _steps(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Strides of a tensor whose numbers lie in order."""
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


def _mapped(path: Path, place: Place, records: Mapping[str, Record]) -> Tensor:
    dtype, width = place.storage.dtype, BYTES[place.storage.dtype]
    start = records[f"data/{place.storage.key}"].start + place.offset * width
    in_order = place.stride == _steps(place.shape)
    return mapped(path, start, dtype, place.shape) if in_order else mapped(path, start, dtype, place.shape[::-1]).T


def mapped(path: Path, start: int, dtype: str, shape: tuple[int, ...]) -> Tensor:
    """Numbers of a file as a tensor; pages are read when they are needed, and writing changes only memory."""
    stored = "int16" if dtype == "bfloat16" else dtype
    numbers = torch.from_numpy(np.memmap(path, dtype=stored, mode="c", offset=start, shape=shape or (1,)))
    numbers = numbers.view(torch.bfloat16) if dtype == "bfloat16" else numbers
    return numbers if shape else numbers[0]
