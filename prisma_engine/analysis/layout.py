"""Which token is what and lies where: the geometry that every statement about an attention head needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Layout:
    """The tokens of one model: prefix tokens first, then patches in raster order, frame by frame.

    Attributes:
        prefix_names: names of the prefix tokens, such as ("CLS", "REG1"); registers begin with "REG".
        grid: rows and columns of patches in one frame.
        n_frames: frames of tokens, frames of the input divided by those a tubelet spans; 1 for a still picture.

    Raises:
        ValueError: if there is no patch.
    """

    prefix_names: tuple[str, ...]
    grid: tuple[int, int]
    n_frames: int = 1

    def __post_init__(self) -> None:
        if min(*self.grid, self.n_frames) < 1:
            raise ValueError(f"a layout needs at least one row, column and frame, got {self.grid} × {self.n_frames}")

    @property
    def n_prefix(self) -> int:
        return len(self.prefix_names)

    @property
    def n_patches(self) -> int:
        """Patches of all frames."""
        return self.grid[0] * self.grid[1] * self.n_frames

    @property
    def n_tokens(self) -> int:
        return self.n_prefix + self.n_patches

    @property
    def patch_slice(self) -> slice:
        """Where the patches are on a token axis."""
        return slice(self.n_prefix, None)

    @property
    def cls(self) -> int | None:
        """Index of the CLS token, or None."""
        return self.prefix_names.index("CLS") if "CLS" in self.prefix_names else None

    @property
    def registers(self) -> tuple[int, ...]:
        """Indices of the register tokens."""
        return tuple(i for i, name in enumerate(self.prefix_names) if name.startswith("REG"))

    @cached_property
    def places(self) -> Int[Tensor, "patch 3"]:
        """Frame, row and column of each patch."""
        rows, columns = self.grid
        axes = torch.arange(self.n_frames), torch.arange(rows), torch.arange(columns)
        return torch.cartesian_prod(*axes).view(-1, 3)

    @cached_property
    def steps(self) -> Int[Tensor, "query key 3"]:
        """Frames, rows and columns from a query patch to a key patch."""
        return self.places[None, :] - self.places[:, None]

    @cached_property
    def same_frame(self) -> Bool[Tensor, "query key"]:
        return self.steps[..., 0] == 0

    @cached_property
    def same_patch(self) -> Bool[Tensor, "query key"]:
        return torch.eye(self.n_patches, dtype=torch.bool)

    @cached_property
    def distance(self) -> Float[Tensor, "query key"]:
        """Euclidean distance of two patches on the grid, in patches; the frame does not count."""
        return self.steps[..., 1:].float().norm(dim=-1)

    @cached_property
    def ring(self) -> Int[Tensor, "query key"]:
        """Which keys are equally far from a query: the same number for the same frame and distance, from 0."""
        squared = self.steps[..., 1:].square().sum(-1)
        frame = self.places[None, :, 0].expand_as(squared)
        _, number = (frame * (int(squared.max()) + 1) + squared).unique(return_inverse=True)
        return number

    @cached_property
    def in_corner(self) -> Bool[Tensor, " patch"]:
        """The four corners of each frame (two, where the grid is one row or column)."""
        return self._on_border(1) & self._on_border(2)

    @cached_property
    def on_edge(self) -> Bool[Tensor, " patch"]:
        """The outermost rows and columns of each frame, corners included."""
        return self._on_border(1) | self._on_border(2)

    def _on_border(self, axis: int) -> Bool[Tensor, " patch"]:
        place = self.places[:, axis]
        return (place == 0) | (place == self.grid[axis - 1] - 1)
