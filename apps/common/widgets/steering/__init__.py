"""The steering canvas: which latents of a sparse autoencoder are on where, and what happens when one is turned."""

import gradio as gr

from apps.common.widgets.bundle import widget


def steering_canvas(value: dict | None = None, **kwargs) -> gr.HTML:
    """A steering canvas for a value {nonce, run, latent, found, rack, steered, …}, empty without one.

    Every field but `nonce` may be None: not there yet. Emits `latent`, `profile`, `search`, `steer`, `controls`,
    `generality`, `watch`, `compare`, `guide` and `cancel` when the visitor asks for something, and `view_change` with
    {"view": {…}} when the visitor has paused. A value that answers one of these holds the others unchanged; what is on
    the screen stays, and one with a smaller `nonce` than the last is dropped. Every event carries `at`, a number that
    grows from one to the next; `rack_at` is that of the newest rack that `rack` answers for, so that an older one
    undoes nothing. A value without the key `rack` leaves the rack as it is; one with `refused`, {"what": …, "nonce":
    …}, says that "controls", "general", "other" or "found" is not waited for any more; one with `failed`, a sentence,
    that what was asked for could not be done.
    """
    return widget("steering", value, **kwargs)
