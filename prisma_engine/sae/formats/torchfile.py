"""The state dict of an SAE's `.pt` file, alone or with a config that was pickled beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from prisma_engine.hub import LoadError
from prisma_engine.load import one_line
from prisma_engine.torchfile import archive
from prisma_engine.torchfile.unpickle import Described, Kind, Place

CONFIG = re.compile(r"vit_prisma\.sae\.config\.VisionModelSAERunnerConfig")
KIND = Kind("SAE", re.compile(r"torch\.(device|float32|float16|bfloat16|float64)"), CONFIG)


def tensors(path: Path, title: str) -> tuple[dict[str, Tensor], bool]:
    """The state dict of a `.pt` file as views of the mapped file, and whether a config was pickled beside it.

    A plain state dict is then read by `torch.load(weights_only=True)`; one with a config only by what
    `prisma_engine.torchfile` found, and the config is left where it is: configs are read from config.json.

    Raises:
        LoadError: for anything that is not such a file, in one sentence.
    """
    file = archive.read(path, title, KIND)
    contents = file.contents
    if not isinstance(contents, dict):
        raise LoadError(f"{path.name} of {title} holds no state dict")
    if set(contents) == {"cfg", "state_dict"} and isinstance(contents["cfg"], Described):
        return file.tensors(contents["state_dict"]), True
    return _plain(path, file.places(contents), title), False


def _plain(path: Path, places: Mapping[str, Place], title: str) -> dict[str, Tensor]:
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (UnpicklingError, RuntimeError, OSError, ValueError, KeyError) as error:
        raise LoadError(f"{path.name} of {title} cannot be read: {one_line(error)}") from None
    if {name: tuple(tensor.shape) for name, tensor in state.items()} != {n: p.shape for n, p in places.items()}:
        raise LoadError(f"{path.name} of {title} says two different things about its tensors")
    return dict(state)
