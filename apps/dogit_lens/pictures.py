"""Where a picture comes from: a shipped example, a composed scene, or an upload that is not kept."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from apps.common.scene_text import Scene, scene_from_text, scene_to_text
from apps.common.share import SourceKind
from apps.common.upload import GONE
from apps.dogit_lens.analysis import Picture
from prisma_engine.images import MAX_BYTES, open_image
from prisma_engine.toy import compose
from prisma_engine.toy.emoji_classes import NAMES
from prisma_engine.toy.layers import FRAME

MAX_SIDE = 2048  # an upload is shrunk to this many pixels before anything else looks at it
HASH_CHARACTERS = 16
SHIPPED = {example.name: example for example in compose.EXAMPLES}
VOCABULARY = "emoji-vit"  # whose classes the masks of scenes name


def example_names() -> tuple[str, ...]:
    """Names of the shipped examples, the one that opens the page first."""
    return tuple(SHIPPED)


@lru_cache(maxsize=16)
def example(name: str) -> Picture:
    """A shipped scene with its exact mask.

    Raises:
        ValueError: if there is no example of that name.
    """
    scene = compose.render_example(name)
    return _rendered(scene, "example", name, SHIPPED[name].title)


def composed(scene: Scene) -> Picture:
    """A visitor's own scene with its exact mask."""
    placed = [compose.Placement(o.class_index, o.x, o.y, o.size, o.angle) for o in scene.objects]
    return _rendered(compose.render_scene(placed, scene.background), "scene", scene_to_text(scene), "Your own scene")


def scene_in_link(text: str) -> Picture:
    """The scene that a link carries.

    Raises:
        ValueError: if the text is not a scene.
    """
    return composed(scene_from_text(text, len(NAMES), FRAME))


def uploaded(path: str) -> Picture:
    """A visitor's picture, opened under guard.

    Raises:
        ValueError: one sentence, for anything that is not a usable picture, and for a file that is gone.
    """
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ValueError(GONE) from error
    digest = hashlib.sha256(data).hexdigest()[:HASH_CHARACTERS]
    return Picture(open_image(data, max_side=MAX_SIDE), "upload", digest, "Your picture")


def _rendered(scene: compose.Scene, kind: SourceKind, source: str, title: str) -> Picture:
    height, width = scene.image.shape[:2]
    mask = np.zeros((height, width), dtype=np.uint8)
    for index, seen in enumerate(scene.masks):
        mask[seen] = index + 1
    return Picture(Image.fromarray(scene.image), kind, source, title, mask, scene.classes, VOCABULARY)
