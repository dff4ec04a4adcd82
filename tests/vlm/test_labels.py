"""Labels of others: every layout that is read, and one sentence for every other."""

import json

import pytest

from prisma_engine.vlm.labels import LabelsRefused, fetch_labels, labels_of, read_labels, source_of

N = 50


def written(folder, text, name="labels.json"):
    path = folder / name
    path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "content",
    [
        {"3": "dogs", "7": " pizza\n and cake "},
        [{"latent": 3, "label": "dogs"}, {"latent": 7, "label": "pizza and cake"}],
        [{"index": "3", "description": "dogs"}, {"feature": 7, "explanation": "pizza and cake", "score": 0.3}],
        [
            {"index": 3, "description": "dogs"},
            {"index": 3, "description": "cats"},
            {"index": 7, "label": "pizza and cake"},
        ],
    ],
)
def test_json_of_every_layout(content, tmp_path):
    assert read_labels(written(tmp_path, content), N) == {3: "dogs", 7: "pizza and cake"}


def test_csv(tmp_path):
    text = '\ufefffeature,description,score\n3,dogs,0.5\n7,"pizza, and\ncake",\n'
    assert read_labels(written(tmp_path, text, "labels.csv"), N) == {3: "dogs", 7: "pizza, and cake"}


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        ("{", "labels.json", "labels.json is not JSON"),
        ("[" * 100_000, "labels.json", "labels.json is not JSON"),
        ("3", "labels.json", "neither an object of labels nor a list of objects"),
        ([1, 2], "labels.json", "neither an object of labels nor a list of objects"),
        ({}, "labels.json", "labels.json has no labels"),
        ({"3": 4}, "labels.json", "labels.json has no text for latent 3"),
        ({"3": "  "}, "labels.json", "labels.json has no text for latent 3"),
        ({"50": "x"}, "labels.json", "speaks of latent '50', and this SAE has latents 0 to 49"),
        ({"-1": "x"}, "labels.json", "speaks of latent '-1'"),
        ({"dog": "x"}, "labels.json", "speaks of latent 'dog'"),
        ([{"index": True, "label": "x"}], "labels.json", "speaks of latent 'True'"),
        ([{"label": "x"}], "labels.json", "an entry without latent / index / feature or without label"),
        ("a,b\n1,2\n", "labels.csv", "an entry without latent"),
        ("latent,label\n", "labels.csv", "labels.csv has no labels"),
        ('latent,label\n3,"x', "labels.csv", "labels.csv is not CSV"),
        ("x", "labels.txt", "labels are read from .json and .csv files, and this is 'labels.txt'"),
    ],
)
def test_what_is_no_list_of_labels_says_so(content, name, says, tmp_path):
    with pytest.raises(LabelsRefused, match=says) as error:
        read_labels(written(tmp_path, content, name), N)
    assert "\n" not in str(error.value)


def test_a_file_that_is_missing_or_no_text(tmp_path):
    for name, data in (("none.json", None), ("bytes.json", b"\xff\xfe\x00")):
        if data is not None:
            (tmp_path / name).write_bytes(data)
        with pytest.raises(LabelsRefused, match=f"{name} is not a readable text file"):
            read_labels(tmp_path / name, N)


def test_labels_are_fetched_by_name(monkeypatch):
    import httpx2

    asked = {}

    def get(url, **given):
        asked.update(given["params"], url=url)
        content = [{"modelId": "gemma-2b", "layer": "6-res-jb", "index": "3", "description": "dogs"}]
        return httpx2.Response(200, json=content, request=httpx2.Request("GET", url))

    monkeypatch.setattr(httpx2, "get", get)
    assert fetch_labels("gemma-2b", "6-res-jb", N) == {3: "dogs"}
    assert (asked["modelId"], asked["saeId"]) == ("gemma-2b", "6-res-jb")
    with pytest.raises(LabelsRefused, match="is not a name as Neuronpedia has them"):
        fetch_labels("../x", "6-res-jb", N)
    down = httpx2.Response(503, request=httpx2.Request("GET", "https://x"))
    monkeypatch.setattr(httpx2, "get", lambda *_, **__: down)
    with pytest.raises(LabelsRefused, match="gives no labels for gemma-2b/6-res-jb now; supply them as a file"):
        fetch_labels("gemma-2b", "6-res-jb", N)


def test_a_name_is_a_file_or_one_of_neuronpedia(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr("prisma_engine.vlm.labels.fetch_labels", lambda *how: asked.append(how) or {1: "x"})
    path = written(tmp_path, {"3": "dogs"})
    assert labels_of(f" {path} ", N) == {3: "dogs"} and source_of(f" {path}") == "labels.json"
    assert labels_of("gemma-2b/6-res-jb", N) == {1: "x"} and asked == [("gemma-2b", "6-res-jb", N)]
    assert source_of("gemma-2b/6-res-jb ") == "Neuronpedia, gemma-2b/6-res-jb"
    with pytest.raises(LabelsRefused, match="'gemma' is neither"):
        labels_of("gemma", N)
