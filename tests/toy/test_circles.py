"""Circles: every pair once, read back from its picture, and held-out pairs that were never trained on."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from prisma_engine.labels.font import has_emoji
from prisma_engine.toy.circles import N_PICTURES, POINT, POINTS, A, B, draw, pair_of, pixels, splits, task
from prisma_engine.toy.zoo.recipe import load_recipe
from prisma_engine.toy.zoo.task import load_task

EVERY = np.arange(N_PICTURES)


def read_back(picture: np.ndarray) -> tuple[int, int]:
    """The pair that a picture shows, from its bright pixels and their angles alone."""
    found = []
    for levels in ((POINT + A, POINT + A + B), (POINT + B, POINT + A + B)):
        ((row, column),) = np.argwhere(np.isin(picture, levels))
        turn = math.atan2(column - 15.5, 15.5 - row) / (2 * math.pi)  # clockwise from the top
        found.append(round(turn * POINTS) % POINTS)
    return found[0], found[1]


def test_a_picture_tells_its_pair_and_the_pair_its_label() -> None:
    everything = task()
    assert (N_PICTURES, len(everything.names)) == (3600, 60)
    numbers = np.random.default_rng(0).permutation(N_PICTURES)[:400]
    for number, picture in zip(numbers, draw(numbers), strict=True):
        assert read_back(picture) == (number // 60, number % 60)
    train = everything.train
    pictures, labels = train[np.arange(len(train))]  # type: ignore[index,arg-type]
    for picture, label in list(zip(pictures, labels, strict=True))[::9]:
        a, b = read_back(picture[0].numpy())
        assert int(everything.names[label]) == (a + b) % 60


def test_all_pictures_differ_in_their_marks_alone() -> None:
    pictures = draw(EVERY)
    assert pictures.shape == (3600, 32, 32) and pictures.dtype == np.uint8
    assert len(np.unique(pictures.reshape(3600, -1), axis=0)) == 3600
    assert set(np.unique(pictures)) == {0, POINT, POINT + A, POINT + B, POINT + A + B}
    a, b = pair_of(EVERY)
    assert ((pictures > 0).sum((1, 2)) == POINTS).all()
    assert ((pictures > POINT).sum((1, 2)) == np.where(a == b, 1, 2)).all()
    assert (pictures.astype(int).sum((1, 2)) == POINTS * POINT + A + B).all()


def test_the_points_lie_on_the_circle() -> None:
    rows, columns = pixels()
    assert len(set(zip(rows.tolist(), columns.tolist(), strict=True))) == POINTS
    away = np.hypot(rows - 15.5, columns - 15.5)
    assert (abs(away - 15.5) < 0.75).all()
    assert (rows[0], columns[0]) == (0, 16) and rows[30] == 31 and columns[15] == 31 and columns[45] == 0
    with pytest.raises(IndexError, match="circles has pictures 0 … 3599, got 0 … 3600"):
        draw(np.array([0, 3600]))


def test_halves_are_disjoint_and_repeatable_and_say_what_was_swapped() -> None:
    parts = splits()
    assert len(parts["train"]) == 1800 and len(parts["new"]) + len(parts["swapped"]) == 1800
    assert sorted(np.concatenate(list(parts.values())).tolist()) == EVERY.tolist()
    trained = set(parts["train"].tolist())

    def twins(name: str) -> list[bool]:
        return [int(n % 60 * 60 + n // 60) in trained for n in parts[name]]

    assert all(twins("swapped")) and not any(twins("new"))
    assert all((splits()[name] == part).all() for name, part in parts.items())
    assert (splits(1)["train"] != parts["train"]).any()


def test_every_class_has_an_emoji_of_its_own() -> None:
    emoji = task().emoji
    assert len(set(emoji)) == 60 and all(map(has_emoji, emoji))


def test_the_recipe_fits() -> None:
    found = load_task("circles")
    assert list(found.held_out) == ["new", "swapped"]
    config = load_recipe("circles-tiny-attn-mlp").model.config(found)
    assert (config.n_channels, config.n_classes, config.image_size, config.grid) == (1, 60, (32, 32), (4, 4))
    pictures, labels = found.held_out["new"][np.array([0, 5])]
    assert pictures.shape == (2, 1, 32, 32) and pictures.dtype == torch.uint8 and labels.dtype == torch.int64
    with pytest.raises(ValueError, match="circles is drawn here and has no source, got 'elsewhere'"):
        load_task("circles", "elsewhere")
