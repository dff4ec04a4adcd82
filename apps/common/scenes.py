"""The shipped scenes as the page needs them: thumbnails, and layouts to start composing from."""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from apps.common import catalog, payload, routes
from apps.common.pictures import SHIPPED, VOCABULARY, example, example_names
from apps.common.scene_text import MAX_SEED, Placed, Scene, scene_from_text, scene_to_value
from prisma_engine import labels
from prisma_engine.toy.compose import render_scene
from prisma_engine.toy.emoji_classes import EMOJI, NAMES, class_index
from prisma_engine.toy.layers import FRAME

THUMBNAIL = 192  # pixels; a whole multiple of a scene's side, so that pixels stay square
_nonce = itertools.count(1)


def picker_value(chosen: str | None, model_id: str = catalog.DEFAULT) -> dict[str, Any]:
    """The value of the example picker of a model; `chosen` is the example that the page shows, if it shows one."""
    names = example_names(model_id)
    items = [{"name": name, "title": example(name).title, "picture": _thumbnail_url(name)} for name in names]
    return {"items": items, "chosen": chosen}


def _thumbnail_url(name: str) -> str:
    return routes.lazy_picture_url(f"example-{name}", partial(thumbnail, name))


def thumbnail(name: str) -> bytes:
    """An example as a PNG of 192 pixels."""
    image = example(name).image
    assert image is not None, "a shipped example is never without its image"
    picture = image.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.NEAREST)
    return payload.pack_png(np.asarray(picture))


def first_scene() -> Scene:
    """The layout that the composer opens with: the example that opens the page."""
    return scene_of(example_names()[0])


def scene_in_text(text: str) -> Scene:
    """The layout that a link carries.

    Raises:
        ValueError: if the text is not a scene.
    """
    return scene_from_text(text, len(NAMES), FRAME)


def scene_of(name: str) -> Scene:
    """The layout of an example, to take apart (the composer does not mirror, so neither does this).

    What is no scene cannot be taken apart; then it is that of the first scene.
    """
    shipped = SHIPPED.get(name) or SHIPPED[example_names()[0]]
    placed = (Placed(class_index(o.kind), o.x, o.y, o.size, o.angle) for o in shipped.placements)
    return Scene(shipped.background, tuple(placed))


def composer_value(scene: Scene) -> dict[str, Any]:
    """The value of the scene composer."""
    return {
        "size": FRAME,
        **scene_to_value(scene),
        "vocabulary": routes.vocabulary_url(labels.vocabulary(NAMES, id=VOCABULARY, emoji=EMOJI)),
        "font": routes.font_url(),
        "background_url": routes.series_url("background", _backdrop, MAX_SEED + 1),
        "nonce": next(_nonce),
    }


def _backdrop(seed: int) -> bytes:
    return payload.pack_png(render_scene((), seed).image)
