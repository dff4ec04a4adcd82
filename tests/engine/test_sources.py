"""Streams of pictures: what each source gives, and one sentence for what it cannot."""

from __future__ import annotations

import io
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from prisma_engine.images import open_image
from prisma_engine.sources import SourceRefused, from_folder, from_hub, from_rows, pictures, scene_of, scenes


def png(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 6), (shade, 0, 0)).save(buffer, "PNG")
    return buffer.getvalue()


def shade(picture: Any) -> int:
    return int(np.asarray(open_image(picture))[0, 0, 0])


def test_scenes_are_drawn_again_from_their_references():
    given = list(islice(scenes(first=5), 3))
    assert [ref for ref, _ in given] == ["scene:5", "scene:6", "scene:7"]
    for ref, picture in given:
        scene = scene_of(ref)
        assert np.array_equal(scene.image, picture)
        assert len(scene.classes) == len(scene.masks) >= 1 and scene.masks.shape[1:] == (96, 96)
    assert not np.array_equal(given[0][1], given[1][1])
    assert [ref for ref, _ in pictures("emoji-scenes", 2)] == ["scene:0", "scene:1"]


@pytest.mark.parametrize("reference", ["scene:", "scene:-1", "scene:x", "17", "scene:1e3", "scene:²", "file:3"])
def test_other_references_are_no_scenes(reference):
    with pytest.raises(SourceRefused, match="'scene:17'"):
        scene_of(reference)


def test_a_folder_gives_its_pictures_by_name(tmp_path):
    (tmp_path / "sub").mkdir()
    for i, name in enumerate(["b.png", "a.PNG", "sub/c.png"]):
        (tmp_path / name).write_bytes(png(10 * i))
    (tmp_path / "notes.txt").write_text("no picture")
    given = list(pictures(str(tmp_path)))
    assert [(ref, shade(picture)) for ref, picture in given] == [("a.PNG", 10), ("b.png", 0), ("sub/c.png", 20)]
    assert len(list(pictures(str(tmp_path), n=2))) == 2


def test_a_link_out_of_the_folder_is_not_followed(tmp_path):
    (tmp_path / "secret.png").write_bytes(png(1))
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "own.png").write_bytes(png(2))
    (inside / "link.png").symlink_to(tmp_path / "secret.png")
    (inside / "alias.png").symlink_to(inside / "own.png")
    assert [ref for ref, _ in from_folder(inside)] == ["alias.png", "own.png"]


def test_a_folder_without_pictures_is_refused(tmp_path):
    with pytest.raises(SourceRefused, match="there is no picture in"):
        pictures(str(tmp_path))


def parquet(folder: Path, rows: dict[str, list], features: Any = None) -> Any:
    """A streamed data set of one split, as the Hub's are."""
    from datasets import Dataset, load_dataset

    folder.mkdir(exist_ok=True)
    Dataset.from_dict(rows, features=features).to_parquet(str(folder / "rows.parquet"))
    return load_dataset("parquet", data_files=str(folder / "rows.parquet"), cache_dir=str(folder), streaming=True)


@pytest.fixture
def photos(tmp_path) -> Any:
    from datasets import Features, Value
    from datasets import Image as Picture

    rows = {"label": [0, 1, 2], "photo": [{"bytes": png(30 * i), "path": None} for i in range(3)]}
    return parquet(tmp_path / "data", rows, Features({"label": Value("int64"), "photo": Picture()}))


@pytest.mark.slow
def test_rows_of_a_data_set(photos):
    given = list(from_rows(photos["train"]))
    assert [(ref, shade(picture)) for ref, picture in given] == [("0", 0), ("1", 30), ("2", 60)]
    assert all(isinstance(picture, bytes) for _, picture in given)  # our own guard decodes them
    assert len(list(from_rows(photos["train"], "photo"))) == 3
    with pytest.raises(SourceRefused, match="no column 'image'; it has label, photo"):
        from_rows(photos["train"], "image")


@pytest.mark.slow
def test_a_data_set_without_pictures_is_refused(tmp_path):
    words = parquet(tmp_path / "words", {"text": ["a", "b"]})["train"]
    with pytest.raises(SourceRefused, match="no column of pictures; its columns are text"):
        from_rows(words)
    assert [picture for _, picture in from_rows(words, "text")] == [b"", b""]  # which nobody can open
    numbers = parquet(tmp_path / "numbers", {"n": [1, 2]})["train"]
    with pytest.raises(SourceRefused, match="row 0 of numbers cannot be read"):
        list(from_rows(numbers, "n", "numbers"))


@pytest.mark.slow
def test_no_file_of_this_machine_is_opened_for_a_data_set(tmp_path):
    from datasets import Features
    from datasets import Image as Picture

    (tmp_path / "secret.png").write_bytes(png(1))
    rows = {"photo": [{"bytes": None, "path": str(tmp_path / "secret.png")}, {"bytes": png(9), "path": None}]}
    stream = parquet(tmp_path / "data", rows, Features({"photo": Picture(decode=False)}))["train"]
    assert [picture for _, picture in from_rows(stream)] == [b"", png(9)]


@pytest.mark.slow
def test_the_hub_is_asked_by_id_and_split(photos, monkeypatch):
    import datasets

    asked = []

    def load_dataset(id: str, streaming: bool) -> Any:
        asked.append((id, streaming))
        return {"extra": None, "train": photos["train"]}

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert [shade(p) for _, p in pictures("owner/name", 2)] == [0, 30]
    assert asked == [("owner/name", True)]
    with pytest.raises(SourceRefused, match="owner/name has no split 'test'; it has extra, train"):
        from_hub("owner/name", split="test")


@pytest.mark.slow
def test_a_data_set_that_is_not_there_is_refused_in_one_sentence():
    with pytest.raises(SourceRefused, match="the data set 'nobody/nothing' cannot be streamed from the Hub") as caught:
        pictures("nobody/nothing")
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


@pytest.mark.parametrize("source", ["nothing", "./nothing", "/nothing/here", "a/b/c", ""])
def test_what_is_no_source_is_refused(source):
    with pytest.raises(SourceRefused, match="neither 'emoji-scenes', nor a folder here, nor a Hub id"):
        pictures(source)


def test_no_pictures_is_no_number_of_pictures():
    with pytest.raises(SourceRefused, match="at least one picture"):
        pictures("emoji-scenes", 0)
