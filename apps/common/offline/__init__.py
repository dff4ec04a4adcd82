"""A widget in one document that needs no server: for notebooks, and to keep as a file.

Its policy forbids the document to reach any network, so that nothing leaves whatever the value holds.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from apps.common.widgets.bundle import parts

HERE = Path(__file__).parent
POLICY = "; ".join(
    ("default-src 'none'", "script-src 'unsafe-inline'", "style-src 'unsafe-inline'", "img-src data: blob:",
     "font-src data: blob:", "connect-src data: blob:")
)  # fmt: skip


class NotebookHtml(str):
    """HTML that a notebook shows, where it would print any other text.

    Attributes:
        document: the same as a whole page, to be kept as a file.
    """

    document: str

    def _repr_html_(self) -> str:
        return str(self)


def data_url(data: bytes, kind: str = "application/octet-stream") -> str:
    """`data` as an address that holds all of it."""
    kind = "image/png" if data.startswith(b"\x89PNG") else kind
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def document(folder: str, value: Mapping[str, Any], title: str) -> str:
    """A page that shows `value` in the widget of that folder; every file must be in the value, as a data: address."""
    widget = parts(folder)
    fill = {
        "title": escape(title),
        "policy": POLICY,
        "style": widget["css_template"],
        "markup": widget["html_template"],
        # Whatever names hold, the text of a script ends at its own end.
        "value": json.dumps(value, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c"),
        "start": (HERE / "start.js").read_text(encoding="utf-8"),
        "widget": widget["js_on_load"],
    }
    pieces = (HERE / "page.html").read_text(encoding="utf-8").split("@@")
    return "".join(fill[piece] if place % 2 else piece for place, piece in enumerate(pieces))


def framed(page: str, title: str, height: int) -> NotebookHtml:
    """A document in a frame of its own, so that several get along in one notebook; `height` in pixels, at first."""
    style = f"width: 100%; height: {height}px; border: 0"
    html = NotebookHtml(f'<iframe title="{escape(title)}" style="{style}" srcdoc="{escape(page)}"></iframe>')
    html.document = page
    return html
