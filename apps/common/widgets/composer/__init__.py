"""The scene composer: up to four emoji on a background, moved, sized and turned by hand."""

import gradio as gr

from apps.common.widgets.bundle import widget


def scene_composer(value: dict | None = None, **kwargs) -> gr.HTML:
    """A composer for a value {size, background, objects, vocabulary, nonce}; emits `compose` with the same shape.

    Positions and sizes are in pixels of the model's picture, x and y the centre of an object, angles in degrees.
    """
    return widget("composer", value, **kwargs)
