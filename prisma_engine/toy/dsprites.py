"""dSprites: one square, ellipse or heart on black, on a full grid of size, turn and place; drawn here, not downloaded.

The latents, their values and their order are those of the public set (Matthey et al. 2017, "dSprites: Disentanglement
testing Sprites dataset"): 3 shapes × 6 scales × 40 orientations × 32 × 32 positions = 737,280 binary pictures of
64×64. The pixels are our own drawing; where the public file is at hand, `read_npz` gives its pictures instead.
"""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from numpy.lib.stride_tricks import as_strided
from PIL import Image

Classes = Int[np.ndarray, "picture 6"]
Pictures = UInt8[np.ndarray, "picture 64 64"]

SIZE = 64
SHAPES = ("square", "ellipse", "heart")
LATENTS = ("color", "shape", "scale", "orientation", "posX", "posY")
COUNTS = (1, 3, 6, 40, 32, 32)
"""Values of each latent; the last one varies fastest in the grid."""
N_PICTURES = math.prod(COUNTS)

SQUARE_SIDE = 22.0
ELLIPSE_AXES = (15.0, 9.0)
HEART_UNIT = 11.5
"""Sizes in pixels at scale 1; every shape then fits in a circle of radius 16 about its centre."""
TILE, SHIFTS = 33, 31
"""Side of the picture of one turned shape, and how far it can be moved, one pixel a step."""


def values() -> dict[str, Float[np.ndarray, " value"]]:
    """The values of each latent as the public set gives them: shapes 1, 2, 3; radians from 0 to 2π, both ends in;
    positions from 0 to 1, where one step is one pixel."""
    ends = {"color": (1, 1), "shape": (1, 3), "scale": (0.5, 1), "orientation": (0, 2 * math.pi)}
    return {
        name: np.linspace(*ends.get(name, (0, 1)), n)  # type: ignore[call-overload]
        for name, n in zip(LATENTS, COUNTS, strict=True)
    }


def classes_of(index: Int[np.ndarray, " picture"]) -> Classes:
    """Which value of each latent the pictures at these places of the grid have."""
    return np.stack(np.unravel_index(index, COUNTS), 1)


def index_of(classes: Classes) -> Int[np.ndarray, " picture"]:
    """Places in the grid; the inverse of `classes_of`."""
    return np.asarray(np.ravel_multi_index(tuple(np.asarray(classes).T), COUNTS))


def draw(index: Int[np.ndarray, " picture"]) -> Pictures:
    """The pictures at these places of the grid, 1 inside the shape and 0 outside; the shape is also its mask.

    Raises:
        IndexError: for a place outside the grid.
    """
    index = np.asarray(index)
    if len(index) and not 0 <= index.min() <= index.max() < N_PICTURES:
        raise IndexError(f"dSprites has pictures 0 … {N_PICTURES - 1}, got {index.min()} … {index.max()}")
    turned, x, y = index // 1024, index // 32 % 32, index % 32
    return _windows()[turned, SHIFTS - y, SHIFTS - x]


def picture(place: int) -> Image.Image:
    """The picture at one place of the grid, white on black, for everything that takes a picture."""
    return Image.fromarray(draw(np.array([place]))[0] * np.uint8(255))


@cache
def _windows() -> UInt8[np.ndarray, "turned 32 32 64 64"]:
    """Every view of the 720 turned shapes through a window of the picture's size: [SHIFTS - y, SHIFTS - x]."""
    side = TILE + 2 * SHIFTS
    bank = np.zeros((math.prod(COUNTS[:4]), side, side), np.uint8)
    bank[:, SHIFTS : SHIFTS + TILE, SHIFTS : SHIFTS + TILE] = _tiles()
    one, row, column = bank.strides
    shape = (len(bank), SHIFTS + 1, SHIFTS + 1, SIZE, SIZE)
    return as_strided(bank, shape, (one, row, column, row, column), writeable=False)


def _tiles() -> UInt8[np.ndarray, "turned 33 33"]:
    given = values()
    return np.stack(
        [inside(shape, scale, angle) for shape in SHAPES for scale in given["scale"] for angle in given["orientation"]]
    ).astype(np.uint8)


def inside(shape: str, scale: float, angle: float, side: int = TILE) -> Bool[np.ndarray, "side side"]:
    """Which pixel centres of a square picture lie inside a shape about its middle.

    Args:
        scale: 0.5 … 1, of the largest size.
        angle: radians, from x towards y, which points down.
    """
    at = np.arange(side) - (side - 1) / 2
    y, x = np.meshgrid(at, at, indexing="ij")
    u = (x * math.cos(angle) + y * math.sin(angle)) / scale
    v = (y * math.cos(angle) - x * math.sin(angle)) / scale
    if shape == "square":
        return np.maximum(abs(u), abs(v)) <= SQUARE_SIDE / 2
    if shape == "ellipse":
        return (u / ELLIPSE_AXES[0]) ** 2 + (v / ELLIPSE_AXES[1]) ** 2 <= 1
    if shape == "heart":
        u, v = u / HEART_UNIT, -v / HEART_UNIT  # the point of the heart is down
        return (u**2 + v**2 - 1) ** 3 <= u**2 * v**3
    raise ValueError(f"there is no shape {shape!r}; there are {', '.join(SHAPES)}")


def read_npz(path: Path) -> tuple[Pictures, Classes]:
    """The public file `dsprites_ndarray_co1sh3sc6or40x32y32_64x64.npz`: its pictures and classes, in its own order.

    Its arrays alone are read; its metadata is a pickle and stays shut. The pictures take 3 GB.

    Raises:
        ValueError: one sentence, if it is not that file.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            pictures, classes = file["imgs"], file["latents_classes"]
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{Path(path).name} is not the public dSprites file: {error}") from None
    if pictures.shape != (len(classes), SIZE, SIZE) or classes.shape[1] != len(LATENTS) or pictures.dtype != np.uint8:
        got = f"{pictures.dtype} {pictures.shape} and {classes.shape}"
        raise ValueError(f"{Path(path).name} is not the public dSprites file: expected 64×64 bytes, got {got}")
    return pictures, classes


def splits(seed: int = 0) -> dict[str, Int[np.ndarray, " picture"]]:
    """Which pictures are for what, by their sorted places in the grid.

    "compositional" are whole combinations that no training shows: of the 384 cells of scale (6) × angle within a
    quarter turn (4 parts) × place (4 × 4), a quarter, for all three shapes. Every value of every latent is still
    trained on, and since the angle counts within a quarter turn, few squares lie there (5 %, most of them small) that
    look like one that is trained on under another angle. Of all other pictures, three quarters are "train" and one
    quarter is "random", as the public set is usually split.
    """
    rng = np.random.default_rng(seed)
    chosen = np.zeros(N_CELLS, bool)
    chosen[rng.permutation(N_CELLS)[: N_CELLS // 4]] = True
    place = np.arange(N_PICTURES)
    away = chosen[_cell(classes_of(place))]
    shuffled = rng.permutation(place[~away])
    cut = len(shuffled) // 4
    return {"train": np.sort(shuffled[cut:]), "random": np.sort(shuffled[:cut]), "compositional": place[away]}


N_CELLS = 6 * 4 * 4 * 4


def _cell(classes: Classes) -> Int[np.ndarray, " picture"]:
    _, _, scale, orientation, x, y = classes.T
    quarter = np.pi / 2
    part = (values()["orientation"][orientation] + 1e-9) % quarter // (quarter / 4 + 1e-9)
    return ((scale * 4 + part.astype(int)) * 4 + x // 8) * 4 + y // 8
