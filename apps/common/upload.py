"""A picture control that hands over a path unopened, so that a damaged file meets our guard and its one sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr
from gradio.utils import get_upload_folder

GONE = "your picture is no longer kept here; choose it once more"


def photo_input(**options: Any) -> gr.Image:
    """Upload, camera or clipboard; the handler gets a path inside Gradio's upload folder, or None."""
    image = gr.Image(type="filepath", image_mode=None, **options)

    # Gradio would open the file here, before any of our code, and answer a damaged one with a bare "Error".
    def preprocess(payload: Any) -> str | None:
        return None if payload is None else stored(payload.path)

    image.preprocess = preprocess
    return image


def stored(path: object) -> str:
    """The path of a file that Gradio itself stored for a visitor.

    Gradio checks where a file lies only if the client says that it is one, so anyone could name any file of this
    machine; here nothing outside the upload folder is looked at.

    Raises:
        gr.Error: one sentence, for any other path, and for a file that is gone.
    """
    folder = Path(get_upload_folder()).resolve()
    file = Path(str(path or "")).resolve()
    if not (file.is_relative_to(folder) and file.is_file()):
        raise gr.Error(GONE, title="That did not work", print_exception=False)
    return str(file)
