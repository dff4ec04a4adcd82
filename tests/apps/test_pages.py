"""The registry of pages, the landing page's own words, and that nothing of a visitor reaches markup."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from apps import landing
from apps.common import catalog, server
from apps.common.theme import stylesheets
from apps.pages import PAGES

APPS = Path(landing.__file__).parent


def built(module: str) -> list[str]:
    """Paths of the pages that `build()` makes; in a process of its own, since Gradio leaves event loops behind."""
    code = f"from {module} import build; print([page[0] for page in build().pages])"
    done = subprocess.run([sys.executable, "-c", code], cwd=APPS.parent, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return ast.literal_eval(done.stdout.strip().splitlines()[-1])


@pytest.mark.slow
def test_the_suite_has_a_route_for_every_page_and_an_app_builds_alone():
    assert built("apps.__main__") == ["", *(card.path for card in PAGES)]
    assert built("apps.dogit_lens.app") == built("apps.attention_tour.app") == [""]


def test_every_card_has_a_real_picture():
    assert all(card.picture().startswith(b"\x89PNG") for card in PAGES)
    assert len({card.path for card in PAGES}) == len(PAGES)


def test_the_models_are_told_in_our_own_words(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(landing.MODELS, "loaded", lambda: ["emoji-vit", "<b>somebody/s</b>"])
    text = landing.models_text()
    assert "**in memory**" in text and "1 of your own" in text and "<b>" not in text
    assert all(offer.title in text for offer in catalog.OFFERS.values())


def test_templates_hold_no_data():
    for path in APPS.rglob("*.html"):
        if "widgets" not in path.parts:
            assert not re.search(r"\$\{|\{\{", path.read_text(encoding="utf-8")), path.name


def test_stylesheets_are_there_and_fetch_only_our_font():
    for path in stylesheets():
        for url in re.findall(r"url\(([^)]*)\)", path.read_text(encoding="utf-8")):
            assert url.strip("'\"") == "/gradio_api/prisma/font.woff2"


@pytest.mark.parametrize(("text", "port"), [("8001", 8001), (None, 7860)])
def test_the_port_is_the_environment_s(monkeypatch: pytest.MonkeyPatch, text: str | None, port: int):
    monkeypatch.delenv("GRADIO_SERVER_PORT", raising=False)
    monkeypatch.delenv("PORT", raising=False)
    if text:
        monkeypatch.setenv("PORT", text)
    assert server.port() == port


@pytest.mark.parametrize("text", ["x", "0", "70000", "-1"])
def test_a_port_that_is_none_is_one_sentence(monkeypatch: pytest.MonkeyPatch, text: str):
    monkeypatch.setenv("PORT", text)
    with pytest.raises(SystemExit, match="port must be a number"):
        server.port()
