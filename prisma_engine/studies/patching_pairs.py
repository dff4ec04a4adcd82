"""Pairs of pictures for patching: what is clean, what is corrupt, and how both become input."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor

from prisma_engine.preprocess import PREPARATIONS, Preprocess, prepared
from prisma_engine.toy.compose import EXAMPLES, Placement, render_scene
from prisma_engine.vit import HookedViT

CAT, DOG = "cat face", "dog face"
OPENING = (Placement(CAT, 66, 68, 54), Placement(DOG, 32, 30, 26)), 30
"""Objects, back to front, and background of the scene that opens Cat–Dog Patching."""
CHANGED = 24
"""Of 255: a pixel that differs by more than this in some channel was hidden; less is what saving as JPEG does."""

Pixels = UInt8[np.ndarray, "height width 3"]
Input = Float[Tensor, "1 channel height width"]


@dataclass(frozen=True)
class Pair:
    """Two pictures as a model's input.

    Attributes:
        name: what they are, for people.
        preparation: "checkpoint", as the model was trained; or "tutorial": squashed, and not normalised.
        answers: two classes; their logits' difference, first less second, is the metric.
        hidden: patches of the box that is hidden in the corrupt picture, by index; of two scenes, of the box in which
            they differ.
    """

    name: str
    preparation: str
    clean: Input
    corrupt: Input
    answers: tuple[str, str]
    hidden: tuple[int, ...]


def photo_pairs(model: HookedViT, clean: Path, corrupt: Sequence[Path], answers: tuple[str, str]) -> Iterator[Pair]:
    """A photo with each of its corrupt versions, prepared in both ways.

    Raises:
        ValueError: if a picture cannot be opened.
    """
    for preparation in PREPARATIONS:
        preprocess = prepared(_preprocess(model), preparation)
        for other in corrupt:
            pixels = [np.asarray(preprocess.pixels(path)) for path in (clean, other)]
            name = f"{clean.stem} with {other.stem}"
            yield pair_of(model, name, preprocess, preparation, pixels[0], pixels[1], answers)


def scene_pairs(model: HookedViT) -> Iterator[Pair]:
    """Three pairs of emoji scenes.

    The page's opening, its cat hidden; the shipped example, its dog hidden; and that example's cat without its dog
    with its dog without its cat.
    """
    preprocess = _preprocess(model)
    example = next(example for example in EXAMPLES if example.name == "cat-and-dog")
    for name, (placements, background), gone in (
        ("opening with its cat hidden", OPENING, CAT),
        ("cat-and-dog with its dog hidden", (example.placements, example.background), DOG),
    ):
        both, hidden = with_hidden(placements, background, gone)
        yield pair_of(model, name, preprocess, "checkpoint", both, hidden, (CAT, DOG))
    alone = [render_scene([one], example.background).image for one in example.placements]
    yield pair_of(model, "a cat alone with a dog alone", preprocess, "checkpoint", alone[0], alone[1], (CAT, DOG))


def with_hidden(placements: Sequence[Placement], background: int, gone: str) -> tuple[Pixels, Pixels]:
    """A scene, and the same with a black box around what is seen of one object."""
    scene = render_scene(placements, background)
    mask = scene.masks[[placed.kind for placed in placements].index(gone)]
    return scene.image, boxed(scene.image, mask)


def boxed(image: Pixels, mask: Bool[np.ndarray, "height width"]) -> Pixels:
    """The picture with the smallest box that holds the mask in black."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    out = image.copy()
    out[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = 0
    return out


def pair_of(
    model: HookedViT,
    name: str,
    preprocess: Preprocess,
    preparation: str,
    clean: Pixels,
    corrupt: Pixels,
    answers: tuple[str, str],
) -> Pair:
    """A pair from the pixels that the model sees."""
    x = [preprocess.normalize(Image.fromarray(pixels))[None] for pixels in (clean, corrupt)]
    return Pair(name, preparation, x[0], x[1], answers, hidden_patches(model, clean, corrupt))


def hidden_patches(model: HookedViT, clean: Pixels, corrupt: Pixels) -> tuple[int, ...]:
    """Patches of the box in which two pictures differ, by index.

    What was black before a black box hid it does not differ, and saving as JPEG changes some pixels beside it. So the
    box is that of rows and columns with at least a third as many patches that differ as the fullest one has.
    """
    (rows, columns), (height, width) = model.grid, model.config.patch_size
    differs = np.abs(clean.astype(int) - corrupt.astype(int)).max(-1) > CHANGED
    whole = differs[: rows * height, : columns * width].reshape(rows, height, columns, width)
    patches = whole.mean((1, 3)) > 0.5
    inside = [np.flatnonzero(3 * patches.sum(axis) >= max(1, patches.sum(axis).max())) for axis in (1, 0)]
    if not all(map(len, inside)):
        return ()
    down, across = (range(places[0], places[-1] + 1) for places in inside)
    return tuple(int(row * columns + column) for row in down for column in across)


def _preprocess(model: HookedViT) -> Preprocess:
    if model.preprocess is None:
        raise ValueError(f"{model.name} takes no still pictures, and these pairs are of those")
    return model.preprocess
