"""Templates: named sets of (query, key) cells of an attention pattern, such as "keys in the query's own row".

A template's *mass* is the attention that its queries give to its cells, averaged over those queries: 0 to 1, since
a query's attention over all keys is 1. It is linear in the pattern, so the mass of a mean pattern is the mean mass.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from prisma_engine.analysis.layout import Layout

Cells = Bool[Tensor, "query key"]


@dataclass(frozen=True)
class Template:
    """Cells of a patch × patch block, or columns of prefix tokens.

    Attributes:
        id: its name.
        patches: which keys count for each query patch [query key]; None where it is about prefix tokens.
        prefix: which prefix tokens count as keys.
        queries: which patches count as queries [patch]; all of them when None.
    """

    id: str
    patches: Callable[[Layout], Cells] | None = None
    prefix: Callable[[Layout], tuple[int, ...]] | None = None
    queries: Callable[[Layout], Bool[Tensor, " patch"]] | None = None

    def cells(self, layout: Layout) -> Cells:
        """The cells among all tokens; none where the layout has nothing of the kind."""
        cells = torch.zeros(layout.n_tokens, layout.n_tokens, dtype=torch.bool)
        patches = layout.patch_slice
        if self.patches is not None:
            cells[patches, patches] = self.patches(layout) & self._readers(layout)[:, None]
        if self.prefix is not None:
            cells[patches, list(self.prefix(layout))] = True
        return cells

    def weights(self, layout: Layout) -> Float[Tensor, "query key"]:
        """What each cell of a pattern counts in the mass: 1 / number of queries in the template, 0 outside.

        Read-only: computed once for a layout.
        """
        return _weights(self, layout)

    def applies(self, layout: Layout) -> bool:
        """Whether the layout has such cells, and keys that are none, so that the mass says something."""
        cells = self.cells(layout)[layout.patch_slice]
        readers = self._readers(layout)
        return bool(cells.any() and not cells[readers].all())

    def mass(self, pattern: Float[Tensor, "*any query key"], layout: Layout) -> Float[Tensor, "*any"]:
        """Mean over the template's queries of the attention on its cells: 0 to 1."""
        return pattern.flatten(-2) @ self.weights(layout).flatten().to(pattern)

    def _readers(self, layout: Layout) -> Bool[Tensor, " patch"]:
        return torch.ones(layout.n_patches, dtype=torch.bool) if self.queries is None else self.queries(layout)


@lru_cache(maxsize=32)
def _weights(template: Template, layout: Layout) -> Float[Tensor, "query key"]:
    n_queries = int(template._readers(layout).sum())
    return template.cells(layout).float() / max(1, n_queries)


def _same_row(layout: Layout) -> Cells:
    return layout.same_frame & (layout.steps[..., 1] == 0) & ~layout.same_patch


def _same_column(layout: Layout) -> Cells:
    return layout.same_frame & (layout.steps[..., 2] == 0) & ~layout.same_patch


def _neighbours(layout: Layout) -> Cells:
    return layout.same_frame & (layout.steps[..., 1:].abs().amax(-1) <= 1) & ~layout.same_patch


def _same_place(layout: Layout) -> Cells:
    return ~layout.same_frame & (layout.steps[..., 1:] == 0).all(-1)


def _as_keys(patches: Bool[Tensor, " patch"]) -> Cells:
    return patches.expand(len(patches), -1)


CLS = Template("cls", prefix=lambda layout: () if layout.cls is None else (layout.cls,))
REGISTERS = Template("registers", prefix=lambda layout: layout.registers)
SELF = Template("self", patches=lambda layout: layout.same_patch)
NEIGHBOURS = Template("neighbours", patches=_neighbours)
ROW = Template("row", patches=_same_row)
COLUMN = Template("column", patches=_same_column)
CORNERS = Template(
    "corners", patches=lambda layout: _as_keys(layout.in_corner), queries=lambda layout: ~layout.in_corner
)
EDGES = Template("edges", patches=lambda layout: _as_keys(layout.on_edge), queries=lambda layout: ~layout.on_edge)
OTHER_FRAMES = Template("other frames", patches=_same_place)
