"""Pickles that attack whoever reads them, the archives around them, and a loading that must refuse them."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from prisma_engine.hub import LoadError
from prisma_engine.sae import SAE

PROTO, STOP = b"\x80\x02", b"."


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def call(name: str, *arguments: bytes) -> bytes:
    """Instructions that call something by its name."""
    module, _, function = name.rpartition(".")
    return f"c{module}\n{function}\n".encode() + b"(" + b"".join(arguments) + b"tR"


def touch(canary: Path) -> bytes:
    return text(f"touch {canary}")


def python(canary: Path) -> bytes:
    return text(f"open({str(canary)!r}, 'w').close()")


class Reduced:
    """An object that pickles as a call."""

    def __init__(self, function: Callable, *arguments: Any) -> None:
        self.found = (function, arguments)

    def __reduce__(self) -> tuple:
        return self.found


def archive(path: Path, data: bytes, records: dict[str, bytes] | None = None, **how: Any) -> Path:
    """A zip archive as torch.save writes it, around any pickle."""
    with zipfile.ZipFile(path, "w", **how) as file:
        contents = {"data.pkl": data, "byteorder": b"little", "version": b"3\n"} | (records or {})
        for name, record in contents.items():
            file.writestr(f"weights/{name}", record)
    return path


def saved(contents: Any) -> bytes:
    """`data.pkl` of what torch.save writes."""
    buffer = io.BytesIO()
    torch.save(contents, buffer)
    with zipfile.ZipFile(buffer) as file:
        return file.read("archive/data.pkl")


def records_of(contents: Any) -> dict[str, bytes]:
    buffer = io.BytesIO()
    torch.save(contents, buffer)
    with zipfile.ZipFile(buffer) as file:
        return {n.partition("/")[2]: file.read(n) for n in file.namelist() if "/data/" in n and ".data" not in n}


def refused(folder: Path, canary: Path) -> str:
    with pytest.raises(LoadError) as caught:
        SAE.load(folder)
    assert not canary.exists(), "something was run"
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500
    return str(caught.value)
