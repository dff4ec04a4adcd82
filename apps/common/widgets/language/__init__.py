"""The talking canvas: what a model says of a picture in columns, and which latents of an SAE are on at which token."""

import gradio as gr

from apps.common.widgets.bundle import widget


def language_canvas(value: dict | None = None, **kwargs) -> gr.HTML:
    """A talking canvas for a value {nonce, run, heard, talk, rack, latent, …}, empty without one.

    Emits `ask` {"text"}, `talk` with all that is turned and how words are chosen, `guide`, `latent` {"index"},
    `gallery`, `contrast` {"name"} and `cancel` {"what"} when the visitor asks for something, and `view_change` with
    {"view": {…}} when the visitor has paused. A value that answers one of these holds the others unchanged; one with a
    smaller `nonce` than the last is dropped. Every event carries `at`, a number that grows from one to the next;
    `rack_at` is that of the newest turn that `rack` answers for, so that an older one undoes nothing, and `asked_at`
    that of the newest prompt or recipe. One with `refused`, {"what": …, "nonce": …}, says that this is not waited for
    any more.
    """
    return widget("language", value, also=("steering",), **kwargs)
