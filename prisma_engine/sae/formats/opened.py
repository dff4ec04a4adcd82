"""An SAE whose file is open: its config, and its tensors where they lie, from which all or a few rows are read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor

from prisma_engine.hub import LoadError
from prisma_engine.load import misfit, one_line, read_json
from prisma_engine.sae.config import SAEConfig
from prisma_engine.sae.model import SAE

DTYPES = (torch.float32, torch.float16, torch.bfloat16, torch.float64)
MAX_JSON = 4_000_000
"""Largest config.json that is read, in bytes; a real one has a few thousand."""
MAX_NUMBERS = 2_000_000_000
"""Refuse larger SAEs: this many numbers are 8 GB in memory."""


@dataclass(frozen=True)
class Source:
    """Where an SAE lies.

    Attributes:
        name: what was asked for: a shipped name, a path or a Hub id.
        folder: on this machine.
        file: the file with the weights, where a file was asked for; None lets the format find it.
    """

    name: str
    folder: Path
    file: Path | None = None

    @property
    def title(self) -> str:
        """What a sentence calls it."""
        return Path(self.name).name or self.folder.name


@dataclass(frozen=True)
class Rows:
    """What a few latents read and write.

    Attributes:
        latents: their numbers.
        encoder: directions that they read.
        bias: what is added before the activation; of a gated SAE, to its gate.
        decoder: directions that they write.
    """

    latents: tuple[int, ...]
    encoder: Float[Tensor, "row d_in"]
    bias: Float[Tensor, " row"]
    decoder: Float[Tensor, "row d_out"]


@dataclass(frozen=True)
class Opened:
    """An SAE in its file.

    Attributes:
        config: its shape and where it belongs.
        tensors: the state of `SAE` by its names and shapes, as views of the mapped file; factors of 1 may be left out.
        rescaled: the file holds latents whose activation counts in units of their decoder row's length.
        kind: the class, where the arithmetic is not quite that of `SAE`.
    """

    config: SAEConfig
    tensors: Mapping[str, Tensor] = field(repr=False)
    rescaled: bool = False
    kind: type[SAE] = SAE

    def check(self, title: str) -> None:
        """Names, shapes and types of all tensors, without reading one.

        Raises:
            LoadError: for the first that does not fit.
        """
        c = self.config
        if c.d_sae * (c.d_in + c.d_out) > MAX_NUMBERS:
            raise LoadError(f"{title} has {c.d_sae:,} latents of width {c.d_in:,}; that is too large to be opened here")
        with torch.device("meta"):
            expected = self.kind(c).state_dict()
        if wrong := misfit(self._complete(), expected):
            raise LoadError(f"the weights of {title} do not fit its config: {wrong}")
        for name, tensor in self.tensors.items():
            if tensor.dtype not in DTYPES:
                raise LoadError(f"{name} of {title} holds {str(tensor.dtype)[6:]}, expected float32 or float16")

    def sae(self, title: str) -> SAE:
        """The whole SAE in memory: float32, finite, no gradients.

        Raises:
            LoadError: see `check`; and for a number that is not finite.
        """
        self.check(title)
        tensors = {name: _in_memory(tensor) for name, tensor in self._complete().items()}
        _refuse_infinite(tensors, title)
        with torch.device("meta"):
            sae = self.kind(self.config)
        sae.load_state_dict(_rescaled(tensors, title) if self.rescaled else tensors, assign=True)
        return sae.eval().requires_grad_(False)

    def rows(self, latents: Sequence[int], title: str) -> Rows:
        """A few latents; nothing else is read from the file.

        Raises:
            LoadError: see `sae`.
            ValueError: for a latent that there is none of.
        """
        self.check(title)
        outside = [i for i in latents if not 0 <= i < self.config.d_sae]
        if outside:
            raise ValueError(f"there is no latent {outside[0]}; {title} has 0 to {self.config.d_sae - 1}")
        at = torch.tensor(list(latents), dtype=torch.long)
        found = {name: _in_memory(self.tensors[name][at]) for name in ("W_enc", "b_enc", "W_dec")}
        _refuse_infinite(found, title)
        found = _rescaled(found, title) if self.rescaled else found
        return Rows(tuple(int(i) for i in latents), found["W_enc"], found["b_enc"], found["W_dec"])

    def _complete(self) -> dict[str, Tensor]:
        return {"scale_in": torch.ones(()), "scale_out": torch.ones(()), **self.tensors}


def _in_memory(tensor: Tensor) -> Tensor:
    """A float32 copy that no longer depends on the file."""
    return torch.empty(tensor.shape).copy_(tensor)


def _refuse_infinite(tensors: Mapping[str, Tensor], title: str) -> None:
    for name, tensor in tensors.items():
        if not bool(tensor.isfinite().all()):
            raise LoadError(f"{name} of {title} holds a number that is not finite")


def _rescaled(tensors: dict[str, Tensor], title: str) -> dict[str, Tensor]:
    """The same latents with decoder rows of length 1: what they read is longer instead."""
    length = tensors["W_dec"].norm(dim=-1)
    if not bool((length > 0).all()):
        raise LoadError(f"a decoder row of {title} is zero, and activations count in units of its length")
    changed = {
        "W_enc": tensors["W_enc"] * length[:, None],
        "b_enc": tensors["b_enc"] * length,
        "W_dec": tensors["W_dec"] / length[:, None],
    }
    return tensors | changed


def json_object(path: Path, title: str) -> dict[str, Any]:
    """A JSON file of a sensible size that holds an object.

    Raises:
        LoadError: in one sentence.
    """
    if path.exists() and path.stat().st_size > MAX_JSON:
        raise LoadError(f"{path.name} of {title} has {path.stat().st_size / 1e6:.0f} MB; that is no config")
    try:
        return read_json(path)
    except RecursionError:
        raise LoadError(f"{path.name} of {title} is nested too deeply to be a config") from None


def mapped_safetensors(path: Path, title: str) -> dict[str, Tensor]:
    """The tensors of a safetensors file, as views of the mapped file."""
    if not path.exists():
        raise LoadError(f"{title} has no {path.name}, and a pickle is never opened here")
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (SafetensorError, OSError, ValueError, json.JSONDecodeError) as error:
        raise LoadError(f"{path.name} of {title} is not a readable safetensors file: {one_line(error)}") from None
