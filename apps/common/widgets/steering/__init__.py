"""The steering canvas: which latents of a sparse autoencoder are on where, and what happens when one is turned."""

import gradio as gr

from apps.common.widgets.bundle import widget


def steering_canvas(value: dict | None = None, **kwargs) -> gr.HTML:
    """A steering canvas for a value {nonce, run, latent, found, rack, steered, …}, empty without one.

    Every field but `nonce` may be None: not there yet. Emits `latent`, `profile`, `search`, `steer`, `controls`,
    `generality`, `watch`, `compare`, `guide` and `cancel` when the visitor asks for something, and `view_change` with
    {"view": {…}} when the visitor has paused. A value that answers one of these holds the others unchanged; what is on
    the screen stays. A value without the key `rack` leaves the rack as it is; one with `failed`, a sentence, says that
    what was asked for could not be done.
    """
    return widget("steering", value, **kwargs)
