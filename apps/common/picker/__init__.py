"""The shipped scenes as buttons to press."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from apps.common.parts import part


def example_picker(value: dict[str, Any], elem_id: str = "examples") -> gr.HTML:
    """Buttons for `value` {"items": [{"name", "title", "picture"}], "chosen": name or None}; emits `pick` {"name"}."""
    return part(Path(__file__).parent, value, elem_id)
