"""What every printed figure is made of: a sheet in inches, pictures and words placed on it, and its PNG.

Drawn through `Figure` objects, not pyplot, so that two visitors can save at the same time. Names may come from a
visitor: `write` draws them as plain text, never as mathematics.
"""

from __future__ import annotations

import io

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from apps.common.figures import INK, figure_png, plain


class Sheet:
    """A white page on which everything is placed in inches from the top left corner.

    Attributes:
        figure: matplotlib's own figure, for what a sheet has no word for.
    """

    def __init__(self, width: float, height: float, dpi: int) -> None:
        self.width, self.height = width, height
        self.figure = Figure(figsize=(width, height), dpi=dpi, facecolor="white")

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes that fill a box."""
        bottom = self.height - top - height
        return self.figure.add_axes((left / self.width, bottom / self.height, width / self.width, height / self.height))

    def picture(self, pixels: Image.Image | np.ndarray, left: float, top: float, width: float, height: float) -> Axes:
        """A picture that fills a box, pixel for pixel, without ticks."""
        axes = self.axes(left, top, width, height)
        axes.imshow(np.asarray(pixels), interpolation="none", aspect="auto")
        axes.set_axis_off()
        return axes

    def write(self, text: str, left: float, top: float, size: float = 8, color: str = INK, align: str = "left") -> None:
        """One line of plain text, its middle at height `top`."""
        self.figure.text(
            left / self.width, 1 - top / self.height, plain(text), fontsize=size, color=color, va="center", ha=align,
            parse_math=False,
        )  # fmt: skip

    def png(self) -> bytes:
        """The sheet as a PNG, the same bytes for the same drawing."""
        return figure_png(self.figure)


def picture_png(picture: Image.Image) -> bytes:
    """A Pillow picture as a PNG."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()
