"""What a server says of itself to whoever watches over it: versions, and the models in memory."""

from __future__ import annotations

import platform
from functools import lru_cache
from importlib.metadata import version
from typing import Any

from apps.common.runtime import MODELS, Models

LIBRARIES = ("gradio", "torch", "timm", "transformers", "huggingface_hub")


def report(models: Models = MODELS) -> dict[str, Any]:
    """`ok`, `versions` by name, and `models`: id and revision of each in memory, the last used last."""
    loaded = [{"id": name, "revision": models.revision(name)} for name in models.loaded()]
    return {"ok": True, "versions": versions(), "models": loaded}


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Of Python and of the libraries that decide what the numbers are."""
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
