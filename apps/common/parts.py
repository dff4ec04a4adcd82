"""Small custom components: a factory each, markup, style and script in files of their own, data never in markup."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr


def part(folder: Path, value: dict[str, Any] | None, elem_id: str) -> gr.HTML:
    """A component from `<folder>/<folder name>.{html,css,js}`."""
    markup, style, script = (
        (folder / f"{folder.name}{suffix}").read_text(encoding="utf-8") for suffix in (".html", ".css", ".js")
    )
    return gr.HTML(
        value, html_template=markup, css_template=style, js_on_load=script, apply_default_css=False, elem_id=elem_id
    )


def note(text: str = "") -> gr.HTML:
    """A quiet line that says something to the visitor as plain text; empty, it takes no room."""
    return part(Path(__file__).parent / "note", note_value(text), "note")


def note_value(text: str) -> dict[str, Any]:
    """The value that makes a note say `text`."""
    return {"text": text}


def address() -> gr.HTML:
    """Writes {"query": text} into the browser's address bar; shows nothing."""
    return part(Path(__file__).parent / "address", None, "address")
