"""A composed scene as compact text for a link, and as checked numbers from the browser.

`7_3.480.400.300.0_12.…` is: background seed, then for each object class, x, y, size and angle, the last four in
tenths (of a pixel of the model, of a degree). Rounding to tenths happens before rendering, so a link restores
the same pixels.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

MAX_OBJECTS, MAX_SEED = 4, 9999
SIZES = (8.0, 96.0)


@dataclass(frozen=True)
class Placed:
    """One emoji of a scene: centre and size in model pixels, angle in degrees."""

    class_index: int
    x: float
    y: float
    size: float
    angle: float


@dataclass(frozen=True)
class Scene:
    """A background and up to four emoji, the later ones in front."""

    background: int
    objects: tuple[Placed, ...]


def read_scene(data: object, n_classes: int, side: int) -> Scene:
    """A scene from an event of the composer.

    Raises:
        ValueError: one sentence, if anything has the wrong type or lies out of range.
    """
    if not isinstance(data, Mapping) or not isinstance(data.get("objects"), list):
        raise ValueError("a scene has a background and a list of objects")
    objects = data["objects"]
    if len(objects) > MAX_OBJECTS:
        raise ValueError(f"a scene holds at most {MAX_OBJECTS} emoji, got {len(objects)}")
    background = _whole(data.get("background"), "background", 0, MAX_SEED)
    return Scene(background, tuple(_placed(item, n_classes, side) for item in objects))


def _placed(item: object, n_classes: int, side: int) -> Placed:
    if not isinstance(item, Mapping):
        raise ValueError("each object of a scene has a class, x, y, size and angle")
    return Placed(
        class_index=_whole(item.get("class"), "class", 0, n_classes - 1),
        x=_tenth(item.get("x"), "x", 0, side),
        y=_tenth(item.get("y"), "y", 0, side),
        size=_tenth(item.get("size"), "size", *SIZES),
        angle=_tenth(item.get("angle"), "angle", -360, 360),
    )


def scene_to_text(scene: Scene) -> str:
    """`scene` as text that needs no escaping in an address."""
    numbers = ((o.class_index, *(round(10 * v) for v in (o.x, o.y, o.size, o.angle))) for o in scene.objects)
    return "_".join([str(scene.background), *(".".join(map(str, row)) for row in numbers)])


def scene_from_text(text: str, n_classes: int, side: int) -> Scene:
    """The reverse of `scene_to_text`.

    Raises:
        ValueError: if the text is not a scene.
    """
    if len(text) > 200 or not re.fullmatch(r"\d{1,4}(_\d{1,4}(\.-?\d{1,5}){4})*", text):
        raise ValueError("the link's scene is not readable")
    seed, *objects = text.split("_")
    rows = [[int(number) for number in item.split(".")] for item in objects]
    fields = [{"class": c, "x": x / 10, "y": y / 10, "size": s / 10, "angle": a / 10} for c, x, y, s, a in rows]
    return read_scene({"background": int(seed), "objects": fields}, n_classes, side)


def scene_to_value(scene: Scene) -> dict[str, Any]:
    """The part of the composer's value that describes the scene."""
    objects = [{"class": o.class_index, "x": o.x, "y": o.y, "size": o.size, "angle": o.angle} for o in scene.objects]
    return {"background": scene.background, "objects": objects}


def _number(value: object, name: str, low: float, high: float) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name} of an object lies between {low:g} and {high:g}; got {str(value)[:20]!r}")
    return float(value)


def _tenth(value: object, name: str, low: float, high: float) -> float:
    return round(_number(value, name, low, high), 1) + 0.0


def _whole(value: object, name: str, low: int, high: int) -> int:
    number = _number(value, name, low, high)
    if not number.is_integer():
        raise ValueError(f"{name} is a whole number; got {number:g}")
    return int(number)
