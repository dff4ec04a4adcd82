"""The patching canvas: which parts of a model carry the difference between two pictures."""

import gradio as gr

from apps.common.widgets.bundle import widget


def patching_canvas(value: dict | None = None, **kwargs) -> gr.HTML:
    """A patching canvas for a value {nonce, run, sweep, applied, flip, general, reads, view}, empty without one.

    Every field may be None: not there yet. Emits `sweep`, `apply`, `flip`, `generality`, `reads`, `evolution` and
    `cancel` when the visitor asks for something, and `view_change` with {"view": {…}} when the visitor has paused. A
    value that answers one of these holds the others unchanged; what is on the screen stays.
    """
    return widget("patching", value, **kwargs)
