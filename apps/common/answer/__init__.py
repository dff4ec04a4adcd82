"""The model's own answer as a short list of bars."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from apps.common.parts import part


def answer_list(value: dict[str, Any] | None = None, elem_id: str = "answer") -> gr.HTML:
    """The five classes that the model itself ranks highest; `value` comes from `answers.answer_value`."""
    return part(Path(__file__).parent, value, elem_id)
