"""The model's own answer as a short list of bars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from apps.common.parts import part


def answer_list(value: dict[str, Any] | None = None) -> gr.HTML:
    """The five classes that the model itself ranks highest; `value` is {"nonce", "rows": [Answer as a dict]}."""
    return part(Path(__file__).parent, value, "answer")
