"""The tour without Gradio: the numbers are the engine's, the what-if is the engine's, every refusal is one sentence."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import prisma_engine as pe
from apps.attention_tour import analysis
from apps.attention_tour.analysis import TourResult, analyse
from apps.attention_tour.first import first_view
from apps.attention_tour.handlers import TourDesk, run_value, tour_value
from apps.attention_tour.view import read_view
from apps.attention_tour.whatif import WhatIf
from apps.common import pictures
from apps.common.blobs import Shelf
from apps.common.payload import pack_lens
from prisma_engine.analysis.attention import causal_edits


@pytest.fixture(scope="module")
def x() -> torch.Tensor:
    image = pictures.first().image
    assert image is not None
    return pe.load("emoji-vit").preprocess(image)


def test_the_maps_are_the_engine_s(tour: TourResult, x: torch.Tensor):
    model = pe.load("emoji-vit")
    with torch.no_grad():
        logits, cache = model.run_with_cache(x, names="*.hook_pattern")
    for layer in range(model.config.n_layers):
        np.testing.assert_allclose(tour.matrix("pattern", layer, 2), cache["pattern", layer][0, 2], atol=1e-5)
    np.testing.assert_allclose(tour.matrix("pattern", 1, "mean"), cache["pattern", 1][0].mean(0), atol=1e-5)
    np.testing.assert_allclose(tour.matrix("pattern", 3, "rollout").sum(-1), 1, atol=1e-5)
    best = logits[0].softmax(-1).topk(5)
    assert [answer.index for answer in tour.top5] == best.indices.tolist()
    np.testing.assert_allclose([a.probability for a in tour.top5], best.values, atol=1e-5)


@pytest.mark.parametrize("what_if", [None, WhatIf(2), WhatIf(1, prefix_sees_all=False)])
def test_the_lens_is_of_the_same_run(x: torch.Tensor, what_if: WhatIf | None):
    model = pe.load("emoji-vit")
    edits = {} if what_if is None else causal_edits(model, what_if.causal_from, what_if.prefix_sees_all)
    with torch.no_grad(), model.hooks(edits):
        lens = pe.logit_lens(model, x)
    result = analyse(model, pictures.first(), what_if=what_if)
    assert result.lens is not None and result.lens.labels == lens.labels
    expected = pack_lens(lens.logits[:, 0], k=1)
    classes = 2 * len(lens.labels) * result.maps.n_tokens
    assert result.lens.data[:classes] == expected[:classes] and len(result.lens.data) == len(expected)
    assert [a.index for a in result.top5] == lens.answer[0].topk(5).indices.tolist()


def test_a_what_if_changes_the_run_from_its_layer_on(tour: TourResult):
    causal = analyse(pe.load("emoji-vit"), pictures.first(), what_if=WhatIf(2))
    for layer, same in ((0, True), (1, True), (2, False), (4, False)):
        assert np.allclose(tour.matrix("pattern", layer, 0), causal.matrix("pattern", layer, 0), atol=1e-5) == same
    patches = causal.matrix("pattern", 3, 1)[1:, 1:]
    assert not np.triu(patches, 1).any() and np.triu(tour.matrix("pattern", 3, 1)[1:, 1:], 1).any()
    assert causal.top5[0].probability != tour.top5[0].probability
    with pytest.raises(ValueError, match="layers 0 to 4, so none from 5 on"):
        analyse(pe.load("emoji-vit"), pictures.first(), what_if=WhatIf(5))


def test_the_pixels_are_what_the_model_saw(tour: TourResult, x: torch.Tensor):
    assert torch.equal(pe.load("emoji-vit").preprocess.normalize(Image.fromarray(tour.pixels)), x[0])


def test_numbers_of_heads_and_exact_rows_are_the_engine_s(tour: TourResult):
    measured = pe.measure_heads(tour.maps)
    assert set(tour.metrics) == set(measured) == set(tour.extent.metrics)
    np.testing.assert_allclose(tour.metrics["entropy"], measured["entropy"], rtol=1e-5)
    for kind, (row, column) in tour.exact(2, 3, 40).items():
        np.testing.assert_allclose(row, tour.maps.kind(kind, 2)[3, 40], atol=1e-4)
        np.testing.assert_allclose(column, tour.maps.kind(kind, 2)[3, :, 40], atol=1e-4)
    assert np.isnan(tour.exact(2, "rollout", 0)["scores"][0]).all()


def test_the_value_for_the_browser_is_small_and_complete(tour_desk: TourDesk, tour: TourResult):
    session = tour_desk.show(pictures.first(), "emoji-vit")
    value = tour_value(tour_desk, session, None, first_view(tour))
    run, nothing = value["runs"]
    assert nothing is None and run["base"] == f"/gradio_api/prisma/{session.key}/" and run["files"] is None
    assert run["grid"] == [12, 12] and run["prefix_names"] == ["CLS"] and run["why"] is None
    assert (run["n_layers"], run["n_heads"], run["causal_from"], run["has_rollout"]) == (5, 4, None, True)
    assert [metric["id"] for metric in run["metrics"]] == list(tour.extent.metrics)
    assert len(run["answer"]) == 5 and run["lens"]["labels"][-1] == "final"
    assert read_view(value["view"], tour.extent, first_view(tour)) == first_view(tour)
    assert len(json.dumps(value)) < 12_000
    assert tour_value(tour_desk, session, None, first_view(tour))["nonce"] > value["nonce"]


def test_the_page_opens_with_something_to_see(tour: TourResult):
    """The head in which who reads whom depends most on both, and a patch that the object it lies on reads."""
    view = first_view(tour)
    joint = tour.metrics["joint_share"]
    assert isinstance(view.unit, int) and view.token is not None
    assert joint[view.layer, view.unit] == joint.max() > 0.8
    mask = pictures.first().mask
    assert mask is not None
    toilet = (mask == 1).reshape(12, 8, 12, 8).mean((1, 3)).flatten() > 0.25
    readers = tour.matrix("pattern", view.layer, view.unit)[tour.maps.n_prefix :, view.token]
    assert toilet[view.token - 1] and readers[toilet].sum() > 0.8 * readers.sum() and toilet.mean() < 0.4


def test_an_unmeasured_model_opens_with_the_head_in_which_the_middle_patch_is_choosiest(tour: TourResult):
    view = first_view(replace(tour, model_id="some/model"))
    token = 1 + 6 * 12 + 6
    patches = np.stack([tour.maps.pattern(layer)[:, token, 1:] for layer in range(5)])
    shares = patches / patches.sum(-1, keepdims=True)
    entropy = -(shares * np.log(shares)).sum(-1)
    assert view.token == token and (view.layer, view.unit) == divmod(int(entropy.argmin()), 4)


@pytest.mark.parametrize(
    "name", ["image", "maps/pattern/4/0", "wall/log_pattern", "token/value/144", "metrics", "lens"]
)
def test_every_file_is_served_from_the_shelf(tour_desk: TourDesk, name: str):
    kept = tour_desk.shelf.get(tour_desk.show(pictures.first(), "emoji-vit").key)
    assert kept is not None and kept.file(name)
    for wrong in ("maps/pattern/5/0", "exact/0/9/0", "token/pattern/145", "../image"):
        with pytest.raises(ValueError):
            kept.file(wrong)


def test_the_shelf_counts_what_a_run_weighs():
    shelf = Shelf(max_bytes=2_500_000)
    desk = TourDesk(shelf=shelf)
    keys = [desk.show(pictures.example(name), "emoji-vit").key for name in pictures.example_names()[:3]]
    maps = desk.run(pictures.first(), "emoji-vit").maps
    assert shelf.n_bytes >= 2 * 4 * maps.q.numel()
    assert shelf.get(keys[0]) is None and shelf.get(keys[2]) is not None  # the oldest had to go


def test_examples_are_computed_once_for_each_way_to_run_them(tour_desk: TourDesk):
    picture = pictures.example("cat-and-dog")
    plain, again = (tour_desk.show(picture, "emoji-vit") for _ in range(2))
    causal = tour_desk.show(picture, "emoji-vit", variant="causal:1")
    assert plain.key == again.key != causal.key
    assert tour_desk.result(causal).what_if == WhatIf(1) and tour_desk.result(plain).what_if is None


def test_a_run_that_has_left_the_shelf_is_computed_again_in_the_same_way(tour_desk: TourDesk):
    session = tour_desk.show(pictures.example("lion-with-basketball"), "emoji-vit", variant="causal:2:all")
    kept = tour_desk.result(session).maps.q
    tour_desk.shelf._entries.pop(session.key)
    assert torch.equal(tour_desk.result(session).maps.q, kept)


def test_two_visitors_at_once_get_their_own_numbers(tour_desk: TourDesk):
    asked = [("cat-and-dog", ""), ("cat-and-dog", "causal:0"), ("apple-beside-bagel", "")]
    alone = [tour_desk.run(pictures.example(name), "emoji-vit", variant=v).maps.q for name, v in asked]
    with ThreadPoolExecutor(3) as pool:
        jobs = [
            pool.submit(lambda a: tour_desk.run(pictures.example(a[0]), "emoji-vit", variant=a[1]).maps.q, a)
            for a in asked * 6
        ]
        for index, job in enumerate(jobs):
            torch.testing.assert_close(job.result(), alone[index % 3], atol=1e-4, rtol=0)
    assert not torch.allclose(alone[0], alone[1]) and not torch.allclose(alone[0], alone[2])


@pytest.mark.parametrize(
    ("limit", "value", "sentence"),
    [
        ("MAX_TOKENS", 100, "emoji-vit makes 145 tokens of a picture; this page takes up to 100"),
        ("MAX_BYTES", 400_000, "keeps up to 0 MB"),
    ],
)
def test_what_is_too_large_is_one_sentence_with_the_limit(
    tour_desk: TourDesk, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, sentence: str
):
    monkeypatch.setattr(analysis, limit, value)
    with pytest.raises(ValueError, match=sentence):
        tour_desk.run(pictures.first(), "emoji-vit")


@pytest.mark.slow
def test_a_real_photo_through_a_real_model_by_path(tour_desk: TourDesk, assets: Path):
    weights = assets / "vit_tiny_patch16_224_in1k" / "vit_tiny_patch16_224_in1k.safetensors"
    found = tour_desk.run(pictures.uploaded(str(assets / "images" / "crop_dog.jpeg")), str(weights))
    assert found.maps.grid == (14, 14) and (found.maps.n_layers, found.maps.n_heads) == (12, 3)
    assert "tabby" in " ".join(answer.name for answer in found.top5).lower()
    assert run_value(found, "K")["title"] == "vit_tiny_patch16_224_in1k"
    assert len(found.files.read("maps/pattern/11/0")) <= 3 * (197 * 197 + 4 * 197 + 8)
