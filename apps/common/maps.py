"""Attention matrices → the little-endian bytes that the browser reads: one byte a cell, with its row's own scale.

A unit is one head, or what stands in for one: the mean over heads, the rollout. T is tokens, prefix tokens first.

`pack_maps`, U units: `float32 low[U]`, `float32 high[U]`, `uint16 row_low[U][T]`, `uint16 row_high[U][T]`,
`uint8 code[U][T][T]`. A row's ends are `low + (high - low) · row_low / 65535`, with `row_high` alike, and a cell is
`lo + (hi - lo) · code / 255`. A share of attention of 1e-4 in a row of such shares is thus as fine as one of 0.9 in a
row that reads a single patch.

`pack_thumbs`: `float32 low[U]`, `float32 high[U]`, `uint8 code[U][S][S]`. `pack_token`: `float32 row_low[U]`,
`row_high[U]`, `column_low[U]`, `column_high[U]`, `uint8 row[U][T]`, `uint8 column[U][T]`.

Cells that a mask hides are -inf. They count for no range and have code 0; who reads knows the mask.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8

CHUNK_BYTES = 8_000_000
LOG_FLOOR = 1e-6
THUMB = 32
Maps = Float[np.ndarray, "unit query key"]
_STEPS, _CODES = 65535, 255


def pack_maps(maps: Maps) -> bytes:
    """Whole matrices, one byte a cell; see the module for the layout.

    The error is at most 1/255 of the row's range, and where a row is flatter than 1/32,767 of its unit's range, 1/255
    of that instead.

    Raises:
        ValueError: if the matrices are not square, or hold NaN or +inf.
    """
    if maps.ndim != 3 or maps.shape[1] != maps.shape[2]:
        raise ValueError(f"expected square matrices [unit query key], got {list(maps.shape)}")
    row_low, row_high = _ends(maps)
    low, high = row_low.min(1), row_high.max(1)
    span = (high - low)[:, None]
    step = _STEPS / np.where(span > 0, span, 1)
    # Outwards, so that the coarser ends still hold the whole row.
    code_low = np.floor((row_low - low[:, None]) * step).clip(0, _STEPS)
    code_high = np.ceil((row_high - low[:, None]) * step).clip(0, _STEPS)
    lo, hi = (low[:, None] + span * code / _STEPS for code in (code_low, code_high))
    ends = (_float32(low), _float32(high), _uint16(code_low), _uint16(code_high))
    return b"".join((*ends, _codes(maps, lo, hi).tobytes()))


def pack_thumbs(thumbs: Float[np.ndarray, "unit side side"]) -> bytes:
    """Small pictures, each with its own scale; see the module for the layout.

    Raises:
        ValueError: if they hold NaN or +inf.
    """
    low, high = _ends(thumbs.reshape(len(thumbs), -1))
    codes = _codes(thumbs, *(np.broadcast_to(end[:, None], thumbs.shape[:2]) for end in (low, high)))
    return b"".join((_float32(low), _float32(high), codes.tobytes()))


def pack_token(rows: Float[np.ndarray, "unit token"], columns: Float[np.ndarray, "unit token"]) -> bytes:
    """What one token reads in every unit, and who reads it there, each on its own scale; see the module.

    Raises:
        ValueError: if they hold NaN or +inf.
    """
    ends = [_ends(part) for part in (rows, columns)]
    scales = [_float32(end) for pair in ends for end in pair]
    codes = [_codes(part[None], low[None], high[None]) for part, (low, high) in zip((rows, columns), ends, strict=True)]
    return b"".join([*scales, *(code.tobytes() for code in codes)])


def thumbnails(maps: Maps, size: int = THUMB) -> Float[np.ndarray, "unit side side"]:
    """Means over areas of the whole matrix: `size` × `size`, or as many cells as there are where those are fewer.

    Bins are even: bin i of n holds the tokens from ⌊i·T/n⌋ up to, not including, ⌊(i+1)·T/n⌋. Cells hidden by a mask
    (-inf) are left out of the mean, and an area of such cells alone is -inf.
    """
    n_tokens = maps.shape[-1]
    if n_tokens <= size:
        return maps
    edges = np.arange(size + 1) * n_tokens // size
    bins = (np.searchsorted(edges, np.arange(n_tokens), side="right") - 1 == np.arange(size)[:, None]).astype("f4")
    if maps.min() != -np.inf:
        n_cells = np.outer(np.diff(edges), np.diff(edges))
        return bins @ (maps @ bins.T) / n_cells.astype("f4")
    shown = ~np.isneginf(maps)
    total = bins @ (np.where(shown, maps, 0) @ bins.T)
    count = bins @ (shown.astype("f4") @ bins.T)
    return np.where(count > 0, total / np.maximum(count, 1), -np.inf).astype("f4")


def log_of_shares(pattern: Float[np.ndarray, "*any"]) -> Float[np.ndarray, "*any"]:
    """log10 of shares of attention, not below log10 of 1e-6: -6 stands for a millionth and for all that is less."""
    return np.log10(np.maximum(pattern, np.float32(LOG_FLOOR)))


def log_of_lengths(
    value: Float[np.ndarray, "unit ..."], longest: Float[np.ndarray, " unit"] | None = None
) -> Float[np.ndarray, "unit ..."]:
    """log10 of lengths, not below a millionth of the longest of their unit, since lengths have no natural floor.

    Args:
        longest: of each unit, where `value` is not all of it. A unit of zeros gives log10 of the smallest normal
            float32.
    """
    peak = value.reshape(len(value), -1).max(-1) if longest is None else longest
    floor = np.maximum(LOG_FLOOR * peak, np.finfo("f4").tiny).astype("f4")
    return np.log10(np.maximum(value, floor.reshape(-1, *[1] * (value.ndim - 1))))


def maps_bytes(n_units: int, n_tokens: int) -> int:
    """How many bytes `pack_maps` makes of that many matrices."""
    return n_units * (8 + 4 * n_tokens + n_tokens**2)


def heads_per_chunk(n_heads: int, n_tokens: int) -> int:
    """How many heads of a layer travel together: all of them up to 8 MB, or else as many as fit, at least one."""
    n_cells = n_tokens**2
    return n_heads if n_heads * n_cells <= CHUNK_BYTES else max(1, CHUNK_BYTES // n_cells)


def _ends(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Smallest and largest visible value along the last axis, in float64; 0 and 0 where nothing is visible."""
    low, high = (end(-1).astype("f8") for end in (values.min, values.max))
    if np.isnan(low).any() or (high == np.inf).any():
        raise ValueError("expected numbers, with -inf for hidden cells, got NaN or +inf; did the model overflow?")
    if (low == -np.inf).any():
        low = np.where(np.isneginf(values), np.inf, values).min(-1).astype("f8")
        low, high = (np.where(np.isfinite(end), end, 0) for end in (low, high))
    return low, high


def _codes(maps: np.ndarray, low: np.ndarray, high: np.ndarray) -> UInt8[np.ndarray, "unit query key"]:
    """Where each cell lies between its row's ends: 0 at `low`, 255 at `high`.

    In float64, a unit at a time: float32 would lose a narrow row far from 0, and all units together the CPU's cache.
    """
    span = high - low
    scale = _CODES / np.where(span > 0, span, 1)
    codes = np.empty(maps.shape, np.uint8)
    for unit, cells in enumerate(maps):
        scaled = (cells - low[unit, :, None]) * scale[unit, :, None]
        scaled += 0.5
        codes[unit] = scaled.clip(0, _CODES, out=scaled)
    return codes


def _float32(values: np.ndarray) -> bytes:
    return values.astype("<f4").tobytes()


def _uint16(values: np.ndarray) -> bytes:
    return values.astype("<u2").tobytes()
