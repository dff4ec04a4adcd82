"""The training-step scrubber: a model at each step whose weights were kept, with what it had learned by then."""

import gradio as gr

from apps.common.widgets.bundle import widget


def step_scrubber(value: dict | None = None, **kwargs) -> gr.HTML:
    """A scrubber for a value {nonce, model, url, step, refused}; emits `step` with {"model", "step", "at"}.

    `url` names JSON {"title", "stops", "rows": [[step, loss, accuracy, held-out loss, held-out accuracy], …],
    "curves"}, the last as `prisma_engine.curves` writes it, or null; without a `url` nothing is shown.
    `step` is the one on show, null for the end of the training. An event waits for the value that answers it; `at` is
    when it was sent.
    """
    return widget("steps", value, **kwargs)
