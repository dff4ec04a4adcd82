"""Pictures beside this file, and how near a drawing must come to them; `make golden` rewrites them."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
MEAN_TOLERANCE = 2.0  # of 255, mean over pixels and channels: another FreeType moves edges, not shapes


def difference(data: bytes, other: bytes) -> float:
    """Mean over pixels and channels, of 255; infinite where the sizes differ."""
    one, two = (np.asarray(Image.open(io.BytesIO(d)).convert("RGB"), float) for d in (data, other))
    return float(np.abs(one - two).mean()) if one.shape == two.shape else float("inf")


def assert_as_stored(name: str, data: bytes) -> None:
    """Fail unless `data` is a picture like the stored one of that name."""
    path = HERE / f"{name}.png"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_bytes(data)
    assert difference(data, path.read_bytes()) < MEAN_TOLERANCE
