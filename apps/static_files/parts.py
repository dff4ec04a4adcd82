"""The widgets as a plain page takes them, and what the pages say of themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio

from apps.attention_tour import layout as attention_layout
from apps.cat_dog_patching import layout as patching_layout
from apps.common import catalog, pictures, scenes
from apps.common.theme import APPS
from apps.common.widgets import bundle
from apps.dogit_lens import layout as lens_layout
from apps.landing import WELCOME, PageCard
from apps.pages import PAGES
from apps.sae_steering import layout as steering_layout
from apps.sae_steering.first import opening
from apps.static_files import attention, lens, patching, steering
from apps.static_files.scope import Scope
from apps.static_files.store import DATA, Store

WIDGETS = "widgets"
FOLDERS = (lens.FOLDER, attention.FOLDER, patching.FOLDER, steering.FOLDER)
"""Of the first pages of the suite; the others need a server, since they speak."""
ABOUTS = (lens_layout.ABOUT, attention_layout.ABOUT, patching_layout.ABOUT, steering_layout.ABOUT)
CAVEATS = {lens.FOLDER: lens_layout.CAVEAT}
STYLES = (APPS / "common" / "picker" / "picker.css", APPS / "landing.css")
FONTS = ("IBMPlexSans-Regular.woff2", "IBMPlexSans-Bold.woff2")


def write(store: Store, scope: Scope) -> None:
    """`widgets/`, `fonts/`, `pictures/` and `site.json`, which says what each page is about and what it has."""
    home = Path(bundle.__file__).parent
    shared = (home / "shared" / "shared.css").read_text(encoding="utf-8")
    store.put(f"{WIDGETS}/shared.css", "\n".join([shared, *(p.read_text(encoding="utf-8") for p in STYLES)]).encode())
    for folder in FOLDERS:
        store.put(f"{WIDGETS}/{folder}.js", bundle.module(home / folder / "widget.js").encode())
        for kind in ("css", "html"):
            store.put(f"{WIDGETS}/{folder}.{kind}", (home / folder / f"widget.{kind}").read_bytes())
    plex = Path(gradio.__file__).parent / "templates" / "frontend" / "static" / "fonts" / "IBMPlexSans"
    for font in FONTS:
        store.put(f"fonts/{font}", (plex / font).read_bytes())
    pages = [_page(store, scope, *each) for each in zip(FOLDERS, ABOUTS, PAGES[: len(FOLDERS)], strict=True)]
    title, _, welcome = WELCOME.removeprefix("# ").partition("\n")
    store.put("site.json", {"title": title, "welcome": welcome.strip(), "model": catalog.DEFAULT, "pages": pages})


def _page(store: Store, scope: Scope, folder: str, about: str, card: PageCard) -> dict[str, Any]:
    title, _, text = about.removeprefix("# ").partition("\n")
    return {
        "folder": folder,
        "title": title,
        "about": text.strip(),
        "caveat": CAVEATS.get(folder, ""),
        "sentence": card.sentence,
        "picture": store.put(f"pictures/{folder}.png", card.picture()),
        "examples": [_example(store, *each) for each in _examples(scope, folder)],
    }


def _examples(scope: Scope, folder: str) -> list[tuple[str, str, bytes]]:
    """Name, title and thumbnail of what a page shows, in the order of its picker; what it opens with comes first."""
    shipped = [(name, pictures.example(name).title, scenes.thumbnail(name)) for name in scope.examples]
    if folder == patching.FOLDER:
        known = {name: thumb for name, _, thumb in shipped}
        pairs = patching.named(scope).items()
        return [(name, title, known.get(name) or patching.thumbnail(name)) for name, (title, _) in pairs]
    if folder == steering.FOLDER:
        return sorted(shipped, key=lambda each: each[0] != opening().source)
    return shipped


def _example(store: Store, name: str, title: str, thumbnail: bytes) -> dict[str, str]:
    return {"name": name, "title": title, "picture": store.put(f"{DATA}/thumbnails/{name}.png", thumbnail)}
