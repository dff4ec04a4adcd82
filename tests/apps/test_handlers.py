"""The page's functions without Gradio: the numbers are the engine's, and every refusal is one sentence."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import prisma_engine as pe
from apps.common import catalog, pictures, scenes
from apps.common.answers import answer_value
from apps.common.pictures import Picture
from apps.common.scene_text import read_scene
from apps.dogit_lens.analysis import LensResult, analyse
from apps.dogit_lens.handlers import LensDesk, endpoint, lens_value
from apps.dogit_lens.view import View, first_view


def noise(path: Path, seed: int) -> str:
    pixels = np.random.default_rng(seed).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return str(path)


def test_the_result_is_the_engine_s(result: LensResult):
    model = pe.load("emoji-vit")
    x = model.preprocess(pictures.example("cat-in-toilet").image)
    with torch.no_grad():
        lens, logits = pe.logit_lens(model, x), model(x)[0]
    np.testing.assert_allclose(result.logits, lens.logits[:, 0].numpy(), atol=1e-5)
    assert result.labels == lens.labels
    best = logits.softmax(-1).topk(5)
    assert [answer.index for answer in result.top5] == best.indices.tolist()
    np.testing.assert_allclose([a.probability for a in result.top5], best.values, atol=1e-5)


def test_the_pixels_are_what_the_model_saw(result: LensResult):
    x = pe.load("emoji-vit").preprocess.normalize(Image.fromarray(result.pixels))
    again = pe.load("emoji-vit").preprocess(pictures.example("cat-in-toilet").image)[0]
    assert torch.equal(x, again)


@pytest.mark.parametrize("name", pictures.example_names())
def test_every_example_has_two_objects_and_scores(desk: LensDesk, name: str):
    found = desk.run(pictures.example(name), "emoji-vit")
    assert found.mask is not None and set(np.unique(found.mask)) == {0, 1, 2}
    assert found.scores and len(found.scores["iou"]) == len(found.labels)
    assert all(0 <= value <= 1 for value in found.scores["iou"] + found.scores["accuracy"])


def test_the_value_for_the_browser_is_small_and_its_addresses_answer_one_key(desk: LensDesk, result: LensResult):
    value = lens_value(result, "K" * 22, first_view(result.extent))
    assert value["meta"]["grid"] == [12, 12] and value["meta"]["prefix_names"] == ["CLS"]
    assert value["urls"]["lens"] == f"/gradio_api/prisma/{'K' * 22}/lens"
    assert value["meta"]["objects"] == [{"class": index} for index in result.picture.objects]
    assert lens_value(result, "K" * 22, View())["nonce"] > value["nonce"]


def test_examples_are_computed_once_and_again_when_they_have_left_the_shelf(desk: LensDesk):
    picture = pictures.example("cat-and-dog")
    first, second = desk.show(picture, "emoji-vit"), desk.show(picture, "emoji-vit", "any, classes")
    assert first.key == second.key
    desk.shelf._entries.pop(first.key)
    assert desk.show(picture, "emoji-vit").key != first.key


def test_uploads_have_keys_of_their_own(desk: LensDesk, tmp_path: Path):
    path = noise(tmp_path / "a.png", 0)
    picture = pictures.uploaded(path)
    assert desk.show(picture, "emoji-vit", upload=path).key != desk.show(picture, "emoji-vit", upload=path).key
    assert desk.run(picture, "emoji-vit").scores is None


def test_a_result_that_has_left_the_shelf_is_computed_again(desk: LensDesk, tmp_path: Path):
    path = noise(tmp_path / "a.png", 1)
    session = desk.show(pictures.uploaded(path), "emoji-vit", upload=path)
    kept = desk.result(session).logits
    desk.shelf._entries.pop(session.key)
    np.testing.assert_array_equal(desk.result(session).logits, kept)
    assert desk.shelf.get(session.key) is not None  # and kept again, under the key that the page holds
    desk.shelf._entries.pop(session.key)
    Path(path).unlink()
    with pytest.raises(ValueError, match="choose it once more"):
        desk.result(session)


def test_two_visitors_at_once_get_their_own_numbers(desk: LensDesk, tmp_path: Path):
    paths = [noise(tmp_path / f"{seed}.png", seed) for seed in (2, 3)]
    alone = [desk.run(pictures.uploaded(path), "emoji-vit").logits for path in paths]
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(lambda p: desk.run(pictures.uploaded(p), "emoji-vit").logits, path) for path in paths * 10]
        for index, job in enumerate(jobs):
            np.testing.assert_allclose(job.result(), alone[index % 2], atol=1e-5)
    assert not np.allclose(alone[0], alone[1])


@pytest.mark.parametrize("data", [b"", b"words", b"\x89PNG\r\n\x1a\n cut"])
def test_bad_pictures_are_one_sentence(tmp_path: Path, data: bytes):
    path = tmp_path / "bad.png"
    path.write_bytes(data)
    with pytest.raises(ValueError) as refusal:
        pictures.uploaded(str(path))
    assert "\n" not in str(refusal.value) and "Traceback" not in str(refusal.value)


def test_a_composed_scene_has_its_exact_mask(desk: LensDesk):
    data = {"background": 3, "objects": [{"class": 48, "x": 30, "y": 30, "size": 40, "angle": 0}]}
    picture = pictures.composed(read_scene(data, 64, 96))
    again = pictures.scene_in_link(picture.source)
    assert picture.mask is not None and again.mask is not None
    assert (np.asarray(picture.image) == np.asarray(again.image)).all() and (picture.mask == again.mask).all()
    ys, xs = np.nonzero(picture.mask)
    assert abs(ys.mean() - 30) < 5 and abs(xs.mean() - 30) < 5
    assert desk.run(picture, "emoji-vit").scores


def test_a_scene_of_a_seed_is_the_same_every_time_and_has_its_exact_mask(desk: LensDesk):
    session = desk.show(pictures.seeded("17"), "emoji-vit")
    again = desk.picture(session)
    assert (session.kind, session.source) == ("seed", "17") and again.mask is not None and again.mask.any()
    pictures.seeded.cache_clear()
    assert (np.asarray(desk.picture(session).image) == np.asarray(again.image)).all()
    assert desk.result(session).scores
    assert not (np.asarray(pictures.seeded("18").image) == np.asarray(again.image)).all()
    for wrong in ("-1", "x", "1" * 10):
        with pytest.raises(ValueError, match="numbered from 0"):
            pictures.seeded(wrong)


def test_an_example_can_be_taken_apart():
    value = scenes.composer_value(scenes.scene_of("cat-in-toilet"))
    assert len(value["objects"]) == 2 and value["size"] == 96
    assert read_scene(value, 64, 96) == scenes.scene_of("cat-in-toilet")


def test_a_model_of_other_classes_gets_no_mask(result: LensResult):
    model = pe.load("emoji-vit")
    picture = pictures.example("cat-in-toilet")
    other = Picture(picture.image, "example", "x", "x", picture.mask, picture.objects, vocabulary_id="imagenet1k")
    assert analyse(model, other).scores is None and analyse(model, other).mask is None


def test_the_endpoint_gives_every_patch(desk: LensDesk, tmp_path: Path):
    path = tmp_path / "scene.png"
    pictures.example("cat-in-toilet").image.save(path)
    answer = endpoint(desk, str(path), "emoji-vit", "final")
    assert len(answer["patches"]) == 144 and len(answer["patches"][0]) == 5 and answer["grid"] == [12, 12]
    assert answer["prefix"]["CLS"][0]["class"] == answer["answer"][0]["class"]
    assert endpoint(desk, str(path), "emoji-vit", "0") == endpoint(desk, str(path), "emoji-vit", "0_pre")
    with pytest.raises(ValueError, match="there is no layer"):
        endpoint(desk, str(path), "emoji-vit", "99")


@pytest.mark.slow
def test_a_real_photo_through_a_real_model_by_path(desk: LensDesk, assets: Path):
    weights = assets / "vit_tiny_patch16_224_in1k" / "vit_tiny_patch16_224_in1k.safetensors"
    found = desk.run(pictures.uploaded(str(assets / "images" / "crop_dog.jpeg")), str(weights))
    assert found.grid == (14, 14) and found.logits.shape == (25, 197, 1000)
    assert "tabby" in " ".join(answer.name for answer in found.top5).lower()
    key = desk.put(found)
    kept = desk.shelf.get(key)
    assert kept is not None and len(kept.file("lens")) <= 120_000


def test_class_lists_are_checked():
    assert catalog.parse_classes("cat, dog\nlion;deer,  wolf ,cat") == ("cat", "dog", "lion", "deer", "wolf")
    for text in ("", "cat", "a,b,c,d", ",".join(str(n) for n in range(65)), "x" * 49 + ",a,b,c,d"):
        with pytest.raises(ValueError):
            catalog.parse_classes(text)


def test_answers_for_the_list_name_classes(result: LensResult):
    rows = answer_value(result.top5)["rows"]
    assert len(rows) == 5 and rows[0]["probability"] >= rows[-1]["probability"]
