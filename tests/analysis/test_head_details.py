"""What a head does, in words."""

from __future__ import annotations

import pytest

import prisma_engine as pe
from prisma_engine.analysis.heads.details import PARTS, describe, describe_period
from prisma_engine.analysis.heads.types import CLS_READER, COLUMN, CORNER, EDGES, NEIGHBOUR, ROW, SINK, TYPES
from tour_maps import LAYOUTS, every, pattern_of, place

LAYOUT = pe.Layout(("CLS",), (5, 6))


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_which_corner_or_edge(layout):
    rows, columns = layout.grid
    corner = pattern_of(layout, lambda i, j: place(layout, j)[1:] == (0, columns - 1))[0]
    assert describe(corner, CORNER, layout) == "top right 100 %"
    bottom = pattern_of(layout, lambda i, j: place(layout, j)[1] == rows - 1)[0]
    assert describe(bottom, EDGES, layout) == "bottom 100 %"


def test_largest_part_first_and_no_more_than_needed():
    corners = pattern_of(LAYOUT, lambda i, j: j in (0, 5))[0]
    corners[1:] = 0.7 * corners[1:] + 0.3 * pattern_of(LAYOUT, lambda i, j: j == 24)[0, 1:]
    assert describe(corners, CORNER, LAYOUT) == "top left 35 %, top right 35 %, bottom left 30 %"
    even = describe(every(LAYOUT)[0], NEIGHBOUR, LAYOUT)
    assert even is not None and even.count("%") == 4


@pytest.mark.parametrize(
    "type, towards, words",
    [
        (ROW, (0, -1), "to the left 100 %"),
        (ROW, (0, 3), "to the right 100 %"),
        (COLUMN, (-2, 0), "above 100 %"),
        (COLUMN, (1, 0), "below 100 %"),
        (NEIGHBOUR, (1, -1), "below left 100 %"),
        (NEIGHBOUR, (0, 1), "right 100 %"),
    ],
)
def test_which_side(type, towards, words):
    down, right = towards
    head = pattern_of(LAYOUT, lambda i, j: (j // 6 - i // 6, j % 6 - i % 6) == (down, right))[0]
    assert describe(head, type, LAYOUT) == words


def test_nothing_to_say():
    assert describe(every(LAYOUT)[0], CLS_READER, LAYOUT) is None
    assert describe(every(LAYOUT)[0], SINK, LAYOUT) is None
    assert describe(pattern_of(LAYOUT, lambda i, j: i == j)[0], ROW, LAYOUT) is None


def test_a_period_or_a_single_step():
    column = pattern_of(LAYOUT, lambda i, j: i != j and i % 6 == j % 6)[0]
    assert describe_period(column, 6, 0, LAYOUT) == "every 6 patches: the same column"
    above = pattern_of(LAYOUT, lambda i, j: j == i - 6)[0]
    assert describe_period(above, 6, 0, LAYOUT) == "one step of -6, 1 row up: 100 %"


def test_parts_of_a_type_cover_it():
    assert PARTS.keys() <= {type.id for type in TYPES}
    for type in (CORNER, EDGES, NEIGHBOUR, ROW, COLUMN):
        assert type.template is not None
        cells = type.template.cells(LAYOUT)[1:, 1:]
        parts = sum(where(LAYOUT) & cells for where in PARTS[type.id].values())
        assert (parts == cells).all(), type.id  # each cell once
