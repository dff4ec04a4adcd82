"""The pages around the files: relative addresses alone, no server's paths, a weight that is kept."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from apps.common import routes
from space_configs.static import build as exported
from space_configs.static import table
from space_configs.static.assembling import MARK, OverBudget, assemble, build, prose
from space_configs.static.sizes import MAX_BYTES, sizes, total

FOLDERS = ("lens", "attention", "patching", "steering")
LINK = re.compile(r'(?:href|src)="([^"]*)"')


def fake_files(out: Path) -> None:
    """What `apps.static_files` writes, in little."""
    pages = [
        {
            "folder": folder,
            "title": f"{folder} & more",
            "about": "What *this* is,\non <two> lines.\n\nAnd more.",
            "caveat": "It does not prove it." if folder == "lens" else "",
            "sentence": "See.",
            "picture": f"pictures/{folder}.png",
            "examples": [{"name": "cat", "title": "A “cat”", "picture": "data/thumbnails/cat.png"}],
        }
        for folder in FOLDERS
    ]
    out.mkdir(exist_ok=True)
    (out / MARK).write_text(json.dumps({"title": "Look", "welcome": "Hello.", "model": "emoji-vit", "pages": pages}))
    (out / "widgets").mkdir()
    for folder in FOLDERS:
        (out / "widgets" / f"{folder}.html").write_text(f'<div class="pl-root">{folder}</div>')
        (out / "data" / folder).mkdir(parents=True)
        (out / "data" / folder / "numbers").write_bytes(bytes(1000))


@pytest.fixture
def site(tmp_path: Path) -> Path:
    out = tmp_path / "site"
    fake_files(out)
    assemble(out)
    return out


def test_there_is_a_page_for_each_widget(site: Path) -> None:
    for folder in FOLDERS:
        text = (site / folder / "index.html").read_text(encoding="utf-8")
        assert f'<div class="pl-root">{folder}</div>' in text and f'src="../site/{folder}.js"' in text
        assert f"<h1>{folder} &amp; more</h1>" in text and "<em>this</em> is, on &lt;two&gt; lines." in text
        assert 'href="#picture=cat"' in text and "takes no pictures of yours" in text
        assert ("It does not prove it." in text) == (folder == "lens")
    assert not list(site.glob("widgets/*.html"))


def test_every_link_is_relative_and_leads_to_a_page(site: Path) -> None:
    for page in site.rglob("*.html"):
        for link in LINK.findall(page.read_text(encoding="utf-8")):
            assert not link.startswith(("/", "http")), f"{page} leads to {link}, which is not of this folder"
            target = link.partition("#")[0]
            if target.endswith((".html", ".css")) and "widgets" not in target:
                assert (page.parent / target).is_file(), f"{page} leads to {link}, which is not there"


def test_nothing_of_the_site_knows_the_server(site: Path) -> None:
    for path in [*site.rglob("*.html"), *site.rglob("*.js"), *site.rglob("*.css")]:
        assert routes.PREFIX not in path.read_text(encoding="utf-8"), path


def test_its_front_matter_says_that_it_is_static(site: Path) -> None:
    lines = (site / "README.md").read_text(encoding="utf-8").splitlines()
    front = dict(line.split(": ", 1) for line in lines[1 : lines.index("---", 1)])
    assert front["sdk"] == "static" and front["title"] == "Look" and len(front["short_description"]) <= 60


def test_sizes_are_told_part_by_part(site: Path) -> None:
    assert sizes(site)["data/lens"] == (1, 1000)
    assert total(site) == sum(path.stat().st_size for path in site.rglob("*") if path.is_file())
    assert table(site).splitlines()[-1].startswith("all")


def test_a_heavy_site_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "site"
    monkeypatch.setattr("space_configs.static.assembling._compute", lambda folder, is_small: fake_files(folder))
    assert build(out) == out
    monkeypatch.setattr("space_configs.static.assembling._compute", lambda folder, is_small: heavy(folder))
    with pytest.raises(OverBudget, match="30 MB and is heavier"):
        build(out)


def heavy(out: Path) -> None:
    fake_files(out)
    with (out / "data" / "much").open("wb") as file:
        file.truncate(MAX_BYTES)


def test_a_folder_with_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ValueError, match="holds something else"):
        exported(tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "mine"


@pytest.mark.parametrize(
    ("text", "html"), [("a *b* c", "<p>a <em>b</em> c</p>"), ("<b>\n\nx", "<p>&lt;b&gt;</p><p>x</p>")]
)
def test_prose_is_text(text: str, html: str) -> None:
    assert str(prose(text)) == html
