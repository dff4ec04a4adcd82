"""Gemma Scope: `params.npz`, JumpReLU, with no config; model and hook point are in the folders' names.

    read     x as it is
    acts     x @ W_enc + b_enc where above the threshold and above 0
    written  @ W_dec + b_dec

Such as `google/gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71`. The language models are not in this engine,
so these SAEs can be looked at, and steer a model only where somebody hooks it.
"""

from __future__ import annotations

import math
import re
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np
import torch
from torch import Tensor

from prisma_engine.hub import MAX_BYTES, LoadError
from prisma_engine.load import one_line
from prisma_engine.sae.config import SAEConfig
from prisma_engine.sae.formats.opened import MAX_NUMBERS, Opened, Source
from prisma_engine.torchfile.archive import mapped

WEIGHTS = "params.npz"
NAMES = {"W_enc", "b_enc", "W_dec", "b_dec", "threshold"}
PLACE = re.compile(r"gemma-scope-(\w+)-(pt|it)-(res|mlp)\b.*?layer_(\d+)", re.S)
SITES = {"res": "hook_resid_post", "mlp": "hook_mlp_out"}
DTYPES = {"<f4": "float32", "<f2": "float16"}


def recognises(source: Source) -> bool:
    return source.file is None and (source.folder / WEIGHTS).exists()


def weights_file(source: Source) -> Path:
    return source.folder / WEIGHTS


def open_file(source: Source) -> Opened:
    """Config and tensors of an SAE of Gemma Scope.

    Raises:
        LoadError: for what is missing, a pickle inside, or a folder that does not say what it is of.
    """
    state = arrays(weights_file(source), source.title)
    if set(state) != NAMES or state["W_enc"].ndim != 2:
        names = ", ".join(sorted(state)) or "nothing"
        raise LoadError(f"{WEIGHTS} of {source.title} holds {names}; expected {', '.join(sorted(NAMES))}")
    model, hook_name = _place(source)
    d_in, d_sae = state["W_enc"].shape
    config = SAEConfig(
        model, hook_name, d_in, d_sae, activation="jumprelu", input_bias="none", normalize="none", tokens="all"
    )
    return Opened(config, state | {"W_enc": state["W_enc"].T})


def _place(source: Source) -> tuple[str, str]:
    found = PLACE.search(source.name) or PLACE.search(str(source.folder.resolve()).replace("--", "/"))
    if found is None:
        raise LoadError(
            f"{WEIGHTS} of {source.title} says nothing about its model, and nor do its folders; expected names such "
            "as gemma-scope-2b-pt-res/layer_20/width_16k/average_l0_71, of the residual stream or an MLP"
        )
    size, tuned, site, layer = found.groups()
    return f"google/gemma-2-{size}{'-it' if tuned == 'it' else ''}", f"blocks.{int(layer)}.{SITES[site]}"


def arrays(path: Path, title: str) -> dict[str, Tensor]:
    """The arrays of an `.npz` file: views of the mapped file where they are not compressed; never a pickle.

    Raises:
        LoadError: in one sentence.
    """
    what = f"{path.name} of {title}"
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            entries = archive.infolist()
            names = [entry.filename.removesuffix(".npy") for entry in entries]
            if len(set(names)) != len(names) or not set(names) <= NAMES:
                raise LoadError(f"{what} has entries that no SAE has: {', '.join(sorted(names))[:80]}")
            return {name: _array(path, archive, entry, what) for name, entry in zip(names, entries, strict=True)}
    except LoadError:
        raise
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, SyntaxError, RuntimeError) as error:
        raise LoadError(f"{what} is not a readable .npz file: {one_line(error)}") from None


def _array(path: Path, archive: zipfile.ZipFile, entry: zipfile.ZipInfo, what: str) -> Tensor:
    with archive.open(entry) as opened:
        shape, dtype, begins = _header(opened, what)
        if math.prod(shape) > MAX_NUMBERS or begins + math.prod(shape) * dtype.itemsize != entry.file_size:
            raise LoadError(f"{what} claims shape {shape} for {entry.filename}, which is not what it holds")
        if entry.compress_type == zipfile.ZIP_STORED and entry.compress_size == entry.file_size:
            return mapped(path, _start(path, entry) + begins, DTYPES[dtype.str], shape)
    if entry.compress_type != zipfile.ZIP_DEFLATED or entry.file_size > MAX_BYTES:
        raise LoadError(
            f"{what} is compressed in a way that is not read here, or to more than {MAX_BYTES / 1e9:.0f} GB"
        )
    with archive.open(entry) as opened:
        return torch.from_numpy(np.lib.format.read_array(opened, allow_pickle=False))


def _header(file: IO[bytes], what: str) -> tuple[tuple[int, ...], np.dtype, int]:
    """Shape, type and length of the header of an array."""
    version = np.lib.format.read_magic(file)
    reader = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = reader(file)
    if dtype.hasobject:
        raise LoadError(f"{what} holds Python objects, which are pickles; nothing in it was run")
    if dtype.str not in DTYPES or fortran or not math.prod(shape) or len(shape) > 2:
        raise LoadError(f"{what} holds {dtype} of shape {shape}; expected float32 or float16 in order")
    return shape, dtype, file.tell()


def _start(path: Path, entry: zipfile.ZipInfo) -> int:
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        header = file.read(30)
    return entry.header_offset + 30 + int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
