"""Where training data come from: the right images, tokens and layers, and never more than the buffer."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from prisma_engine.preprocess import Preprocess
from prisma_engine.sae.measuring.held_out import as_seen, held_out, patch_classes
from prisma_engine.sae.reading import stop_layer
from prisma_engine.sae.training import stream, supply
from prisma_engine.sae.training.collection import collection
from prisma_engine.sae.training.recipe import Data
from prisma_engine.sae.training.stream import Activations
from prisma_engine.sources import SourceRefused
from prisma_engine.training.seeds import generator
from saes import recipe, tiny_vit

SEEN = Preprocess(96, 96, (0.5,) * 3, (0.5,) * 3)
DATA = recipe().data


@pytest.fixture(scope="module")
def model():
    return tiny_vit()


class Numbered:
    """Images whose every pixel is the image's number; remembers what was asked for."""

    def __init__(self, size: int = 4) -> None:
        self.size, self.asked = size, []

    def block(self, number: int) -> torch.Tensor:
        self.asked.append(number)
        return (number * self.size + torch.arange(self.size).float())[:, None, None, None].expand(-1, 3, 96, 96) / 1000


def streamed(model, shard: int = 0, images=None, **changes) -> Activations:
    return Activations(model, replace(DATA, **changes), images or Numbered(), seed=3, shard=shard)


def test_a_pass_gives_every_token_once_and_the_next_in_another_order(model):
    acts = streamed(model, shards=1, batch=40, buffer=400, passes=2)
    assert acts.size == 400 and acts.steps_a_pass == 10
    first, second = (torch.cat([acts[i][0] for i in steps]) for steps in (range(10), range(10, 20)))
    expected = model.run_with_cache(torch.cat([Numbered().block(i) for i in range(10)]), names=DATA.hook)[1][DATA.hook]

    def rows(x: torch.Tensor) -> Counter:
        return Counter(tuple(row.tolist()) for row in (x * 1e4).round())

    assert rows(first) == rows(expected.flatten(0, 1)) == rows(second)
    assert not torch.equal(first, second)
    third = torch.cat([acts[i][0] for i in range(20, 30)])
    assert rows(third) != rows(first)  # the buffer was filled anew


def test_batches_depend_on_their_number_alone(model):
    straight, jumping = streamed(model), streamed(model)
    batches = [straight[i][0].clone() for i in range(30)]
    for i in (29, 3, 17, 0):
        assert torch.equal(jumping[i][0], batches[i])
    assert not torch.equal(batches[0], batches[1])


def test_never_more_than_the_buffer(model):
    images = Numbered()
    acts = streamed(model, images=images, shards=1, buffer=400)
    for step in range(40):
        acts[step]
        held = sum(rows.numel() for rows in acts._buffer.values())
        assert held == 400 * 12 and len(acts._buffer) == 1
    fills = 1 + 39 // (acts.steps_a_pass * DATA.passes)
    assert images.asked == list(range(10 * fills))
    with pytest.raises(ValueError, match="a buffer of 80 tokens does not hold a batch of 64"):
        streamed(model, buffer=80, shards=1, batch=64, at_once=6)


def test_shards_share_out_images(model):
    asked = []
    for shard in (0, 1, 2):
        images = Numbered()
        streamed(model, shard, images, shards=3, batch=66, buffer=600)[0]
        asked.append(images.asked)
    assert sorted(sum(asked, [])) == list(range(15)) and asked[1] == [1, 4, 7, 10, 13]


def test_only_the_layers_that_are_needed_run(model):
    ran = []
    with model.hooks({"blocks.*.hook_resid_pre": lambda x, point: ran.append(point.name) or x}):
        streamed(model)[0]
        assert set(ran) == {"blocks.0.hook_resid_pre"}
        streamed(model, hook="blocks.1.hook_attn_out")[0]
        assert set(ran) == {"blocks.0.hook_resid_pre", "blocks.1.hook_resid_pre"}
    assert stop_layer(["blocks.3.hook_mlp_out", "blocks.1.ln2.hook_normalized"]) == 4
    assert stop_layer(["hook_full_embed"]) == 0 and stop_layer(["ln_final.hook_normalized"]) is None
    assert streamed(model, hook="hook_ln_final")[0][0].shape[1] == 12


@pytest.mark.parametrize(("tokens", "per_image"), [("all", 10), ("cls", 1), ("patches", 9)])
def test_tokens_are_chosen(model, tokens, per_image):
    acts = streamed(model, tokens=tokens, shards=1, batch=4, buffer=4 * per_image)
    x = Numbered().block(0)
    rows = model.run_with_cache(x, names=DATA.hook)[1][DATA.hook]
    wanted = {"all": rows, "cls": rows[:, :1], "patches": rows[:, 1:]}[tokens].flatten(0, 1)
    acts[0]
    assert acts.size == len(wanted)
    torch.testing.assert_close(acts._buffer[DATA.hook], wanted)


def test_a_transcoder_reads_and_predicts_the_same_tokens(model):
    hooks = {"hook": "blocks.1.ln2.hook_normalized", "hook_out": "blocks.1.hook_mlp_out"}
    x, target = streamed(model, **hooks)[3]
    mlp = model.blocks[1].mlp
    torch.testing.assert_close(mlp(x.unsqueeze(0))[0], target)
    assert not torch.allclose(mlp(x.flip(0).unsqueeze(0))[0], target)


def write_pictures(folder: Path, n: int, side: int = 40) -> None:
    folder.mkdir()
    for i in range(n):
        Image.fromarray(np.full((side, side, 3), i * 10, np.uint8)).save(folder / f"{i:02}.png")


def shades(inputs: torch.Tensor) -> list[int]:
    """Which pictures of `write_pictures` these are."""
    return [round(float(x.mean() + 1) / 2 * 25.5) for x in inputs]


def test_a_folder_is_gone_through_in_another_order_each_time(tmp_path):
    write_pictures(tmp_path / "photos", 12)
    images = supply.supply(str(tmp_path / "photos"), SEEN, 4, seed=0, augment=False)
    epochs = [sum((shades(images.block(3 * epoch + i)) for i in range(3)), []) for epoch in range(2)]
    assert sorted(epochs[0]) == sorted(epochs[1]) == list(range(12)) and epochs[0] != epochs[1]
    again = supply.supply(str(tmp_path / "photos"), SEEN, 4, seed=0, augment=False)
    assert torch.equal(again.block(5), images.block(5))
    other = supply.supply(str(tmp_path / "photos"), SEEN, 4, seed=1, augment=False)
    assert not torch.equal(other.block(5), images.block(5))


def test_what_is_held_out_is_never_trained_on(tmp_path, model):
    write_pictures(tmp_path / "photos", 12)
    images = supply.supply(str(tmp_path / "photos"), SEEN, 4, seed=0, augment=False, hold_out=4)
    trained = {shade for i in range(9) for shade in shades(images.block(i))}
    measured = held_out(model, str(tmp_path / "photos"), 100, hold_out=4)
    kept = {shade for batch in measured.batches for shade in shades(batch.inputs)}
    assert kept == {0, 4, 8} and trained == set(range(12)) - kept
    assert measured.title == "3 held-out images of photos"


def test_random_cuts_differ_and_repeat(tmp_path):
    (tmp_path / "photos").mkdir()
    gradient = np.stack([np.tile(np.arange(120, dtype=np.uint8), (90, 1))] * 3, -1)
    Image.fromarray(gradient).save(tmp_path / "photos" / "a.png")
    images = supply.supply(str(tmp_path / "photos"), SEEN, 3, seed=0, augment=True)
    one, two = images.block(0), images.block(1)
    assert not torch.equal(one, two) and not torch.equal(one[0], one[1]) and torch.equal(images.block(0), one)
    directions = {bool(x[0, 0, 0] < x[0, 0, -1]) for i in range(6) for x in images.block(i)}
    assert directions == {True, False}  # some are mirrored
    for x in one:
        width = float((x[0].amax() - x[0].amin()) * 127.5)
        assert 0.35**0.5 * 90 * 0.9 <= width <= 91  # a square part of 90 by 120 pixels


def test_pictures_that_cannot_be_opened_are_left_out(tmp_path, model):
    write_pictures(tmp_path / "photos", 3)
    (tmp_path / "photos" / "broken.png").write_bytes(b"no picture")
    images = supply.supply(str(tmp_path / "photos"), SEEN, 4, seed=0, augment=False)
    assert len(images.block(0)) == 3
    acts = streamed(model, images=images, shards=1, buffer=200, batch=50)
    acts[0]
    assert acts.size == 200 and all(row.abs().sum() > 0 for row in acts._buffer[DATA.hook])
    for path in (tmp_path / "photos").iterdir():
        path.write_bytes(b"no picture")
    with pytest.raises(SourceRefused, match="none of 20 images in a row can be opened"):
        streamed(model, images=images, shards=1, buffer=200, batch=50)[0]


def test_a_source_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(SourceRefused, match="neither 'emoji-scenes', nor a folder or .parquet file here, nor a Hub id"):
        supply.supply("./nowhere", SEEN, 4, 0, False)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(SourceRefused, match="notes.txt is neither a folder nor a .parquet file"):
        supply.supply(str(tmp_path / "notes.txt"), SEEN, 4, 0, False)


def test_a_streamed_data_set_is_read_in_order_and_again(monkeypatch):
    opened = []

    def rows(id: str, split: str):
        opened.append(id)
        return ((str(i), Image.fromarray(np.full((8, 8, 3), i * 10, np.uint8))) for i in range(10))

    monkeypatch.setattr(supply, "from_hub", rows)
    images = supply.supply("owner/photos", SEEN, 4, seed=0, augment=False)
    assert [shades(images.block(i)) for i in (0, 1, 2)] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 0, 1]]
    assert len(opened) == 2
    assert shades(images.block(4)) == [6, 7, 8, 9]  # block 3 is skipped, as another process's would be
    assert shades(images.block(1)) == [4, 5, 6, 7]  # and what lies behind is found again


def write_parquet(path: Path, masks: bool, n: int = 6, classes: int = 64) -> None:
    from datasets import ClassLabel, Dataset, Features
    from datasets import Image as Picture

    pictures = [Image.fromarray(np.full((40, 60, 3), i * 10, np.uint8)) for i in range(n)]
    rows: dict = {"image": pictures, "label": [i % 3 for i in range(n)]}
    features: dict = {"image": Picture(), "label": ClassLabel(names=[f"class {i}" for i in range(classes)])}
    if masks:
        drawn = np.zeros((40, 60), np.uint8)
        drawn[:, 30:] = 2
        rows |= {"mask": [Image.fromarray(drawn)] * n, "species": [0] * n}
        features |= {"mask": Picture(), "species": ClassLabel(names=["cat", "dog"])}
        del rows["label"], features["label"]
    Dataset.from_dict(rows, features=Features(features)).to_parquet(path)


@pytest.fixture
def quiet_datasets(tmp_path, monkeypatch):
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", str(tmp_path / "cache"))
    from datasets import disable_progress_bars

    disable_progress_bars()


def test_parquet_files_have_labels_and_masks(tmp_path, model, quiet_datasets):
    write_parquet(tmp_path / "a.parquet", masks=False)
    write_parquet(tmp_path / "b.parquet", masks=True)
    labelled = collection(tmp_path / "a.parquet")
    assert len(labelled) == 6 and labelled.label(4, 64) == 1 and labelled.label(4, 1000) is None
    assert labelled.mask(0) is None and labelled.mask_names == ()
    both = collection(tmp_path)
    assert len(both) == 12 and both.mask_names == ("cat", "dog")
    images = supply.supply(str(tmp_path), SEEN, 12, 0, False)
    assert sorted(shades(images.block(0))) == sorted([*range(6), *range(6)])

    (batch,) = held_out(model, str(tmp_path / "a.parquet"), 6).batches
    assert batch.labels is not None and batch.labels.tolist() == [0, 1, 2, 0, 1, 2] and batch.patches is None
    (batch,) = held_out(model, str(tmp_path / "b.parquet"), 6).batches
    assert batch.labels is None and batch.patches is not None
    (mixed,) = held_out(model, str(tmp_path), 12, size=12).batches
    assert mixed.labels is not None and mixed.labels.tolist() == [0, 1, 2, 0, 1, 2, *[-1] * 6] and mixed.patches is None
    # the model sees the middle 40 of 60 columns: of three columns of patches the left is background, the right dog
    grid = batch.patches[0].view(3, 3)
    assert grid[:, 0].tolist() == [-1] * 3 and grid[:, 2].tolist() == [1] * 3


def test_masks_are_seen_as_the_picture_is():
    mask = Image.fromarray(np.array([[0, 1], [2, 2]], np.uint8))
    seen = as_seen(SEEN, Image.new("RGB", (2, 2)), mask)
    assert seen.shape == (96, 96) and seen[0, 0] == -1 and seen[0, 95] == 0 and seen[95, 0] == 1
    with pytest.raises(SourceRefused, match="does not belong to a picture"):
        as_seen(SEEN, Image.new("RGB", (3, 2)), mask)
    truth = torch.full((1, 4, 4), -1)
    truth[0, :2, :2] = torch.tensor([[3, 3], [3, -1]])
    truth[0, 2:, 2:] = torch.tensor([[1, 2], [1, 2]])  # half and half is neither
    assert patch_classes(truth, (2, 2), 4).tolist() == [[3, -1, -1, -1]]


def test_unlike_keys_give_unlike_random_numbers():
    keys = [(0, "pass", 0), (1, "pass", 0), (0, "cuts", 0), (0, "pass", 1), (0, "pass", 2**32), (2**32, "pass", 0)]
    drawn = [tuple(torch.rand(3, generator=generator(*key)).tolist()) for key in keys]
    assert len(set(drawn)) == len(keys) and drawn[0] == tuple(torch.rand(3, generator=generator(*keys[0])).tolist())
    simple = [torch.rand(3, generator=torch.Generator().manual_seed(seed)) for seed in (0, 2**32)]
    assert torch.equal(*simple)  # why a hash: torch forgets all but the lowest 32 bits


def test_no_held_out_scene_is_a_training_scene(model, monkeypatch):
    """Even with the same mixture and batch size, which would make equal random numbers equal scenes."""
    monkeypatch.setattr(supply, "MIXTURE", (0.0, 1.0))
    trained = torch.cat([supply.Scenes(model.preprocess, 4).block(i) for i in range(4)])
    measured = torch.cat([batch.inputs for batch in held_out(model, "emoji-scenes", 32, size=4).batches])
    again = supply.Scenes(model.preprocess, 4).block(0)

    def apart(a: torch.Tensor, b: torch.Tensor) -> float:
        return float(torch.cdist(a.flatten(1), b.flatten(1)).min())

    assert apart(measured, trained) > 1 and apart(again, trained) == pytest.approx(0, abs=0.1)


def test_held_out_scenes_have_labels_or_masks(model):
    measured = held_out(model, "emoji-scenes", 40)
    batches = list(measured.batches)
    assert measured.title == "20 scenes of one emoji and 20 of two" and len(measured.classes) == 64
    labels = torch.cat([b.labels for b in batches if b.labels is not None])
    patches = torch.cat([b.patches for b in batches if b.patches is not None])
    assert len(labels) == 20 and patches.shape == (20, 9) and patches.max() >= 0
    assert sum(len(b.inputs) for b in batches) == 40


def test_streams_ask_for_what_the_recipe_says(model, monkeypatch):
    asked = []
    monkeypatch.setattr(stream, "supply", lambda *given: asked.append(given) or Numbered())
    data = Data(**{**DATA.__dict__, "images": "owner/photos", "augment": True, "hold_out": 7})
    assert len(stream.activations(model, data, 5, [0, 1])) == 2
    assert asked == [("owner/photos", model.preprocess, 4, 5, True, 7)] * 2
    assert SimpleNamespace(**data.__dict__).hook == DATA.hook
