"""From a picture to the tensor a checkpoint was trained on, and from patches back to pixels.

The arithmetic is that of timm's evaluation transform, bit for bit (resize with Pillow, crop, scale to 0 … 1,
normalise in float32), without torchvision, whose import takes longer than torch's. Throughout, an
`image_size` is Pillow's (width, height), and a `grid` or a `patch` is (rows, columns) or (height, width).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

from prisma_engine.images import ImageSource, open_image
from prisma_engine.plain import from_plain, to_plain

INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "box": Image.Resampling.BOX,
    "hamming": Image.Resampling.HAMMING,
}
MODES = ("crop", "shortest_edge", "squash")


@dataclass(frozen=True)
class Preprocess:
    """How one checkpoint wants its images: `preprocess(image)` is the model's input.

    Raises:
        ValueError: if a field is out of range; the sentence names it.
    """

    height: int
    """Height of the model's input in pixels."""
    width: int
    mean: tuple[float, ...]
    """Subtracted from each channel after scaling to 0 … 1; its length is the number of channels (1 is grey)."""
    std: tuple[float, ...]
    """Divides each channel after the mean is subtracted."""
    interpolation: str = "bicubic"
    """Pillow's resampling filter, always antialiased."""
    crop_pct: float = 1.0
    """Share of the resized image, per side, that the centre crop keeps: the image is resized to
    floor(side / crop_pct) first."""
    mode: str = "crop"
    """"crop" keeps the aspect and cuts the longer side (timm); "shortest_edge" does the same as transformers
    does, which starts the crop half a pixel lower where the margin is odd; "squash" gives up the aspect."""

    def __post_init__(self) -> None:
        if self.height < 1 or self.width < 1:
            raise ValueError(f"an input of {self.height}×{self.width} pixels is empty")
        if len(self.mean) not in (1, 3) or len(self.std) != len(self.mean):
            raise ValueError(f"mean and std have one value per channel, 1 or 3, got {self.mean} and {self.std}")
        if any(s == 0 for s in self.std):
            raise ValueError(f"std divides, so it cannot be 0, got {self.std}")
        if not 0 < self.crop_pct <= 1:
            raise ValueError(f"crop_pct is a share above 0 and at most 1, got {self.crop_pct}")
        if self.interpolation not in INTERPOLATIONS:
            raise ValueError(f"interpolation is {self.interpolation!r}; expected one of {', '.join(INTERPOLATIONS)}")
        if self.mode not in MODES:
            raise ValueError(f"mode is {self.mode!r}; expected one of {', '.join(MODES)}")

    @property
    def n_channels(self) -> int:
        return len(self.mean)

    def __call__(self, images: ImageSource | Sequence[ImageSource]) -> Float[Tensor, "batch channel height width"]:
        """The model's input from one picture (batch of 1) or a list of them; anything `open_image` takes.

        The frames of a video are such a list: `preprocess(frames)[None]` is [1 frame channel height width].

        Raises:
            ImageRefused: if a picture cannot be opened.
        """
        batch: Sequence[Any] = images if isinstance(images, (list, tuple)) else [images]
        if not batch:
            raise ValueError("expected at least one image, got an empty list")
        return torch.stack([self.normalize(self.pixels(image)) for image in batch])

    def pixels(self, image: ImageSource) -> Image.Image:
        """Exactly the pixels that the model sees, before they are normalised: RGB, or L for a grey model."""
        image = open_image(image)
        if self.n_channels == 1:
            image = image.convert("L")
        resized = image.resize(self._resized(image.size), INTERPOLATIONS[self.interpolation])
        left, top = self._offset(resized.size)
        return resized.crop((left, top, left + self.width, top + self.height))

    def normalize(self, pixels: Image.Image) -> Float[Tensor, "channel height width"]:
        """`pixels` scaled to 0 … 1, less the mean, over the standard deviation."""
        array = np.array(pixels).reshape(pixels.height, pixels.width, -1)
        x = torch.from_numpy(array).permute(2, 0, 1).contiguous().to(torch.float32).div(255)
        return x.sub_(_per_channel(self.mean)).div_(_per_channel(self.std))

    def crop_box(self, image_size: tuple[int, int]) -> tuple[float, float, float, float]:
        """Which part of the original image the model sees: left, top, right, bottom in the original's pixels."""
        resized = self._resized(image_size)
        left, top = self._offset(resized)
        x, y = image_size[0] / resized[0], image_size[1] / resized[1]
        return left * x, top * y, (left + self.width) * x, (top + self.height) * y

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` is its inverse."""
        return to_plain(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Preprocess:
        """Read what `to_dict` wrote; a missing or unknown field is an error that names it."""
        return from_plain(cls, values, "preprocessing")

    def _resized(self, image_size: tuple[int, int]) -> tuple[int, int]:
        """Width and height after resizing, before the crop."""
        width, height = image_size
        to_width, to_height = math.floor(self.width / self.crop_pct), math.floor(self.height / self.crop_pct)
        if self.mode == "squash":
            return to_width, to_height
        if to_width != to_height:  # timm: a non-square input rounds, where a square one truncates
            ratio = min(width / to_width, height / to_height)
            return round(width / ratio), round(height / ratio)
        if width <= height:
            return to_width, int(to_width * height / width)
        return int(to_height * width / height), to_height

    def _offset(self, resized: tuple[int, int]) -> tuple[int, int]:
        """Left and top of the centre crop in the resized image."""
        margins = resized[0] - self.width, resized[1] - self.height
        if self.mode == "shortest_edge":
            return margins[0] // 2, margins[1] // 2
        return round(margins[0] / 2), round(margins[1] / 2)  # half to even, as torchvision's


PREPARATIONS = ("checkpoint", "tutorial")


def prepared(preprocess: Preprocess, preparation: str) -> Preprocess:
    """`preprocess`, as the checkpoint expects, or that of ViT-Prisma's tutorials: squashed to size, not normalised.

    All numbers that those publish for activation patching rest on the second.

    Raises:
        ValueError: if there is no such preparation.
    """
    if preparation not in PREPARATIONS:
        raise ValueError(f"pictures are prepared as {' or '.join(PREPARATIONS)}, got {str(preparation)[:20]!r}")
    if preparation == "checkpoint":
        return preprocess
    n = preprocess.n_channels
    return replace(preprocess, mean=(0.0,) * n, std=(1.0,) * n, mode="squash", crop_pct=1.0, interpolation="bilinear")


def patch_grid(height: int, width: int, patch: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of whole patches in an input of `height` × `width` pixels."""
    if height < patch[0] or width < patch[1]:
        raise ValueError(f"a patch of {patch[0]}×{patch[1]} pixels does not fit into {height}×{width}")
    return height // patch[0], width // patch[1]


def patch_box(index: int, grid: tuple[int, int], patch: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a patch in pixels of the model's input; patches count row by row from 0."""
    rows, columns = grid
    if not 0 <= index < rows * columns:
        raise ValueError(f"a grid of {rows}×{columns} has patches 0 to {rows * columns - 1}, got {index}")
    top, left = index // columns * patch[0], index % columns * patch[1]
    return left, top, left + patch[1], top + patch[0]


def patch_at(x: float, y: float, grid: tuple[int, int], patch: tuple[int, int]) -> int | None:
    """Index of the patch at a pixel of the model's input; None outside the grid."""
    row, column = math.floor(y / patch[0]), math.floor(x / patch[1])
    inside = 0 <= row < grid[0] and 0 <= column < grid[1]
    return row * grid[1] + column if inside else None


def _per_channel(values: tuple[float, ...]) -> Float[Tensor, "channel 1 1"]:
    return torch.tensor(values, dtype=torch.float32).view(-1, 1, 1)
