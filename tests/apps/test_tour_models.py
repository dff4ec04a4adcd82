"""Every kind of model that the engine knows: with and without CLS, registers, a classifier; of pictures and videos."""

from __future__ import annotations

import copy

import numpy as np
import pytest

import prisma_engine as pe
from apps.attention_tour.export import numbers_json, python_code
from apps.attention_tour.first import first_view
from apps.attention_tour.handlers import TourDesk, run_value
from apps.attention_tour.page import NO_CLASSIFIER, TourPage
from apps.attention_tour.saved import animation_gif, picture_png
from apps.attention_tour.view import read_view
from apps.common import catalog, pictures
from apps.common.blobs import Shelf
from apps.common.catalog import Offer
from apps.common.desk import Session
from apps.common.runtime import Models
from families import tiny_model
from prisma_engine.preprocess import Preprocess

CASES = {
    "timm ViT": ((3, 4), ("CLS",), True),
    "timm ViT, mean pool": ((3, 4), (), True),
    "timm DeiT distilled": ((3, 4), ("CLS", "DIST"), True),
    "timm DINOv2": ((3, 4), ("CLS",), False),
    "timm DINOv2 with registers": ((3, 4), ("CLS", "REG1", "REG2", "REG3", "REG4"), False),
    "timm SigLIP, classifier": ((3, 4), ("REG1", "REG2"), True),
    "CLIP tower": ((4, 4), ("CLS",), False),
    "ViViT": ((2, 3), ("CLS",), True),
    "attention-only": ((3, 4), ("CLS",), True),
    "causal": ((3, 4), ("CLS",), True),
    "zero-shot": ((4, 4), ("CLS",), True),
}


def load(offer: Offer, classes: tuple[str, ...] | None) -> pe.HookedViT:
    """The tiny model of that name, as a checkpoint with preprocessing."""
    model = copy.deepcopy(tiny_model(offer.id))
    height, width = model.config.image_size
    model.preprocess = Preprocess(height, width, (0.5,) * 3, (0.5,) * 3)
    model.name = offer.id
    return model


@pytest.fixture(scope="module")
def desk() -> TourDesk:
    return TourDesk(Models(load, keep=20), Shelf())


def session_of(desk: TourDesk, name: str) -> Session:
    return desk.show(pictures.first(), name, catalog.default_classes())


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_model_has_its_heads_shown(desk: TourDesk, name: str):
    grid, prefix, classifies = CASES[name]
    result = desk.result(session_of(desk, name))
    maps, value = result.maps, run_value(result, "K")
    assert (maps.grid, maps.prefix_names) == (grid, prefix)
    assert bool(result.top5) == (result.lens is not None) == (value["answer"] is not None) == classifies
    frames = maps.n_frames
    assert value["frames"] == frames and maps.n_tokens == len(prefix) + frames * grid[0] * grid[1]
    for kind in ("pattern", "scores", "rank", "value"):
        assert result.files.read(f"wall/{kind}") and result.files.read(f"token/{kind}/{maps.n_tokens - 1}")
    metrics = np.stack(list(result.metrics.values()))
    assert metrics.shape == (len(result.extent.metrics), maps.n_layers, maps.n_heads)
    assert ("cls_mass" in result.metrics) == ("CLS" in prefix)
    assert ("register_mass" in result.metrics) == ("REG1" in prefix)


@pytest.mark.parametrize("name", CASES)
def test_its_first_view_can_be_shown_saved_and_copied(desk: TourDesk, name: str):
    page, result = TourPage(desk), desk.result(session_of(desk, name))
    view = first_view(result)
    assert read_view(view.as_dict(), result.extent, view) == view
    assert picture_png(result, view).startswith(b"\x89PNG") and animation_gif(result, view).startswith(b"GIF")
    assert numbers_json(result, view).startswith(b'{"model"')
    compile(python_code(result, view), name, "exec")
    shown = page.rendered(session_of(desk, name), None, view, None)
    captions = [part["caption"] for part in shown if isinstance(part, dict) and "rows" in part]
    assert captions == ["" if CASES[name][2] else NO_CLASSIFIER]


def test_a_model_of_videos_sees_the_picture_in_every_frame_and_says_so(desk: TourDesk):
    session = desk.show(pictures.first(), "ViViT")
    result = desk.result(session)
    assert result.note and "4 frames" in result.note and len(result.frames) == result.maps.n_frames == 2
    assert result.files.read("image/1") == result.files.read("image/0")
    assert "stands still" in run_value(result, session.key)["note"]
    assert desk.run(pictures.first(), "timm ViT").note is None
    assert "* model.config.n_frames)[None]" in python_code(result, first_view(result))


def test_a_causal_model_hides_what_comes_later(desk: TourDesk):
    pattern = desk.run(pictures.first(), "causal").matrix("pattern", 0, 0)
    assert not np.triu(pattern, 1).any()


def test_a_model_without_preprocessing_is_one_sentence():
    desk = TourDesk(Models(lambda offer, classes: tiny_model("timm ViT")), Shelf())
    with pytest.raises(ValueError, match="does not say how its pictures are prepared"):
        desk.run(pictures.first(), "some/model")
