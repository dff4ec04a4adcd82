"""The mask painter: boxes and brush strokes over a picture, and what they are filled with."""

import gradio as gr

from apps.common.widgets.bundle import widget


def mask_painter(value: dict | None = None, **kwargs) -> gr.HTML:
    """A painter for a value {nonce, image, size, grid, shapes, fill}; emits `mask` with {"shapes": […], "fill": …}.

    `size` is [height, width] of the picture in pixels, `grid` [rows, columns] of its patches. A shape is
    {"kind": "box", "x0", "y0", "x1", "y1"} or {"kind": "stroke", "r", "points": [[x, y], …]} with places as shares of
    width and height, 0 to 1, and the radius `r` as a share of the width; at most 40 shapes and 400 points. `fill` is
    "black", "blur", "mean" or "noise". What is seen is a preview: the exact filling is the server's.
    """
    return widget("mask", value, **kwargs)
