"""dSprites drawn here: latents that mean what they say, splits that keep apart what they promise to."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from prisma_engine.toy import dsprites
from prisma_engine.toy.dsprites import COUNTS, N_PICTURES, classes_of, draw, index_of, inside, read_npz, splits, values
from prisma_engine.toy.dsprites_task import Grid, task


def picture(**classes: int) -> np.ndarray:
    """One picture with these classes, the others 0."""
    return draw(index_of(np.array([[classes.get(name, 0) for name in dsprites.LATENTS]])))[0]


def centroid(image: np.ndarray) -> tuple[float, float]:
    y, x = np.nonzero(image)
    return float(x.mean()), float(y.mean())


def test_the_grid_has_every_combination_once_in_the_public_order() -> None:
    assert N_PICTURES == 737_280 and [len(v) for v in values().values()] == list(COUNTS)
    places = np.array([0, 1, 32, 1024, 1024 * 40, 1024 * 240, N_PICTURES - 1])
    classes = classes_of(places)
    assert classes[1].tolist() == [0, 0, 0, 0, 0, 1], "posY varies fastest"
    assert classes[3].tolist() == [0, 0, 0, 1, 0, 0] and classes[5].tolist() == [0, 1, 0, 0, 0, 0]
    assert (index_of(classes) == places).all()
    assert values()["orientation"][-1] == pytest.approx(2 * math.pi) and values()["scale"].tolist()[0] == 0.5


def test_pictures_are_binary_and_places_outside_the_grid_are_refused() -> None:
    some = draw(np.random.default_rng(0).integers(0, N_PICTURES, 200))
    assert some.shape == (200, 64, 64) and some.dtype == np.uint8 and set(np.unique(some)) == {0, 1}
    with pytest.raises(IndexError, match="dSprites has pictures 0 … 737279"):
        draw(np.array([N_PICTURES]))
    assert len(draw(np.array([], int))) == 0


@pytest.mark.parametrize("shape", range(3))
def test_a_step_of_position_moves_the_centre_by_one_pixel(shape: int) -> None:
    at = [centroid(picture(shape=shape, scale=5, orientation=7, posX=x, posY=y)) for x, y in ((0, 0), (31, 0), (0, 31))]
    assert at[1] == pytest.approx((at[0][0] + 31, at[0][1])) and at[2] == pytest.approx((at[0][0], at[0][1] + 31))


@pytest.mark.parametrize("shape", range(3))
def test_no_shape_is_ever_cut_by_the_edge(shape: int) -> None:
    whole = {}
    for orientation in range(40):
        for x, y in ((0, 0), (31, 31), (15, 15), (0, 31)):
            area = int(picture(shape=shape, scale=5, orientation=orientation, posX=x, posY=y).sum())
            assert whole.setdefault(orientation, area) == area


def test_areas_are_those_of_the_constructed_shapes() -> None:
    for scale, factor in enumerate(values()["scale"]):
        square = picture(shape=0, scale=scale, posX=15, posY=15).sum()
        ellipse = picture(shape=1, scale=scale, posX=15, posY=15).sum()
        assert square == pytest.approx((22 * factor) ** 2, rel=0.1)
        assert ellipse == pytest.approx(math.pi * 15 * 9 * factor**2, rel=0.06)


def test_orientation_turns_the_picture_and_a_full_turn_is_none() -> None:
    for shape in range(3):
        assert (picture(shape=shape, orientation=0) == picture(shape=shape, orientation=39)).all()
    quarter = inside("heart", 1, math.pi / 2)
    assert (np.rot90(quarter) == inside("heart", 1, 0)).mean() > 0.995 and (quarter != inside("heart", 1, 0)).any()
    long = np.nonzero(inside("ellipse", 1, 0))
    assert np.ptp(long[1]) > 1.4 * np.ptp(long[0]), "at angle 0 the ellipse lies along x"
    upright = inside("heart", 1, 0)
    assert upright[:16].sum() > upright[17:].sum(), "the heart's point is down"
    with pytest.raises(ValueError, match="no shape 'star'"):
        inside("star", 1, 0)


def test_splits_are_disjoint_complete_and_deterministic() -> None:
    parts = splits()
    together = np.concatenate(list(parts.values()))
    assert len(together) == len(np.unique(together)) == N_PICTURES
    again = splits()
    assert all((parts[name] == again[name]).all() for name in parts)
    assert len(parts["random"]) == pytest.approx(len(parts["train"]) / 3, abs=1)
    assert 0.2 < len(parts["compositional"]) / N_PICTURES < 0.3


def test_compositional_combinations_are_new_but_every_value_is_known() -> None:
    parts = {name: classes_of(places) for name, places in splits().items()}
    for latent in range(6):
        assert set(parts["train"][:, latent]) == set(range(COUNTS[latent]))
    cells = {name: set(map(int, dsprites._cell(classes))) for name, classes in parts.items()}
    assert not cells["compositional"] & cells["train"] and cells["random"] == cells["train"]
    assert len(cells["compositional"]) == dsprites.N_CELLS // 4


@pytest.mark.slow
def test_hardly_a_held_out_square_is_trained_on_under_another_angle() -> None:
    parts = splits()
    some = parts["compositional"][parts["compositional"] < 1024 * 40 * 6][::37]  # squares
    seen = {p.tobytes() for p in np.packbits(draw(parts["train"][parts["train"] < 1024 * 40 * 6]).reshape(-1, 4096), 1)}
    held = np.packbits(draw(some).reshape(-1, 4096), 1)
    assert np.mean([p.tobytes() in seen for p in held]) < 0.06


def test_the_task_gives_bytes_labels_and_the_mask() -> None:
    made = task()
    pictures, labels = made.train[np.array([0, 5, 300_000])]
    assert (
        pictures.shape == (3, 1, 64, 64)
        and pictures.dtype == torch.uint8
        and set(pictures.unique().tolist()) == {0, 255}
    )
    assert labels.tolist() == classes_of(made.train.places[[0, 5, 300_000]])[:, 1].tolist()  # type: ignore[union-attr]
    assert list(made.held_out) == ["random", "compositional"] and made.preprocess().n_channels == 1


def test_the_public_file_is_read_and_its_metadata_stays_shut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = np.arange(7)
    shuffled = np.array([3, 0, 1, 2, 6, 5, 4])
    path = tmp_path / "dsprites.npz"
    metadata = np.array({"author": "x"}, dtype=object)  # a pickle, as in the public file
    np.savez(path, imgs=draw(places)[shuffled], latents_classes=classes_of(places)[shuffled], metadata=metadata)
    pictures, classes = read_npz(path)
    assert (index_of(classes) == shuffled).all() and (pictures == draw(shuffled)).all()
    public = task(str(path)).train
    assert isinstance(public, Grid) and public.public is not None and (public.public == draw(places)).all()
    (tmp_path / "other.npz").write_bytes(b"nothing")
    np.savez(tmp_path / "wrong.npz", imgs=np.zeros((2, 32, 32), np.uint8), latents_classes=np.zeros((2, 6), int))
    for name in ("other.npz", "wrong.npz", "absent.npz"):
        with pytest.raises(ValueError, match=f"{name} is not the public dSprites file"):
            read_npz(tmp_path / name)
