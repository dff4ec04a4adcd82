"""A Space's `requirements.txt`: what its modules import, pinned as in this repository; Gradio is the builder's."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from space_configs.config import ROOT

PINS = ROOT / "requirements.txt"
DISTRIBUTIONS = {"PIL": "pillow", "fontTools": "fonttools", "yaml": "pyyaml"}
"""Where the name to install is not the name to import."""
TOGETHER = {"timm": ("torchvision",)}
"""What a library needs that we pin for it, though we do not import it ourselves."""
CPU_WHEELS = "https://download.pytorch.org/whl/cpu"
"""PyTorch's own index of builds without CUDA, a gigabyte where the others are several."""
ZERO_GPU = {"torch": "2.11.0", "torchvision": "0.26.0"}
"""The newest torch that ZeroGPU offers, and the torchvision built for it."""


def pins(path: Path = PINS) -> dict[str, str]:
    """Distribution → exact version, in the file's order."""
    lines = (line.split("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    found = (re.fullmatch(r"([\w.-]+)==([\w.]+)", line) for line in lines)
    return {match[1]: match[2] for match in found if match}


def requirements(foreign: Iterable[str], hardware: str) -> str:
    """The text of the file.

    Args:
        foreign: top-level names of the libraries that the Space imports.

    Raises:
        ValueError: one sentence, if one of them has no pin.
    """
    known = pins()
    imported = {DISTRIBUTIONS.get(name, name) for name in set(foreign) - set(sys.stdlib_module_names)}
    needed = imported | {more for name in imported for more in TOGETHER.get(name, ())}
    if strangers := sorted(needed - set(known)):
        raise ValueError(f"{strangers[0]} has no version in {PINS.name}")
    versions = known | (ZERO_GPU if is_zero_gpu(hardware) else {})
    lines = [f"{name}=={versions[name]}" for name in known if name in needed - {"gradio"}]
    # Both indexes are asked: where the first has no build of this version, the other's is installed.
    index = [f"--extra-index-url {CPU_WHEELS}"] if hardware.startswith("cpu") else []
    return "\n".join([*index, *lines]) + "\n"


def is_zero_gpu(hardware: str) -> bool:
    """Whether it is ZeroGPU, by its name on the Hub."""
    return hardware.startswith("zero-")
