"""ImageNet on miniatures of its two layouts: blocks that do not change, names that are checked, a resumed training."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from prisma_engine.labels import imagenet1k
from prisma_engine.labels.font import DATA, has_emoji
from prisma_engine.toy import imagenet
from prisma_engine.toy.imagenet_classes import class_numbers
from prisma_engine.toy.streamed import Shuffled
from prisma_engine.toy.zoo.recipe import Recipe, load_recipe, recipe_names
from prisma_engine.toy.zoo.run import train
from prisma_engine.toy.zoo.task import Rows, Task, load_task
from prisma_engine.toy.zoo.trainer import Trainer

IDS = (DATA / "synsets.txt").read_text(encoding="utf-8").split()
TRAIN, VALIDATION = 30, 12


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the five seconds that `datasets` waits where a stream of several .parquet files ends."""
    import datasets

    monkeypatch.setattr(datasets.config, "SLEEP_TIME_ON_THREADS_SHUTDOWN", 0.01)


def photo(shade: int, size: tuple[int, int] = (60, 40)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (shade, 255 - shade, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def label_of(shade: int) -> int:
    """Of a photo of the miniatures: their brightness tells their class, so that a crop can be checked."""
    return shade * 3 + 1


def parquet(folder: Path, names: list[str] | None = None, rows: dict[str, dict[str, list]] | None = None) -> Path:
    """A miniature as the Hub keeps it; by default with all 1,000 classes and one photo that cannot be opened."""
    from datasets import ClassLabel, Dataset, Features
    from datasets import Image as Picture

    features = Features({"image": Picture(), "label": ClassLabel(names=names or list(imagenet1k().names))})
    folder.mkdir(parents=True, exist_ok=True)
    for split, n in (("train", TRAIN), ("validation", VALIDATION)):
        cells = [{"bytes": b"no picture" if i == 5 else photo(i), "path": None} for i in range(n)]
        given = (rows or {}).get(split) or {"image": cells, "label": [label_of(i) for i in range(n)]}
        data = Dataset.from_dict(given, features=features)
        for part in range(2):
            data.shard(2, part).to_parquet(str(folder / f"{split}-{part:05}-of-00002.parquet"))
    return folder


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return parquet(tmp_path_factory.mktemp("imagenet"))


def task(folder: Path) -> Task:
    return imagenet.task(str(folder), buffer=8)


def blocks(found: Task) -> Rows:
    assert isinstance(found.train, Rows)
    return found.train


def shades(pictures: torch.Tensor) -> list[int]:
    assert (pictures == pictures[:, :, :1, :1]).all(), "a crop of one colour is of one colour"
    return pictures[:, 0, 0, 0].tolist()


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_block_is_the_same_whenever_it_is_asked_for(mini: Path) -> None:
    found = blocks(task(mini))
    straight = [found.block(number, 4) for number in range(20)]  # through two epochs and a half, one inside a block
    for number in (3, 19, 0, 7, 8, 12, 11):
        again, other = found.block(number, 4), blocks(task(mini)).block(number, 4)
        for a, b, c in zip(straight[number], again, other, strict=True):
            assert torch.equal(a, b) and torch.equal(a, c), number
    pictures, labels = (torch.cat(part) for part in zip(*straight, strict=True))
    assert pictures.shape == (80, 3, 224, 224) and pictures.dtype == torch.uint8
    assert labels.tolist() == [label_of(shade) for shade in shades(pictures)]
    epochs = [set(shades(pictures[start : start + TRAIN])) for start in (0, TRAIN)]
    assert all(5 not in epoch and len(epoch) >= TRAIN - 2 for epoch in epochs)  # photo 5 cannot be opened
    orders = [shades(pictures[start : start + TRAIN]) for start in (0, TRAIN)]
    assert orders[0] != orders[1] and orders[0] != sorted(orders[0])


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_photo_that_cannot_be_opened_is_left_out(mini: Path, tmp_path: Path) -> None:
    whole = blocks(task(mini)).block(0, TRAIN)  # one block: an epoch, in which one photo stands in
    counts = np.bincount(shades(whole[0]), minlength=TRAIN)
    assert counts[5] == 0 and sorted(counts.tolist()) == [0] + [1] * (TRAIN - 2) + [2]
    held_out = task(mini).held_out["validation"]
    assert len(held_out) == VALIDATION - 1
    nothing = {"image": [{"bytes": b"x", "path": None}] * 4, "label": [0] * 4}
    broken = task(parquet(tmp_path, rows={"train": nothing, "validation": nothing}))
    with pytest.raises(ValueError, match=r"none of the photos 4 … 5 of .* can be opened"):
        blocks(broken).block(2, 2)
    with pytest.raises(ValueError, match="no held-out photo of ImageNet can be opened"):
        len(broken.held_out["validation"])


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_held_out_photos_are_bounded_and_as_the_model_sees_them(mini: Path) -> None:
    found = task(mini)
    held_out = found.held_out["validation"]
    assert isinstance(held_out, imagenet.HeldOut) and held_out.most == imagenet.HELD_OUT == 5000
    held_out = imagenet.HeldOut(held_out.split, held_out.preprocess, most=6, buffer=8)
    pictures, labels = held_out[np.arange(len(held_out))]
    assert len(held_out) == 6 and len(set(shades(pictures))) == 6
    assert labels.tolist() == [label_of(shade) for shade in shades(pictures)]
    shade = shades(pictures)[0]
    assert np.array_equal(found.preprocess().pixels(photo(shade)), pictures[0].permute(1, 2, 0))
    assert found.preprocess() == held_out.preprocess


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_folder_for_each_class_is_read_and_nothing_outside_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(photo(99))
    root = tmp_path / "imagenet"
    for split, n in (("train", 4), ("validation", 2)):
        for number in (281, 2):
            inside = root / split / IDS[number]
            inside.mkdir(parents=True)
            for i in range(n):
                (inside / f"{i}.png").write_bytes(photo(10 * i + (number == 2)))
    (root / "train" / IDS[2] / "9.png").symlink_to(secret)
    found = imagenet.task(str(root), buffer=8)
    pictures, labels = blocks(found).block(0, 9)
    assert {(shade % 10, label) for shade, label in zip(shades(pictures), labels.tolist(), strict=True)} == {
        (0, 281),
        (1, 2),
    }
    assert 99 not in shades(pictures) and len(set(shades(pictures))) == 8
    assert len(found.held_out["validation"]) == 4


def miniature(steps: int, seed: int = 0) -> Recipe:
    full = load_recipe("imagenet-tiny-attn-mlp")
    return replace(
        full,
        seed=seed,
        precision="float32",
        model=replace(full.model, patch_size=56, n_heads=2, d_model=16, d_mlp=16),
        data=replace(full.data, batch=8, shards=2),
        optimizer=replace(full.optimizer, steps=steps, warmup=2),
    )


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_a_resumed_training_ends_with_the_same_weights(mini: Path, tmp_path: Path) -> None:
    asked = miniature(6)
    straight = train(asked, task(mini), tmp_path / "a", every=2)
    train(asked, task(mini), tmp_path / "b", every=2, stop=4)
    again = train(asked, task(mini), tmp_path / "b", every=2)
    other = train(replace(asked, seed=1), task(mini), tmp_path / "c", every=2)

    def weights(trainer: Trainer) -> list[torch.Tensor]:
        return [p.detach() for p in trainer.model.parameters()]

    assert straight.step == again.step == 6
    assert all(torch.equal(a, b) for a, b in zip(weights(straight), weights(again), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(weights(straight), weights(other), strict=True))
    assert (tmp_path / "a" / "history.jsonl").read_text() == (tmp_path / "b" / "history.jsonl").read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("quick")
def test_what_is_not_imagenet_is_refused_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from datasets import Dataset

    unnamed = {"image": [{"bytes": photo(0), "path": None}] * 2, "label": [-1, -1]}
    with pytest.raises(ValueError, match="cats is not ImageNet-1k: 'flurb' is none of its classes"):
        task(parquet(tmp_path / "cats", ["tabby", "flurb"], {"train": unnamed, "validation": unnamed}))
    plain = tmp_path / "plain"
    for split in ("train", "validation"):
        plain.mkdir(exist_ok=True)
        Dataset.from_dict({"text": ["a"], "label": [0]}).to_parquet(str(plain / f"{split}.parquet"))
    with pytest.raises(ValueError, match="plain is not ImageNet-1k: it needs pictures and named classes, and its col"):
        task(plain)
    with pytest.raises(ValueError, match="a photo has the label -1; expected 0 … 999"):
        blocks(task(parquet(tmp_path / "test", rows={"train": unnamed}))).block(0, 2)
    monkeypatch.delenv("PRISMA_IMAGENET", raising=False)
    with pytest.raises(ValueError, match="ImageNet cannot be had from 'nobody/nothing'; accept its terms") as caught:
        load_task("imagenet", "nobody/nothing")
    assert "\n" not in str(caught.value)
    monkeypatch.setenv("PRISMA_IMAGENET", str(plain))
    with pytest.raises(ValueError, match="plain is not ImageNet-1k"):
        load_task("imagenet")


class Listed:
    """Rows in memory with the interface of a streamed data set; counts how many are read."""

    def __init__(self, n: int, breaks_at: int | None = None) -> None:
        self.n, self.breaks_at, self.read, self.epoch = n, breaks_at, 0, 0

    def shuffle(self, seed: int, buffer_size: int) -> Listed:
        return self

    def set_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for i in range(self.n):
            if i == self.breaks_at:
                raise OSError("the line\nwent dead")
            self.read += 1
            yield {"row": (self.epoch, i)}


def taken(stream: Shuffled, first: int, count: int) -> list[tuple[int, int]]:
    return [row["row"] for row in stream.take(first, count)]


@pytest.mark.parametrize("n", [None, 10])
def test_rows_are_found_by_number_in_any_epoch(n: int | None) -> None:
    for first in (0, 3, 8, 10, 25, 70, 99):
        expected = [divmod(number, 10) for number in range(first, first + 13)]
        assert taken(Shuffled(Listed(10), 0, 4, n), first, 13) == expected, first
    stream = Shuffled(Listed(10), 0, 4, n)
    for first in (5, 5, 18, 2, 40, 0):
        assert taken(stream, first, 3) == [divmod(number, 10) for number in range(first, first + 3)], first


def test_whole_epochs_are_jumped_over() -> None:
    rows = Listed(10)
    assert taken(Shuffled(rows, 0, 4, 10), 1_000_005, 1) == [(100_000, 5)] and rows.read == 6
    rows = Listed(10)
    assert taken(Shuffled(rows, 0, 4), 1_000_005, 1) == [(100_000, 5)] and rows.read < 20, "once an epoch is counted"


def test_an_epoch_of_another_length_and_a_dead_line_are_one_sentence() -> None:
    with pytest.raises(ValueError, match="photos says that it has 12 rows, but ended after 10"):
        Shuffled(Listed(10), 0, 4, 12, "photos").take(0, 11)
    with pytest.raises(ValueError, match="photos says that it has 8 rows, but there are more"):
        Shuffled(Listed(10), 0, 4, 8, "photos").take(0, 9)
    with pytest.raises(ValueError, match="row 3 of photos cannot be read: the line went dead"):
        Shuffled(Listed(10, breaks_at=3), 0, 4, None, "photos").take(0, 9)
    with pytest.raises(ValueError, match="photos has no rows to train on"):
        Shuffled(Listed(0), 0, 4, None, "photos").take(0, 1)


def test_crops_stay_inside_and_vary() -> None:
    ramp = np.zeros((100, 160, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(160), np.arange(100)[:, None]
    areas, aspects = [], []
    for seed in range(60):
        part = np.asarray(imagenet.crop(Image.fromarray(ramp), torch.Generator().manual_seed(seed)), float)
        assert part.shape == (224, 224, 3) and (part[..., 2] == 0).all()  # nothing but the photo is shown
        width, height = np.ptp(part[..., 0]) + 1, np.ptp(part[..., 1]) + 1
        areas.append(width * height / 16_000)
        aspects.append(width / height)
    assert 0.2 < min(areas) < 0.4 and 0.8 < max(areas) <= 1.0
    assert 0.7 < min(aspects) < 0.85 and 1.2 < max(aspects) < 1.4
    same = [np.asarray(imagenet.crop(Image.fromarray(ramp), torch.Generator().manual_seed(s))) for s in (1, 1, 2)]
    assert (same[0] == same[1]).all() and (same[0] != same[2]).any()


def test_class_names_are_found_by_words_and_by_ids() -> None:
    everything = tuple(range(1000))
    assert class_numbers(IDS) == class_numbers(imagenet1k().names) == everything
    words = [", ".join(dict.fromkeys((name.split(" (")[0], *aliases))) for name, aliases in _words()]
    assert words[0] == "tench, Tinca tinca" and words[134] == words[517] == "crane"
    assert class_numbers(words) == everything
    assert class_numbers(["Egyptian cat", "tench, Tinca tinca", "n02123045"]) == (285, 0, 281)
    for names, said in (
        ([*words[:133], *words[134:135], words[133], *words[135:]], "'crane' could be 2 of its classes"),
        (["tench", "goldfish", "dog"], "'dog' is none of its classes"),
        (["tench", "Tinca tinca"], "two of its classes are 'tench'"),
        ([], "it has no classes"),
    ):
        with pytest.raises(ValueError, match=f"photos is not ImageNet-1k: {said}"):
            class_numbers(names, "photos")


def _words() -> Iterator[tuple[str, tuple[str, ...]]]:
    return zip(imagenet1k().names, imagenet1k().aliases, strict=True)


def test_nine_recipes_with_the_sizes_of_the_original(mini_task: Task) -> None:
    names = [name for name in recipe_names() if name.startswith("imagenet-")]
    sizes = zip(("tiny", "base", "small", "medium"), (1, 2, 3, 4), strict=True)
    expected = {f"imagenet-{size}-{kind}": n for size, n in sizes for kind in ("attn-mlp", "attn-only")}
    assert set(names) == {*expected, "imagenet-small-attn-mlp-patch32"} and len(names) == 9
    for name in names:
        config = load_recipe(name).model.config(mini_task)
        patch = 32 if name.endswith("patch32") else 16
        assert config.n_layers == expected.get(name, 3) and config.patch_size == (patch, patch)
        assert (config.d_model, config.n_heads, config.n_classes) == (768, 4, 1000)
        assert config.d_mlp == (0 if "attn-only" in name else 3072)


@pytest.fixture
def mini_task() -> Task:
    """ImageNet's shape without its photos."""
    names = imagenet1k()
    return Task(names.names, names.emoji, (224, 224), imagenet.MEAN, imagenet.STD, Nothing(), {}, "none")


class Nothing:
    def block(self, number: int, size: int) -> Any:
        raise AssertionError("no photo is needed")


def test_every_class_has_an_emoji() -> None:
    assert all(map(has_emoji, imagenet1k().emoji))
