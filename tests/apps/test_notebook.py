"""HTML for notebooks: all of it in one string, nothing fetched, nothing escaped from, and no larger than promised."""

import base64
import json
from html import unescape
from html.parser import HTMLParser

import numpy as np
import pytest
import torch
from PIL import Image

import prisma_engine as pe
from apps.attention_tour import notebook
from apps.attention_tour.notebook import attention_html, offline_run
from apps.common.offline import NotebookHtml, document
from prisma_engine.preprocess import Preprocess

PICTURE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8))
SHAPE = dict(image_size=(8, 12), patch_size=(4, 4), n_layers=3, n_heads=2, d_model=8, d_head=4, d_mlp=16, n_classes=64)


def model_of(**changes) -> pe.HookedViT:
    torch.manual_seed(0)
    config = pe.ViTConfig(**{**SHAPE, **changes})
    model = pe.HookedViT(config).eval().requires_grad_(False)
    for parameter in model.parameters():
        parameter.copy_(0.3 * torch.randn(parameter.shape))
    model.preprocess = Preprocess(*config.image_size, (0.5,) * 3, (0.5,) * 3)
    model.name = "tiny"
    return model


class Tags(HTMLParser):
    """Every tag, and every attribute that could make a browser fetch something."""

    LEADS_OUT = ("src", "href", "srcset", "action", "data", "poster", "background", "formaction", "ping")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in self.LEADS_OUT]


def value_in(html: NotebookHtml) -> dict:
    _, _, rest = html.document.partition('id="value">')
    return json.loads(rest.partition("</script>")[0])


def bytes_at(address: str) -> bytes:
    return base64.b64decode(address.partition(";base64,")[2])


@pytest.fixture(scope="module")
def html() -> NotebookHtml:
    return attention_html(model_of(), PICTURE, title="A picture")


def test_it_is_a_frame_that_holds_the_document(html):
    assert isinstance(html, str) and html._repr_html_() == html
    frame = Tags(html)
    assert frame.tags == ["iframe"] and not frame.addresses
    _, _, rest = html.partition('srcdoc="')
    assert unescape(rest.removesuffix('"></iframe>')) == html.document


def test_nothing_in_it_is_fetched(html):
    page = Tags(html.document)
    assert not page.addresses and not {"link", "base", "iframe", "object", "embed", "img"} & set(page.tags)
    assert "connect-src data: blob:" in html.document and "default-src 'none'" in html.document
    style = html.document.partition("<style>")[2].partition("</style>")[0]
    assert "@import" not in style and "url(" not in style


def test_a_document_that_does_fetch_would_be_found():
    assert Tags('<img src="https://example.org/a.png"><script src=x.js></script>').addresses == [
        "https://example.org/a.png",
        "x.js",
    ]


def test_its_files_are_those_of_the_run(html):
    run = value_in(html)["runs"][0]
    model = model_of()
    maps = pe.attention_maps(model, model.preprocess(PICTURE))
    files = notebook.RunFiles(maps, [np.asarray(model.preprocess.pixels(PICTURE))])
    expected = [*files.offline(notebook.KINDS, range(3)), "lens"]
    assert sorted(run["files"]) == sorted(expected) and "maps/scores/2/0" in expected
    for name in expected:
        if name != "lens":
            assert bytes_at(run["files"][name]) == files.read(name)
    assert run["base"] == "" and run["picture"] == "A picture" and run["n_heads"] == 2
    assert len(run["answer"]) == 5 and len(run["lens"]["labels"]) == 7
    words = json.loads(bytes_at(run["lens"]["vocabulary"]))
    assert words["names"][run["answer"][0]["index"]] == run["answer"][0]["name"]


def test_layers_and_kinds_are_the_ones_asked_for():
    chosen = attention_html(model_of(), PICTURE, layers=(2, 0, 2), kinds=["log_value"], view={"layer": 2})
    value = value_in(chosen)
    names = [name for name in value["runs"][0]["files"] if name.startswith("maps/")]
    assert names == [f"maps/log_value/{layer}/{unit}" for layer in (0, 2) for unit in ("0", "mean")]
    assert value["view"] == {"layer": 2}


def test_only_the_emoji_on_show_come_along(html):
    font = bytes_at(value_in(html)["urls"]["font"])
    assert font[:4] == b"wOF2" and len(font) < 400_000


def test_what_if_changes_the_run_and_its_lens(html):
    before, after = (value_in(page)["runs"][0] for page in (html, attention_html(model_of(), PICTURE, causal_from=1)))
    assert (before["causal_from"], after["causal_from"]) == (None, 1)
    assert before["files"]["maps/pattern/0/0"] == after["files"]["maps/pattern/0/0"]
    assert before["files"]["maps/pattern/2/0"] != after["files"]["maps/pattern/2/0"]
    assert before["files"]["lens"] != after["files"]["lens"] and before["answer"] != after["answer"]


def test_a_model_without_a_classifier_has_no_answer():
    value = value_in(attention_html(model_of(head="identity", n_classes=8), PICTURE))
    run = value["runs"][0]
    assert run["answer"] is run["lens"] is value["urls"]["font"] is None and "lens" not in run["files"]


def test_a_video_has_its_frames():
    video = model_of(n_frames=4, tubelet=2)
    frames = [PICTURE.rotate(90 * i) for i in range(4)]
    run = value_in(attention_html(video, frames))["runs"][0]
    assert run["frames"] == 2 and run["files"]["image/0"] != run["files"]["image/1"]
    still = value_in(attention_html(video, [PICTURE] * 4))["runs"][0]
    assert still["files"]["maps/pattern/1/0"] != run["files"]["maps/pattern/1/0"]
    for wrong, n in ((PICTURE, 1), (frames[:3], 3)):
        with pytest.raises(ValueError, match=f"tiny takes 4 frames, got {n}"):
            attention_html(video, wrong)


def test_evidence_comes_along(html):
    model = model_of()
    found = pe.gather(
        model, [(str(i), PICTURE.rotate(90 * i)) for i in range(3)], source="turns of a picture", n_shuffles=9
    )
    value = value_in(attention_html(model, PICTURE, head_types=found))
    assert json.loads(bytes_at(value["urls"]["types"])) == found.to_dict()
    assert value_in(html)["urls"]["types"] is None


def test_names_cannot_leave_their_place():
    model, bad = model_of(), "</script><script>alert(1)</script><!-- \"' & \u2028 @@style@@"
    model.name = bad
    page = attention_html(model, PICTURE, title=bad)
    assert Tags(page).tags == ["iframe"]
    assert Tags(page.document).tags.count("script") == Tags(attention_html(model_of(), PICTURE).document).tags.count(
        "script"
    )
    run = value_in(page)["runs"][0]
    assert run["title"] == run["picture"] == bad


def test_its_length_is_foreseen_and_too_much_is_refused(html, monkeypatch):
    maps = [url for name, url in value_in(html)["runs"][0]["files"].items() if name.startswith("maps/")]
    actual = sum(len(url.partition(",")[2]) for url in maps)
    monkeypatch.setattr(notebook, "MAX_BYTES", actual + 2 * len(maps))
    attention_html(model_of(), PICTURE)
    monkeypatch.setattr(notebook, "MAX_BYTES", actual - 4 * len(maps))
    with pytest.raises(ValueError, match=r"3 layers in 2 kinds of tiny .* choose fewer, such as layers=\[0, 2\]"):
        attention_html(model_of(), PICTURE)
    attention_html(model_of(), PICTURE, layers=[0, 2], kinds=["pattern"])


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"layers": [3]}, "there is no layer 3; tiny has layers 0 to 2"),
        ({"layers": [-1]}, "there is no layer -1"),
        ({"kinds": ["colour"]}, "there is no kind 'colour'; there are pattern, scores"),
    ],
)
def test_what_does_not_exist_is_refused(given, sentence):
    with pytest.raises(ValueError, match=sentence):
        attention_html(model_of(), PICTURE, **given)


def test_a_model_that_cannot_prepare_pictures_says_so():
    model = model_of()
    model.preprocess = None
    with pytest.raises(ValueError, match="does not say how its pictures are prepared"):
        attention_html(model, PICTURE)


def test_any_widget_can_be_a_document():
    page = document("lens", {"text": "</script>"}, "A <title>")
    assert Tags(page).tags.count("script") == 3 and "A &lt;title&gt;" in page


def test_a_run_can_be_made_from_maps_alone():
    model = model_of()
    files = notebook.RunFiles(pe.attention_maps(model, model.preprocess(PICTURE)), [np.zeros((8, 12, 3), np.uint8)])
    run = offline_run(files, [0], ["pattern"])
    assert run["answer"] is None and "maps/pattern/0/0" in run["files"]
