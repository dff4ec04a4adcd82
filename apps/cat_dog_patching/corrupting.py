"""Hiding part of a picture: shapes → a mask in the pixels that the model sees → those pixels blacked out or filled.

Coordinates are shares of the picture's sides, from 0 to 1, rounded to thousandths before anything is drawn, so that a
link restores the same pixels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image, ImageFilter

FILLS = ("black", "blur", "mean", "noise")
FILL_WORDS = {"black": "black", "blur": "a blur", "mean": "its mean colour", "noise": "noise"}
MAX_SHAPES, MAX_POINTS = 40, 400
STEPS = 1000
BLUR = 1 / 10  # standard deviation, as a share of the longer side: nothing of an object's drawing is left
_SHAPE = re.compile(r"b(\.\d{1,4}){4}|s(\.\d{1,4}){3,}")

Pixels = UInt8[np.ndarray, "height width 3"]
Numbers = tuple[int, ...]


@dataclass(frozen=True)
class Shape:
    """One shape, in thousandths: a box (x0, y0, x1, y1), or a brush stroke (radius, x, y, x, y, …).

    A radius is a share of the picture's width.
    """

    kind: str
    numbers: Numbers

    @property
    def as_dict(self) -> dict[str, Any]:
        """The JSON that the mask painter reads."""
        shares = [number / STEPS for number in self.numbers]
        if self.kind == "box":
            return {"kind": "box", **dict(zip(("x0", "y0", "x1", "y1"), shares, strict=True))}
        return {
            "kind": "stroke",
            "r": shares[0],
            "points": [list(p) for p in zip(shares[1::2], shares[2::2], strict=True)],
        }


@dataclass(frozen=True)
class Hidden:
    """What is hidden and by what: "black", "blur", "mean" colour of the picture, or "noise"."""

    shapes: tuple[Shape, ...]
    fill: str = "black"

    @property
    def text(self) -> str:
        """The shapes as text that needs no escaping in an address."""
        return "_".join(f"{shape.kind[0]}." + ".".join(map(str, shape.numbers)) for shape in self.shapes)


def box(x0: float, y0: float, x1: float, y1: float) -> Shape:
    """A box from shares of the sides; its corners may come in any order."""
    return Shape("box", _thousandths((min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1))))


def read_shapes(data: object) -> tuple[Shape, ...]:
    """Shapes from an event of the mask painter.

    Raises:
        ValueError: one sentence, if anything has the wrong type, lies out of range, or there is too much of it.
    """
    if not isinstance(data, list) or len(data) > MAX_SHAPES:
        raise ValueError(f"at most {MAX_SHAPES} shapes can be hidden at once")
    shapes = tuple(_shape(item) for item in data)
    _check(shapes)
    return shapes


def shapes_from_text(text: str) -> tuple[Shape, ...]:
    """The reverse of `Hidden.text`.

    Raises:
        ValueError: if the text is no list of shapes.
    """
    parts = text.split("_") if text else []
    if len(parts) > MAX_SHAPES or not all(_SHAPE.fullmatch(part) for part in parts):
        raise ValueError("what the link hides is not readable")
    shapes = tuple(_from_numbers(part[0], tuple(map(int, part.split(".")[1:]))) for part in parts)
    _check(shapes)
    return shapes


def hide(picture: Image.Image, shapes: str | Sequence[Shape], fill: str = "black") -> Image.Image:
    """The picture with some of it hidden.

    Args:
        picture: the pixels that the model sees.
        shapes: as shapes, or as the text of a link.
        fill: "black"; "blur", Gaussian, a tenth of the longer side; "mean", the picture's mean colour; "noise",
            uniform and always the same.

    Raises:
        ValueError: if there is no such fill, or the text is not readable.
    """
    shapes = shapes_from_text(shapes) if isinstance(shapes, str) else shapes
    mask = mask_of(shapes, (picture.height, picture.width))
    pixels = np.array(picture)
    pixels[mask] = _filling(picture, pixels, fill)[mask]
    return Image.fromarray(pixels)


def mask_of(shapes: Sequence[Shape], size: tuple[int, int]) -> Bool[np.ndarray, "height width"]:
    """Which pixels have their middle inside of a shape."""
    height, width = size
    y, x = np.meshgrid(np.arange(height) + 0.5, np.arange(width) + 0.5, indexing="ij")
    mask = np.zeros(size, bool)
    for shape in shapes:
        numbers = np.array(shape.numbers) / STEPS
        if shape.kind == "box":
            x0, y0, x1, y1 = numbers * (width, height, width, height)
            mask |= (x0 <= x) & (x < x1) & (y0 <= y) & (y < y1)
        else:
            points = numbers[1:].reshape(-1, 2) * (width, height)
            mask |= _distance(x, y, points) <= numbers[0] * width
    return mask


def around(mask: Bool[np.ndarray, "height width"]) -> Shape:
    """The smallest box, in thousandths, that holds every pixel of a mask.

    Raises:
        ValueError: if the mask is empty.
    """
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        raise ValueError("there is nothing to put a box around")
    height, width = mask.shape
    return box(columns[0] / width, rows[0] / height, (columns[-1] + 1) / width, (rows[-1] + 1) / height)


def _filling(picture: Image.Image, pixels: np.ndarray, fill: str) -> np.ndarray:
    if fill == "black":
        return np.zeros_like(pixels)
    if fill == "blur":
        return np.asarray(picture.filter(ImageFilter.GaussianBlur(BLUR * max(picture.size))))
    if fill == "mean":
        return np.broadcast_to(pixels.mean((0, 1)).round().astype(np.uint8), pixels.shape)
    if fill == "noise":
        return np.random.default_rng(0).integers(0, 256, pixels.shape, dtype=np.uint8)
    raise ValueError(f"a hidden part is filled with one of {', '.join(FILLS)}; got {str(fill)[:20]!r}")


def _distance(x: np.ndarray, y: np.ndarray, points: Float[np.ndarray, "point 2"]) -> np.ndarray:
    """Of every pixel, to the nearest point of a line through `points`."""
    ends = points[1:] if len(points) > 1 else points
    nearest = np.full(x.shape, np.inf)
    for (x0, y0), (x1, y1) in zip(points, ends, strict=False):
        along = np.array([x1 - x0, y1 - y0])
        length = float(along @ along)
        t = np.clip(((x - x0) * along[0] + (y - y0) * along[1]) / length, 0, 1) if length else 0.0
        nearest = np.minimum(nearest, np.hypot(x - x0 - t * along[0], y - y0 - t * along[1]))
    return nearest


def _shape(item: object) -> Shape:
    if not isinstance(item, Mapping):
        raise ValueError("each shape is a box or a stroke")
    if item.get("kind") == "box":
        return box(*(_share(item.get(name)) for name in ("x0", "y0", "x1", "y1")))
    points = item.get("points")
    if item.get("kind") != "stroke" or not isinstance(points, list) or not 1 <= len(points) <= MAX_POINTS:
        raise ValueError(f"each shape is a box, or a stroke of 1 to {MAX_POINTS} points")
    flat = [_share(value) for point in points if isinstance(point, list) and len(point) == 2 for value in point]
    return _from_numbers("s", _thousandths((_share(item.get("r")), *flat)))


def _from_numbers(letter: str, numbers: Numbers) -> Shape:
    if any(number > STEPS for number in numbers) or len(numbers) % 2 != (letter == "s") or len(numbers) < 3:
        raise ValueError("what is hidden lies outside of the picture")
    return Shape("box" if letter == "b" else "stroke", numbers)


def _check(shapes: Sequence[Shape]) -> None:
    if sum(len(shape.numbers) // 2 for shape in shapes if shape.kind == "stroke") > MAX_POINTS:
        raise ValueError(f"all strokes together have at most {MAX_POINTS} points")


def _share(value: object) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not -1 <= value <= 2:
        raise ValueError(f"coordinates of a shape lie between 0 and 1; got {str(value)[:20]!r}")
    return min(max(float(value), 0.0), 1.0)


def _thousandths(shares: Sequence[float]) -> Numbers:
    return tuple(round(share * STEPS) for share in shares)
