"""How much memory a model needs, and whether it is there: known from the headers of its weights alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import torch

from prisma_engine.hub import LoadError
from prisma_engine.remote import Weights

SPARE = 1.25
"""Room beside the weights: the vision tower's twin, activations and a KV cache."""
SMALL = "emoji-llava"
"""What a machine without the memory is offered instead."""
CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Needs:
    """What a model asks of a machine.

    Attributes:
        download: bytes of its weights as they are stored.
        memory: bytes that it takes once loaded, with room to run.
        free: bytes that the device has now; None where that cannot be told.
        dtype: in which the weights are held.
    """

    download: int
    memory: int
    free: int | None
    dtype: torch.dtype

    @property
    def fits(self) -> bool:
        return self.free is None or self.memory <= self.free

    def __str__(self) -> str:
        asked = f"{_gb(self.download)} of weights, and {_gb(self.memory)} of memory in {str(self.dtype)[6:]}"
        return asked if self.free is None else f"{asked}, of which {_gb(self.free)} is free"


def needs(weights: Weights, dtype: torch.dtype, device: str = "cpu") -> Needs:
    """What these weights need in this precision on this device."""
    count = sum(math.prod(shape) for shape in weights.shapes.values())
    return Needs(weights.n_bytes, int(count * dtype.itemsize * SPARE), free_memory(device), dtype)


def check(name: str, found: Needs) -> None:
    """Refuse a model that does not fit.

    Raises:
        LoadError: one sentence, which names the small model.
    """
    if not found.fits:
        raise LoadError(f"{name} needs {found}, which is not enough; load {SMALL!r}, which runs anywhere")


def stored(folder: Path) -> Weights:
    """The weights in a folder, from the headers of its files.

    Raises:
        LoadError: if a file is damaged, or there is none.
    """
    from safetensors import SafetensorError, safe_open

    shapes: dict[str, tuple[int, ...]] = {}
    files = sorted(folder.glob("*.safetensors"))
    for path in files:
        try:
            with safe_open(path, framework="pt") as file:
                shapes |= {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        except (SafetensorError, OSError):
            raise LoadError(f"{path.name} of {folder.name} is not a readable safetensors file") from None
    if not files:
        raise LoadError(f"{folder.name} offers no safetensors weights, and a pickle is never opened here")
    return Weights(sum(path.stat().st_size for path in files), shapes)


def free_memory(device: str = "cpu") -> int | None:
    """Bytes that a device has free; of the CPU, also below what this process may take. None where nobody says."""
    if device.startswith("cuda"):
        try:
            return torch.cuda.mem_get_info(device)[0]
        except RuntimeError:  # a GPU that is only lent for the time of a call does not say it before
            return None
    if device != "cpu":
        return None
    known = [bytes_ for bytes_ in (_available(Path("/proc/meminfo")), _allowed(CGROUPS)) if bytes_ is not None]
    return min(known, default=None)


def _available(path: Path) -> int | None:
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    found = [line.split() for line in lines if line.startswith("MemAvailable:")]
    return int(found[0][1]) * 1024 if found else None


def _allowed(folder: Path) -> int | None:
    """What a container may still take."""
    try:
        most, now = ((folder / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
    except OSError:
        return None
    return None if most == "max" else max(0, int(most) - int(now))


def _gb(n_bytes: int) -> str:
    return f"{n_bytes / 1e9:.1f} GB"
