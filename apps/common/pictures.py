"""Where a picture comes from: a shipped example, a composed scene, a random one, or an upload that is not kept."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from apps.common import catalog, sprites
from apps.common.scene_text import Scene, scene_from_text, scene_to_text
from apps.common.share import SEED, Link, SourceKind
from apps.common.upload import GONE
from prisma_engine.images import MAX_BYTES, open_image
from prisma_engine.toy import compose
from prisma_engine.toy.emoji_classes import NAMES
from prisma_engine.toy.emoji_scenes import seeded_scene
from prisma_engine.toy.layers import FRAME

MAX_SIDE = 2048  # an upload is shrunk to this many pixels before anything else looks at it
HASH_CHARACTERS = 16
SHIPPED = {example.name: example for example in compose.EXAMPLES}
ASK_FOR_UPLOAD = (
    "This link was made with somebody's own picture, which is not kept: choose the same picture to see that view."
)
OTHER_UPLOAD = "This is not the picture that the link was made with, so the view starts afresh."
VOCABULARY = "emoji-vit"  # whose classes the masks of scenes name


@dataclass(frozen=True)
class Picture:
    """What a visitor chose to look at."""

    image: Image.Image | None  # None once the model has seen it: a result does not keep it
    kind: SourceKind
    source: str  # example name, scene text, seed of a scene, or hash of the upload: what a link carries
    title: str
    mask: UInt8[np.ndarray, "height width"] | None = None  # 0 = nothing, i + 1 = objects[i]
    objects: tuple[int, ...] = ()  # class of each object, in the vocabulary named below
    vocabulary_id: str | None = None


def example_names(model_id: str = catalog.DEFAULT) -> tuple[str, ...]:
    """Names of the shipped examples of the kind that a model has learned from, the one that opens a page first."""
    return tuple(sprites.EXAMPLES) if catalog.offer_for(model_id).pictures == "sprites" else tuple(SHIPPED)


def first(model_id: str = catalog.DEFAULT) -> Picture:
    """The example that a page opens a model with."""
    return example(example_names(model_id)[0])


def for_model(picture: Picture, model_id: str) -> Picture:
    """The picture to show to a model that was just chosen: ours of another kind gives way to an example of its own."""
    names = example_names(model_id)
    ours = picture.kind == "example" or (picture.kind != "upload" and names[0] in sprites.EXAMPLES)
    return example(names[0]) if ours and picture.source not in names else picture


@lru_cache(maxsize=16)
def example(name: str) -> Picture:
    """A shipped example with its exact mask: a scene, or a picture of dSprites.

    Raises:
        ValueError: if there is no example of that name.
    """
    if name in sprites.EXAMPLES:
        found = sprites.sprite(sprites.EXAMPLES[name])
        return Picture(found.image, "example", name, found.title, found.mask, (found.shape,), sprites.VOCABULARY)
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


@lru_cache(maxsize=64)
def seeded(seed: str) -> Picture:
    """One of the random scenes that models and heads are measured on, with its exact mask.

    Raises:
        ValueError: if the text is no seed.
    """
    if not SEED.fullmatch(seed):
        raise ValueError(f"scenes are numbered from 0 to 999999999, got {seed[:20]!r}")
    return _rendered(seeded_scene(int(seed)), "seed", str(int(seed)), f"Scene {int(seed)}")


def uploaded(path: str, title: str = "Your picture") -> Picture:
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
    return Picture(open_image(data, max_side=MAX_SIDE), "upload", digest, title)


def in_link(link: Link) -> tuple[Picture, str | None]:
    """The picture that a link names, or the first example, with a sentence where the one that it names is not here."""
    try:
        if link.kind == "example" and link.source:
            return example(link.source), None
        if link.kind == "scene" and link.source:
            return scene_in_link(link.source), None
        if link.kind == "seed" and link.source:
            return seeded(link.source), None
    except ValueError as error:
        return first_of(link), f"{error}; the first example is shown instead"
    return first_of(link), None


def required(link: Link) -> Picture:
    """The picture that a link names.

    Raises:
        ValueError: one sentence, where it is not here.
    """
    picture, problem = in_link(link)
    if problem:
        raise ValueError(problem.split(";")[0])
    return picture


def first_of(link: Link) -> Picture:
    """The example that a link to a model opens with where it names no picture."""
    try:
        return first(link.model or catalog.DEFAULT)
    except ValueError:  # no such model: whoever runs it says so
        return first()


def _rendered(scene: compose.Scene, kind: SourceKind, source: str, title: str) -> Picture:
    height, width = scene.image.shape[:2]
    mask = np.zeros((height, width), dtype=np.uint8)
    for index, seen in enumerate(scene.masks):
        mask[seen] = index + 1
    return Picture(Image.fromarray(scene.image), kind, source, title, mask, scene.classes, VOCABULARY)
