"""CIFAR-10 from .parquet files: the right photos and labels, decoded under guard, or one sentence."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from prisma_engine.toy import cifar10
from prisma_engine.toy.cifar10 import MEAN, NAMES, STD, photos, task


def write(path: Path, pixels: np.ndarray, labels: list[int], picture: str = "img", label: str = "label") -> None:
    from datasets import Dataset, Features, Value
    from datasets import Image as Pictures

    def encoded(image: np.ndarray) -> dict[str, bytes | None]:
        out = io.BytesIO()
        Image.fromarray(image).save(out, "PNG")
        return {"bytes": out.getvalue(), "path": None}

    features = Features({picture: Pictures(), label: Value("int64")})
    Dataset.from_dict({picture: [encoded(i) for i in pixels], label: labels}, features=features).to_parquet(str(path))


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)


@pytest.mark.parametrize("columns", [("img", "label"), ("image", "labels")])
def test_photos_come_as_bytes_in_the_order_of_their_file(columns: tuple[str, str], pixels, tmp_path: Path) -> None:
    for split in ("train", "test"):
        write(tmp_path / f"{split}.parquet", pixels, [0, 9, 3, 3, 5, 1], *columns)
    made = task(str(tmp_path))
    given, labels = made.train[np.array([4, 0])]
    assert given.dtype == torch.uint8 and (given.permute(0, 2, 3, 1).numpy() == pixels[[4, 0]]).all()
    assert labels.tolist() == [5, 0] and made.names == NAMES and list(made.held_out) == ["test"]
    assert (made.preprocess().mean, made.preprocess().std) == (MEAN, STD)


def test_the_environment_says_where_they_are(pixels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for split in ("train", "test"):
        write(tmp_path / f"{split}.parquet", pixels, [0] * 6)
    monkeypatch.setenv("PRISMA_CIFAR10", str(tmp_path))
    assert len(task().train) == 6


def test_what_is_not_cifar_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="there is no train.parquet in"):
        task(str(tmp_path))
    write(tmp_path / "train.parquet", np.zeros((2, 28, 28, 3), np.uint8), [0, 1])
    with pytest.raises(ValueError, match="is not CIFAR-10: its pictures are 28×28"):
        photos(str(tmp_path), "train")
    write(tmp_path / "test.parquet", np.zeros((2, 32, 32, 3), np.uint8), [0, 1], "photo")
    with pytest.raises(ValueError, match="is not CIFAR-10: its columns are photo, label, not img and label"):
        photos(str(tmp_path), "test")
    write(tmp_path / "test.parquet", np.zeros((2, 32, 32, 3), np.uint8), [0, 12])
    with pytest.raises(ValueError, match="is not CIFAR-10: its labels go up to 12"):
        photos(str(tmp_path), "test")


@pytest.mark.slow
def test_without_a_network_it_says_where_to_put_the_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar10, "HUB", "nobody/nothing-of-this-name")
    monkeypatch.delenv("PRISMA_CIFAR10", raising=False)
    with pytest.raises(ValueError, match="set PRISMA_CIFAR10 to a folder with train.parquet and test.parquet"):
        task()
