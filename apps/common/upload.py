"""A picture control that hands over a path unopened, so that a damaged file meets our guard and its one sentence."""

from __future__ import annotations

from typing import Any

import gradio as gr


def photo_input(**options: Any) -> gr.Image:
    """Upload, camera or clipboard; the handler gets a path inside Gradio's upload folder, or None."""
    image = gr.Image(type="filepath", image_mode=None, **options)

    # Gradio would open the file here, before any of our code, and answer a damaged one with a bare "Error".
    def preprocess(payload: Any) -> str | None:
        return None if payload is None else payload.path

    image.preprocess = preprocess
    return image
