"""The pictures of a study, and where the right answer is written."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import prisma_engine as pe
from prisma_engine.labels import imagenet1k
from prisma_engine.sources import SourceRefused, scene_of
from prisma_engine.studies.samples import Samples, class_of
from studies.small import folder_of, png, small


def test_emoji_scenes_know_what_is_in_them():
    model = pe.load("emoji-vit")
    samples = Samples(model, n=3)
    first, again = list(samples), list(samples)
    assert [s.reference for s in first] == ["scene:0", "scene:1", "scene:2"]
    assert [s.classes for s in first] == [scene_of(s.reference).classes for s in first]
    assert all(torch.equal(a.x, b.x) for a, b in zip(first, again, strict=True))  # opened anew, the same
    assert samples.title == "emoji scenes"


def test_a_model_of_other_classes_is_not_told_what_the_emoji_are():
    assert [s.classes for s in Samples(small(), n=2)] == [(), ()]


def test_labels_are_in_the_names_of_files(tmp_path):
    folder = folder_of(tmp_path / "photos", ["0004.png", "cat.png", "dog_12.png", "red_car-3.png"])
    samples = Samples(small(), str(folder), labels="files")
    assert [s.classes for s in samples] == [(4,), (0,), (1,), (2,)]
    assert samples.title == "photos"


def test_labels_are_in_the_names_of_folders(tmp_path):
    folder = folder_of(tmp_path, ["tree/1.png", "deep/house/2.png"])
    assert {s.reference: s.classes for s in Samples(small(), str(folder), labels="folders")} == {
        "deep/house/2.png": (4,),
        "tree/1.png": (3,),
    }


def test_without_being_told_where_no_name_is_taken_for_a_label(tmp_path):
    folder = folder_of(tmp_path, ["0.png", "cat.png"])
    assert [s.classes for s in Samples(small(), str(folder))] == [(), ()]


def test_a_picture_that_cannot_be_opened_is_left_out_with_its_label(tmp_path):
    folder = folder_of(tmp_path, ["0.png", "1.png", "2.png"])
    (folder / "1.png").write_bytes(b"no picture")
    done = []
    samples = Samples(small(), str(folder), labels="files", progress=done.append)
    assert [s.classes for s in samples] == [(0,), (2,)]
    assert done == [1, 3]


@pytest.mark.parametrize(
    "names, labels, sentence",
    [
        (["bicycle.png"], "files", "no class 'bicycle' in five"),
        (["9.png"], "files", "five has 5 classes, 0 to 4; got 9"),
        (["cat.png"], "folders", "lies in no subfolder"),
        (["cat.png"], "colour", "in its 'folders' or its 'files', not in 'colour'"),
    ],
)
def test_what_is_no_label_is_refused(tmp_path, names, labels, sentence):
    with pytest.raises(ValueError, match=sentence):
        list(Samples(small(), str(folder_of(tmp_path, names)), labels=labels))


def test_imagenet_classes_have_synsets():
    model = small()
    model.vocabulary = imagenet1k()
    assert model.vocabulary.names[class_of(model, "n02124075")] == "Egyptian cat"
    assert class_of(model, "n01440764") == 0 and class_of(model, 999) == 999
    with pytest.raises(ValueError, match="no synset 'n99999999'"):
        class_of(model, "n99999999")
    with pytest.raises(ValueError, match="no class 'n02124075' in five"):
        class_of(small(), "n02124075")


def test_without_classes_there_are_no_labels():
    model = small()
    model.vocabulary = None
    with pytest.raises(ValueError, match="has no classes"):
        class_of(model, 3)


def test_videos_and_missing_sources_are_refused():
    with pytest.raises(ValueError, match="takes no still pictures"):
        list(Samples(small(n_frames=2)))
    with pytest.raises(SourceRefused, match="neither 'emoji-scenes'"):
        list(Samples(small(), "./nothing"))


@pytest.fixture
def hub(monkeypatch) -> Any:
    """A data set of the Hub; `hub(features, labels)` sets what it holds."""
    import datasets

    def offer(kind: Any, labels: list) -> None:
        features = datasets.Features({"photo": datasets.Image(), "kind": kind})
        rows = {"photo": [{"bytes": png(9 * i), "path": None} for i in range(len(labels))], "kind": labels}
        split = datasets.Dataset.from_dict(rows, features=features).to_iterable_dataset()
        monkeypatch.setattr(datasets, "load_dataset", lambda id, streaming: {"train": split})

    return offer


@pytest.mark.slow
def test_labels_are_a_column_of_a_data_set(hub):
    import datasets

    model = small()
    hub(datasets.Value("int64"), [3, 1])
    assert [s.classes for s in Samples(model, "owner/name", labels="kind")] == [(3,), (1,)]
    hub(datasets.Value("string"), ["dog", "red car"])
    assert [s.classes for s in Samples(model, "owner/name", labels="kind")] == [(1,), (2,)]
    hub(datasets.ClassLabel(names=["a", "b", "c", "d", "e"]), [4, 0])  # as many as the model's: the same list
    assert [s.classes for s in Samples(model, "owner/name", labels="kind")] == [(4,), (0,)]
    hub(datasets.ClassLabel(names=["tree", "dog"]), [0, 1])  # another list: only the names mean something
    assert [s.classes for s in Samples(model, "owner/name", labels="kind")] == [(3,), (1,)]
    with pytest.raises(ValueError, match="owner/name has no column 'label'; it has photo, kind"):
        list(Samples(model, "owner/name", labels="label"))
