"""Evidence is gathered image by image, says which images it rests on, and goes to JSON and back."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

import prisma_engine as pe
from families import tiny_model
from prisma_engine.analysis.heads import templates
from prisma_engine.analysis.heads.evidence import Example
from prisma_engine.analysis.heads.gathering import Gathering
from prisma_engine.preprocess import Preprocess
from prisma_engine.sources import scenes
from tour_maps import maps_showing, pattern_of, place

LAYOUT = pe.Layout(("CLS",), (4, 5))


def row_images(shares: list[float]) -> list[Tensor]:
    """Images [head query key] whose head 1 gives such a share to the query's own row."""
    row = pattern_of(LAYOUT, lambda i, j: i != j and place(LAYOUT, i)[1] == place(LAYOUT, j)[1])[0]
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(len(shares), 2, 21, 21, generator=generator).softmax(-1)
    for image, share in zip(images, shares, strict=True):
        image[1] = share * row + (1 - share) * image[1]
    return list(images)


def gathered(images: list[Tensor], **how: int) -> Gathering:
    gathering = Gathering(LAYOUT, 1, 2, **{"n_shuffles": 49, **how})
    for i, image in enumerate(images):
        gathering.add(f"picture {i}", maps_showing(image[None], LAYOUT))
    return gathering


SHARES = [0.5, 0.4, 0.9, 0.6, 0.2, 0.7, 0.8, 0.3, 0.55]


@pytest.fixture(scope="module")
def evidence() -> pe.Evidence:
    return gathered(row_images(SHARES)).finish("a model", "pictures", n_refused=2)


def of_type(evidence: pe.Evidence, id: str):
    return next(t for t in evidence.types if t.id == id)


def test_the_numbers_are_those_of_all_images(evidence):
    assert (evidence.model, evidence.source, evidence.n_images, evidence.n_refused) == ("a model", "9 pictures", 9, 2)
    assert (evidence.layers, evidence.heads) == (1, 2)
    mean = torch.stack(row_images(SHARES)).mean(0)
    row = of_type(evidence, "row")
    assert row.score[0] == pytest.approx(templates.ROW.mass(mean, LAYOUT).tolist(), abs=1e-5)
    for score, chance, strength in zip(row.score[0], row.chance[0], row.strength[0], strict=True):
        assert score is not None and chance is not None
        assert strength == pytest.approx((score - chance) / (1 - chance), abs=1e-5)


def test_the_images_on_which_a_head_is_strongest_median_and_weakest(evidence):
    (found,) = [f for f in evidence.found if f.type == "row"]
    assert (found.layer, found.head) == (0, 1)
    order = sorted(SHARES)
    named = {name: int(example.ref.split()[1]) for name, example in found.examples.items()}
    assert {name: SHARES[i] for name, i in named.items()} == {
        "strongest": order[-1],
        "median": order[4],
        "weakest": order[0],
    }
    best = row_images(SHARES)[named["strongest"]]
    assert found.examples["strongest"].score == pytest.approx(templates.ROW.mass(best[1], LAYOUT).item(), abs=1e-5)
    assert evidence.types_of(0, 1)[0] == found and evidence.types_of(0, 0) == ()


def test_halves_are_every_other_image(evidence):
    (found,) = [f for f in evidence.found if f.type == "row"]
    chance = of_type(evidence, "row").chance[0][1]
    images = torch.stack(row_images(SHARES))[:, 1]
    for half, start in zip(found.halves, (0, 1), strict=True):
        score = templates.ROW.mass(images[start::2].mean(0), LAYOUT).item()
        assert half == pytest.approx((score - chance) / (1 - chance), abs=1e-4)
    assert found.halves[0] != pytest.approx(found.halves[1], abs=1e-3)
    assert of_type(evidence, "row").agreement == pytest.approx(1)  # of two heads


def test_metrics_are_means_over_images(evidence):
    by_hand = [pe.head_metrics(image, LAYOUT) for image in row_images(SHARES)]
    for id in by_hand[0]:
        expected = torch.stack([m[id] for m in by_hand]).mean(0)
        assert evidence.metrics[id][0] == pytest.approx(expected.tolist(), abs=1e-4), id
    assert "query_share" in evidence.metrics


def test_an_unknown_metric_is_left_out_of_the_mean_and_null_where_always_unknown():
    images = row_images([0.5, 0.5, 0.5])
    for image in images:
        image[0] = 0
        image[0, :, 0] = 1  # head 0 reads CLS alone, so it has no distance
    nobody = gathered(images).finish("a model", "pictures")
    assert nobody.metrics["distance"][0][0] is None and nobody.metrics["distance"][0][1] is not None
    images[1] = row_images([0.5])[0]
    once = gathered(images).finish("a model", "pictures")
    assert once.metrics["distance"][0][0] == pytest.approx(
        pe.head_metrics(images[1], LAYOUT)["distance"][0].item(), abs=1e-4
    )


def test_the_same_images_give_the_same_evidence_and_their_order_moves_no_score():
    images = row_images(SHARES)
    assert gathered(images).finish("m", "s") == gathered(images).finish("m", "s")
    assert gathered(images).finish("m", "s") != gathered(images, seed=5).finish("m", "s")
    back = gathered(images[::-1]).finish("m", "s")
    for one, other in zip(gathered(images).finish("m", "s").types, back.types, strict=True):
        if one.id not in ("modulus", "sink"):  # whose first images have a say
            assert np.allclose(np.array(one.score), np.array(other.score), atol=1e-6), one.id


def test_fewer_images_than_choose_a_period_are_enough():
    stripes = pattern_of(LAYOUT, lambda i, j: i != j and (j - i) % 7 == 3)
    images = [torch.cat([image[:1], 0.7 * stripes + 0.3 * image[1:]]) for image in row_images([0.0] * 12)]
    for n in (2, 12):
        evidence = gathered(images[:n]).finish("m", "s")
        (found,) = [f for f in evidence.found if f.type == "modulus"]
        detail = of_type(evidence, "modulus").detail
        assert found.head == 1 and detail == ((None, "every 7 patches from 3"),)


def test_one_image_is_no_evidence():
    with pytest.raises(ValueError, match="at least 2 images, got 1"):
        gathered(row_images([0.5])).finish("m", "s")


def test_maps_of_another_model_are_refused():
    gathering = gathered(row_images([0.5, 0.6]))
    two_layers = row_images([0.5])[0].expand(2, -1, -1, -1)
    with pytest.raises(ValueError, match="one model at a time"):
        gathering.add("another", maps_showing(two_layers, LAYOUT))


def test_to_json_and_back(evidence, tmp_path):
    evidence.save(tmp_path / "heads.json")
    back = pe.Evidence.load(tmp_path / "heads.json")
    assert back.to_dict() == evidence.to_dict() == json.loads((tmp_path / "heads.json").read_text())
    assert isinstance(back.found[0].examples["median"], Example) and isinstance(back.types[0].score[0], tuple)
    assert back.found[0].strength == pytest.approx(evidence.found[0].strength, abs=1e-4)
    (tmp_path / "again.json").write_text(json.dumps(back.to_dict()))
    assert pe.Evidence.load(tmp_path / "again.json") == back


def changed(evidence: pe.Evidence) -> Iterator[tuple[str, object]]:
    plain = evidence.to_dict()
    yield "has unknown fields: pictures", plain | {"pictures": {}}
    yield "the evidence on heads lacks rule", {key: v for key, v in plain.items() if key != "rule"}
    yield "a head type lacks score", plain | {"types": [{k: v for k, v in plain["types"][0].items() if k != "score"}]}
    yield "a named head has unknown fields: nose", plain | {"found": [plain["found"][0] | {"nose": 1}]}
    yield "an example lacks score", plain | {"found": [plain["found"][0] | {"examples": {"median": {"ref": "x"}}}]}
    yield "holds no JSON object", [plain]


@pytest.mark.parametrize("which", range(6))
def test_json_that_is_something_else_is_refused(evidence, tmp_path, which):
    message, content = list(changed(evidence))[which]
    (tmp_path / "heads.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=message):
        pe.Evidence.load(tmp_path / "heads.json")


def test_a_file_that_is_no_json_or_not_there_is_refused(tmp_path):
    (tmp_path / "heads.json").write_text("{")
    for name in ("heads.json", "nothing.json"):
        with pytest.raises(ValueError, match=f"{name} cannot be read"):
            pe.Evidence.load(tmp_path / name)


# from pictures


def test_gathering_on_pictures_reports_progress():
    model, done = pe.load("emoji-vit"), []
    pictures = [(ref, image) for ref, image in zip(range(3), (p for _, p in scenes()), strict=False)]
    given = [(f"scene:{ref}", image) for ref, image in pictures]
    evidence = pe.gather(model, given, "emoji scenes", progress=done.append, n_shuffles=19)
    assert done == [1, 2, 3] and evidence.n_images == 3 and evidence.source == "3 emoji scenes"
    assert (evidence.layers, evidence.heads, evidence.model) == (5, 4, "emoji-vit")
    measured = [pe.measure_heads(pe.attention_maps(model, model.preprocess(image))) for _, image in pictures]
    mean = torch.stack([m["edge_mass"] for m in measured]).mean(0)
    assert np.allclose(np.array(evidence.metrics["edge_mass"]), mean, atol=1e-5)


def test_gathering_can_be_stopped_with_what_it_has():
    done: list[int] = []
    evidence = pe.gather(
        pe.load("emoji-vit"), scenes(), progress=done.append, stop=lambda: len(done) == 4, n_shuffles=9
    )
    assert evidence.n_images == 4  # of a stream that never ends
    with pytest.raises(ValueError, match="at least 2 images, got 0"):
        pe.gather(pe.load("emoji-vit"), scenes(), stop=lambda: True)


def test_a_damaged_picture_is_counted_and_left_out():
    model = pe.load("emoji-vit")
    good = [image for _, image in zip(range(2), (p for _, p in scenes()), strict=False)]
    evidence = pe.gather(model, [("a", good[0]), ("b", b"no picture"), ("c", good[1])], n_shuffles=9)
    assert (evidence.n_images, evidence.n_refused) == (2, 1)
    assert {e.ref for f in evidence.found for e in f.examples.values()} <= {"a", "c"}
    with pytest.raises(ValueError, match="at least 2 images, got 0, and 1 that cannot be opened"):
        pe.gather(model, [("b", b"no picture")])


def test_a_model_that_does_not_say_how_it_wants_its_images_is_refused():
    with pytest.raises(ValueError, match="set its `preprocess`"):
        pe.gather(tiny_model("causal"), scenes())


def test_a_video_model_is_given_lists_of_frames():
    model = tiny_model("ViViT")
    half = (0.5, 0.5, 0.5)
    frames = [np.full((16, 24, 3), 20 * i, np.uint8) for i in range(5)]
    model.preprocess = Preprocess(16, 24, half, half)
    try:
        evidence = pe.gather(model, [("first", frames[:4]), ("second", frames[1:])], n_shuffles=9)  # type: ignore
    finally:
        model.preprocess = None
    assert "frame_distance" in evidence.metrics and evidence.n_images == 2


@pytest.mark.slow
def test_a_network_of_shuffled_weights_has_no_named_heads_and_the_trained_one_has():
    trained, shuffled = pe.load("emoji-vit"), pe.load("emoji-vit")
    generator = torch.Generator().manual_seed(0)
    for p in shuffled.parameters():
        p.copy_(p.flatten()[torch.randperm(p.numel(), generator=generator)].view_as(p))
    found = [
        pe.gather(model, zip("abcdefghijkl", (p for _, p in scenes()), strict=False), n_shuffles=99).found
        for model in (trained, shuffled)
    ]
    assert {(f.type, f.layer, f.head) for f in found[0]} >= {("edges", 1, 1), ("neighbour", 0, 1)}
    assert found[1] == ()
    assert all(math.isfinite(f.strength) for f in found[0])
