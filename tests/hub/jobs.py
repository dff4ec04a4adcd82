"""What another machine is asked to do; each returns plain values."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import prisma_engine as pe
from model_cards import __main__ as command
from model_cards import build

__all__ = ["pe"]


def publish(arguments: list[str], cards: str) -> None:
    """`python -m model_cards publish …` with the folders below `cards`."""
    build.CARDS = Path(cards)
    build.repositories = lambda: sorted({path.parents[1] for path in Path(cards).glob("*/*/eval.json")})
    sys.argv = ["model_cards", "publish", "--namespace", "org", *arguments]
    try:
        command.main()
    except SystemExit as end:
        raise ValueError(end.code) from None


def tensors(state: dict[str, Any]) -> str:
    """A hash of named tensors."""
    found = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        found.update(name.encode() + tensor.numpy().tobytes())
    return found.hexdigest()


def load(name: str, revision: str | None = None) -> dict[str, Any]:
    model = pe.load(name, revision=revision)
    return {"revision": model.revision, "tensors": tensors(model.state_dict()), "name": model.name}
