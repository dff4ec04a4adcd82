"""The Attention Tour canvas: every head of one or two runs, explored without the server."""

import gradio as gr

from apps.common.widgets.bundle import widget


def attention_canvas(value: dict | None = None, **kwargs) -> gr.HTML:
    """An attention canvas for a value {nonce, runs: [run, run or None], urls: {font, types}, view}, empty without one.

    Fetches the files of each run below its `base`, or takes them from its `files`, one layer at a time. Emits
    `view_change` with {"view": {…}} when the visitor has paused, and `open_picture` with {"ref": …} when an example of
    a head type was chosen. A field that `view` leaves out stays as the visitor has it; what two values have in common
    is not fetched again.
    """
    return widget("attention", value, **kwargs)
