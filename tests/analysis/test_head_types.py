"""Each type of head is found where it was built in, and not in what merely looks like it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import prisma_engine as pe
from prisma_engine.analysis.heads.gathering import Gathering
from prisma_engine.analysis.heads.types import RULE, TYPES, strength, types_of
from tour_maps import LAYOUTS, every, maps_showing, pattern_of, place

PLAIN = pe.Layout(("CLS",), (7, 7))
Rule = Callable[[int, int], bool]


def rule_of(id: str, at: pe.Layout) -> Rule:
    rows, columns = at.grid

    def border(j: int) -> int:
        _, r, c = place(at, j)
        return (r in (0, rows - 1)) + (c in (0, columns - 1))

    def apart(i: int, j: int) -> tuple[int, int, int]:
        (f, r, c), (g, s, d) = place(at, i), place(at, j)
        return g - f, s - r, d - c

    rules: dict[str, Rule] = {
        "corner": lambda i, j: border(j) == 2,
        "edges": lambda i, j: border(j) == 1,
        "modulus": lambda i, j: i != j and (j - i) % 5 == 2,
        "row": lambda i, j: i != j and apart(i, j)[:2] == (0, 0),
        "column": lambda i, j: i != j and apart(i, j)[::2] == (0, 0),
        "neighbour": lambda i, j: i != j and apart(i, j)[0] == 0 and max(map(abs, apart(i, j)[1:])) == 1,
    }
    return rules[id]


def noise(layout: pe.Layout, n_heads: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n_heads, layout.n_tokens, layout.n_tokens, generator=generator).softmax(-1)


def found_in(images: list[Tensor], layout: pe.Layout, n_shuffles: int = 99) -> set[tuple[str, int]]:
    """(type, head) of all that is named in one layer of heads with these patterns [head query key], image by image."""
    gathering = Gathering(layout, 1, len(images[0]), n_shuffles)
    for i, pattern in enumerate(images):
        gathering.add(str(i), maps_showing(pattern[None], layout))
    return {(found.type, found.head) for found in gathering.finish("a model", "images").found}


def mixed(head: Tensor, layout: pe.Layout, n: int = 6, share: float = 0.6) -> list[Tensor]:
    """Images in which head 0 does this with a share of its attention, and heads 1 to 3 nothing in particular."""
    images = [noise(layout, 4, seed) for seed in range(n)]
    for image in images:
        image[0] = share * head[0] + (1 - share) * image[0]
    return images


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
@pytest.mark.parametrize("id", ["corner", "edges", "modulus", "row", "column", "neighbour"])
def test_a_type_is_found_where_it_is_and_nowhere_else(id, layout):
    found = found_in(mixed(pattern_of(layout, rule_of(id, layout)), layout), layout)
    assert (id, 0) in found
    assert {head for _, head in found} == {0}


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_heads_that_do_nothing_in_particular_have_no_name(layout):
    assert found_in([noise(layout, 5, seed) for seed in range(6)], layout) == set()
    assert found_in([every(layout)] * 3, layout) == set()


def test_readers_of_prefix_tokens():
    layout = pe.Layout(("CLS", "REG1", "REG2"), (5, 5))
    for token, id in ((0, "cls"), (2, "register_sink")):
        head = torch.zeros(1, layout.n_tokens, layout.n_tokens)
        head[..., token] = 1
        assert found_in(mixed(head, layout), layout) == {(id, 0)}


def sinks(layout: pe.Layout, n: int, key: Callable[[int], int]) -> list[Tensor]:
    images = [noise(layout, 4, seed) for seed in range(n)]
    for i, image in enumerate(images):
        image[0] *= 0.5
        image[0, :, layout.n_prefix + key(i)] += 0.5
    return images


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_a_sink_may_move_from_image_to_image(layout):
    wandering = sinks(layout, 6, lambda i: (5 * i + 6) % layout.n_patches)
    assert ("sink", 0) in found_in(wandering, layout)
    assert {head for _, head in found_in(wandering, layout)} == {0}


def test_reading_oneself_is_no_sink():
    assert found_in(mixed(pattern_of(PLAIN, lambda i, j: i == j), PLAIN), PLAIN) == set()


def test_looking_near_makes_a_neighbour_head_and_no_row_column_or_modulus_head():
    near = every(PLAIN).clone()
    near[0, 1:, 1:] = (-PLAIN.distance - 20 * PLAIN.same_patch).softmax(-1)
    assert found_in(mixed(near, PLAIN), PLAIN) == {("neighbour", 0)}


def test_the_left_neighbour_is_in_the_row_and_not_in_the_column():
    left = pattern_of(PLAIN, lambda i, j: j == i - 1 and i % 7 > 0)
    found = found_in(mixed(left, PLAIN), PLAIN)
    assert {("row", 0), ("neighbour", 0)} <= found and ("column", 0) not in found


def test_corners_are_no_edges_and_edges_no_corners():
    for id, other in (("corner", "edges"), ("edges", "corner")):
        found = found_in(mixed(pattern_of(PLAIN, rule_of(id, PLAIN)), PLAIN), PLAIN)
        assert (id, 0) in found and (other, 0) not in found


def test_one_loud_patch_in_a_corner_is_a_sink_and_no_corner_head():
    found = found_in(sinks(PLAIN, 6, lambda i: 0), PLAIN, n_shuffles=199)
    assert found == {("sink", 0)}


def test_keys_that_all_prefer_are_no_row_however_they_lie():
    shelf = pattern_of(PLAIN, lambda i, j: j // 7 == 3)  # everybody reads the middle row
    assert ("row", 0) not in found_in(mixed(shelf, PLAIN), PLAIN)


def test_what_half_of_the_images_show_is_not_named():
    layout = PLAIN
    row = pattern_of(layout, rule_of("row", layout))
    assert ("row", 0) in found_in(mixed(row, layout, n=8), layout)
    sometimes = [image if i % 2 else noise(layout, 4, i) for i, image in enumerate(mixed(row, layout, n=8))]
    assert found_in(sometimes, layout) == set()


def test_little_is_not_enough():
    row = pattern_of(PLAIN, rule_of("row", PLAIN))
    assert ("row", 0) not in found_in(mixed(row, PLAIN, share=0.08), PLAIN)


def test_strength_says_how_much_of_what_chance_leaves():
    score, chance = torch.tensor([1.0, 0.5, 0.25, 0.0]), torch.tensor([0.2, 0.0, 0.25, 0.5])
    assert strength(score, chance).tolist() == [1.0, 0.5, 0.0, -1.0]


def test_types_that_a_layout_cannot_have_are_left_out():
    all_of_them = [t.id for t in TYPES]
    assert [t.id for t in types_of(pe.Layout(("CLS", "REG1"), (4, 4)))] == all_of_them
    assert {t.id for t in types_of(pe.Layout((), (4, 4)))} == {*all_of_them} - {"cls", "register_sink"}
    line = {t.id for t in types_of(pe.Layout(("CLS",), (1, 9)))}
    assert not line & {"row", "column", "edges", "modulus"}


def test_types_say_what_they_are():
    assert len({t.id for t in TYPES}) == len({t.title for t in TYPES}) == len(TYPES)
    assert all(t.meaning.endswith(".") and "baseline: " in t.formula for t in TYPES)
    assert "0.1" in RULE and "0.05" in RULE
