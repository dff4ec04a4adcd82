"""The Dogit Lens canvas: what every patch would answer at every layer, explored without the server."""

import gradio as gr

from apps.common.widgets.bundle import widget


def lens_canvas(value: dict | None = None, **kwargs) -> gr.HTML:
    """A lens canvas for a value {key, nonce, meta, urls, scores, view}; nothing is shown before the first one.

    Fetches the binary data that `urls` names and emits `view_change` with {"view": {…}} when the visitor has paused.
    A field that `view` leaves out stays as the visitor has it; where only `view` differs nothing is fetched again.
    """
    return widget("lens", value, **kwargs)
