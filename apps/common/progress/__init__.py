"""How far a long piece of work has come: a bar and a line of plain text."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import gradio as gr

from apps.common.parts import part

_nonce = itertools.count(1)


def progress(elem_id: str) -> gr.HTML:
    """A progress bar; without a value it takes no room."""
    return part(Path(__file__).parent, None, elem_id)


def progress_value(text: str, done: int = 0, total: int = 0) -> dict[str, Any]:
    """The value of a progress bar; with a total of 0 there is text alone."""
    return {"nonce": next(_nonce), "text": text, "done": done, "total": total}
