"""Rows of shapes: classes against constructed pictures, exact counts, disjoint splits, and a set that can be learnt."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from prisma_engine.labels.font import has_emoji
from prisma_engine.toy import induction, polygenic
from prisma_engine.toy.patterns import SHAPES, SLOT, TILE, Board, tiles
from prisma_engine.toy.zoo.recipe import Model, load_recipe
from prisma_engine.toy.zoo.run import train
from prisma_engine.toy.zoo.task import Examples, Task, load_task

SETS = pytest.mark.parametrize("module", [induction, polygenic])


def shapes_of(picture: np.ndarray, length: int) -> tuple[str, list[str]]:
    """Direction and shapes of a picture, found by looking at its pixels alone."""
    rows, columns = np.nonzero(picture)
    tall = rows.max() - rows.min() >= TILE
    assert tall != (columns.max() - columns.min() >= TILE)
    slots = np.split(picture, length, axis=0 if tall else 1)
    return ("vertical" if tall else "horizontal"), [shape_of(slot) for slot in slots]


def shape_of(slot: np.ndarray) -> str:
    """The shape that fits exactly somewhere in a slot."""
    found = []
    for name, tile in zip(SHAPES, tiles(), strict=True):
        for top in range(slot.shape[0] - TILE + 1):
            for left in range(slot.shape[1] - TILE + 1):
                drawn = np.zeros_like(slot)
                drawn[top : top + TILE, left : left + TILE] = tile * 255
                if (drawn == slot).all():
                    found.append(name)
    (only,) = set(found)  # a line fits only as a line
    return only


def pattern_of(shapes: list[str]) -> str:
    return "".join("A" if shape == shapes[0] else "B" for shape in shapes)


def test_induction_is_named_as_its_pictures_look() -> None:
    board = induction.BOARD
    numbers = np.random.default_rng(0).permutation(board.n_pictures)[:60]
    seen = set()
    for picture, label in zip(board.draw(numbers), board.labels(numbers), strict=True):
        direction, (first, second) = shapes_of(picture, 2)
        assert induction.NAMES[label] == f"{direction} {'same' if first == second else 'different'}"
        seen.add(int(label))
    assert seen == {0, 1, 2, 3}


def test_polygenic_is_named_as_its_pictures_look_standing_first() -> None:
    board = polygenic.BOARD
    assert polygenic.NAMES[:7] == (
        *(f"vertical {p}" for p in ("AAAA", "ABAB", "ABBA", "AABB", "ABBB", "AAAB")),
        "horizontal AAAA",
    )
    numbers = np.random.default_rng(0).permutation(board.n_pictures)[:6]
    numbers = np.concatenate([numbers, np.arange(12) * (board.n_pictures // 12) + 7])  # each class at least once
    for picture, label in zip(board.draw(numbers), board.labels(numbers), strict=True):
        direction, shapes = shapes_of(picture, 4)
        assert len(set(shapes)) <= 2 and polygenic.NAMES[label] == f"{direction} {pattern_of(shapes)}"
    assert set(board.labels(numbers).tolist()) == set(range(12))


@pytest.mark.parametrize(("module", "size", "each"), [(induction, 32, 4704), (polygenic, 64, 57_344)])
def test_every_class_has_equally_many_pictures_a_tenth_held_out(module, size: int, each: int) -> None:
    board, n = module.BOARD, len(module.NAMES)
    assert board.size == size and board.n_pictures == n * each
    parts = board.splits()
    held_out, learned = parts["held_out"], parts["train"]
    assert Counter(board.labels(held_out).tolist()) == dict.fromkeys(range(n), each // 10)
    assert Counter(board.labels(learned).tolist()) == dict.fromkeys(range(n), each - each // 10)
    assert (np.sort(np.concatenate([held_out, learned])) == np.arange(board.n_pictures)).all()  # so none in both
    assert (board.splits()["train"] == learned).all() and (board.splits(1)["train"][:1000] != learned[:1000]).any()


def test_no_two_pictures_of_induction_are_alike() -> None:
    """So that another number is another picture, and what is held out is never shown."""
    board = induction.BOARD
    bits = np.packbits(board.draw(np.arange(board.n_pictures)).reshape(board.n_pictures, -1) > 0, axis=1)
    assert len(np.unique(bits, axis=0)) == board.n_pictures


@pytest.mark.slow
def test_no_two_pictures_of_polygenic_are_alike() -> None:
    board, seen = polygenic.BOARD, []
    for part in np.array_split(np.arange(board.n_pictures), 200):
        bits = np.packbits(board.draw(part).reshape(len(part), -1) > 0, axis=1)
        weights = np.random.default_rng(0).integers(1, 2**62, bits.shape[1], dtype=np.uint64)
        seen.append((bits * weights).sum(1))  # a hash: equal pictures have equal ones
    assert len(np.unique(np.concatenate(seen))) == board.n_pictures


@SETS
def test_neither_a_place_nor_a_shape_tells_the_class(module) -> None:
    """In a class that has a B, each shape is first equally often and last equally often, as in every other class."""
    board = module.BOARD
    n = board.n_pictures // len(module.NAMES)
    for number, name in enumerate(module.NAMES):
        kinds = board.kinds(np.arange(number * n, (number + 1) * n))
        assert (np.bincount(kinds[:, 0], minlength=4) == n // 4).all(), name
        assert abs(np.bincount(kinds[:, -1], minlength=4) - n / 4).max() <= 2, name
        pairs = Counter(map(tuple, kinds[:, [0, -1]].tolist()))
        assert len(pairs) in (4, 12) and max(pairs.values()) - min(pairs.values()) <= 1, name


def test_pictures_are_drawn_by_number() -> None:
    board = induction.BOARD
    at = np.array([17, 5000, 18_815])
    assert all((board.draw(at[[i]])[0] == board.draw(at)[i]).all() for i in range(3))
    assert len(board.draw(np.array([], int))) == 0
    with pytest.raises(ValueError, match="out of bounds"):
        board.draw(np.array([18_816]))
    with pytest.raises(ValueError, match=f"a shape of {TILE} shifted by 7 touches the next slot of {SLOT}"):
        Board(("AB",), (0, 7))


@pytest.mark.parametrize("name", ["induction", "polygenic"])
def test_the_task_is_whole_and_its_recipes_fit(name: str) -> None:
    found = load_task(name)
    assert len(set(found.emoji)) == len(found.names) and all(map(has_emoji, found.emoji))
    pictures, labels = found.held_out["held_out"][np.array([0, -1])]
    assert pictures.shape == (2, 1, *found.image_size) and pictures.dtype == torch.uint8
    assert labels.tolist() == [0, len(found.names) - 1] and labels.dtype == torch.int64
    for kind in ("attn-mlp", "attn-only"):
        config = load_recipe(f"{name}-base-{kind}").model.config(found)
        assert config.n_classes == len(found.names) and config.image_size == found.image_size
    with pytest.raises(ValueError, match="drawn here and have no source, got 'elsewhere'"):
        load_task(name, "elsewhere")


class Lying:
    """Pictures with the labels of others."""

    def __init__(self, pictures) -> None:
        self.pictures = pictures
        self.order = np.random.default_rng(0).permutation(len(pictures))

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, numbers: np.ndarray) -> Examples:
        return self.pictures[numbers][0], self.pictures[self.order[numbers]][1]


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.parametrize("lie", [False, True])
def test_it_learns_and_only_from_true_labels(lie: bool, tmp_path: Path, one_thread: None) -> None:
    """A miniature comes far from the one in four of chance, and stays there where labels say nothing."""
    task: Task = load_task("induction")
    task = replace(task, train=Lying(task.train)) if lie else task
    full = load_recipe("induction-base-attn-mlp")
    small = replace(
        full,
        model=Model(patch_size=8, n_layers=1, n_heads=2, d_model=32, d_mlp=64),
        optimizer=replace(full.optimizer, steps=300, lr=5e-3, warmup=20),
    )
    trainer = train(small, task, tmp_path, every=300)
    accuracy = trainer.watch()["held_out_accuracy"]
    assert accuracy > 0.45 if not lie else 0.2 < accuracy < 0.3
