"""The beginning of every page's "copy as Python": the picture and the model, as a visitor can have them again."""

from __future__ import annotations

from collections.abc import Sequence

from apps.common import checkpoints, sprites
from apps.common.pictures import Picture
from apps.common.share import SourceKind

_OPEN: dict[SourceKind, tuple[str, str]] = {
    "example": ("from prisma_engine.toy.compose import render_example", "render_example({source!r}).image"),
    "scene": ("from apps.common.pictures import scene_in_link", "scene_in_link({source!r}).image"),
    "seed": ("from prisma_engine.toy.emoji_scenes import seeded_scene", "seeded_scene({source}).image"),
    "upload": ("from prisma_engine.images import open_image", 'open_image("{file}", max_side=2048)'),
}
_SPRITE = ("from prisma_engine.toy.dsprites import picture", "picture({source})")
HEADER = """\
# Run it where prisma_engine can be imported, such as the repository's own folder.
import prisma_engine as pe
"""


def opening(**named: Picture) -> str:
    """Imports, and one line for each picture that gives it the name it is passed under."""
    imports = dict.fromkeys(_way(picture)[0] for picture in named.values())
    lines = [f"{name} = {_opened(picture, name)}" for name, picture in named.items()]
    return HEADER + "\n".join([*imports, "", *lines])


def _opened(picture: Picture, name: str) -> str:
    file = "your-picture.jpg" if name == "image" else f"your-{name}-picture.jpg"
    return _way(picture)[1].format(source=sprites.EXAMPLES.get(picture.source, picture.source), file=file)


def _way(picture: Picture) -> tuple[str, str]:
    """What is imported to have a picture again, and the expression that makes it."""
    return _SPRITE if picture.source in sprites.EXAMPLES else _OPEN[picture.kind]


def loading(model_id: str, revision: str | None, classes: Sequence[str] | None) -> str:
    """An expression that loads the model."""
    arguments = [repr(checkpoints.base_of(model_id))]
    if revision:
        arguments.append(f"revision={revision!r}")
    if classes:
        arguments.append(f"classes={list(classes)!r}")
    return f"pe.load({', '.join(arguments)})"


def place(token: int, prefix_names: Sequence[str], grid: tuple[int, int], n_frames: int = 1) -> str:
    """A token in words: "the CLS token", "patch in row 1, column 2"."""
    if token < len(prefix_names):
        return f"the {prefix_names[token]} token"
    rows, columns = grid
    frame, patch = divmod(token - len(prefix_names), rows * columns)
    row, column = divmod(patch, columns)
    where = f"patch in row {row + 1}, column {column + 1}"
    return where if n_frames == 1 else f"{where} of frame {frame + 1}"
