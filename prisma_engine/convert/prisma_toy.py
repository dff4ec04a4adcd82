"""ViT-Prisma's published toy transformers: `checkpoint_{n}.pth` or `model_{n}.pth`, with no config beside it.

A file is a state dict in one of two key styles (`prisma_keys`), alone or with what its training kept: the optimizer's
state, a config object. It is read as inert values (`prisma_engine.torchfile`), and nothing but the weights is taken
from it. The number of heads comes from the model's name.

What the files do not say and is inferred here: pictures of one channel are 0 … 1 as they are (dSprites), those of three
have ImageNet's mean and std and are cut from their middle, at 0.875 of the shorter side; the activation is GELU. The
tests write files to match what is known of the published ones; none of those has been opened by them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from prisma_engine.convert.prisma_keys import read_config, style_of
from prisma_engine.convert.table import NotUnderstood, convert
from prisma_engine.hub import LoadError
from prisma_engine.torchfile import archive
from prisma_engine.torchfile.unpickle import Kind
from prisma_engine.vit import HookedViT

KIND = Kind(
    "ViT-Prisma checkpoint",
    re.compile(
        r"torch\.(device|float32|float16|bfloat16|float64)|torch\._C\._nn\.gelu"
        r"|torch\.nn\.modules\.(activation|loss)\.\w+|torch\.nn\.functional\.\w+|torch\.optim\.\w+\.\w+"
    ),
    re.compile(r"(vit_prisma|vit_planetarium|src|__main__)(\.\w+)*\.\w*Config"),
    max_axes=4,
)
WRAPPED = ("model_state_dict", "state_dict")
PREFIXES = ("module.", "_orig_mod.")
"""What training in parallel and compiling put before every key."""


@dataclass(frozen=True)
class Published:
    """What the published models of one family share, and their files do not say.

    Attributes:
        name: of their repositories, without the owner.
        d_model: to tell that a file is one of them.
        classes: their names, where the engine has no list of its own for so many.
    """

    name: re.Pattern[str]
    n_heads: int
    d_model: int
    classes: tuple[str, ...] = ()


VARIANTS = r"-(tiny|base|small|medium)-(AttentionOnly|Attention-and-MLP|Attention-MLP)(-Patch\d+)?"
PUBLISHED = (
    Published(re.compile(f"ImageNet{VARIANTS}", re.I), n_heads=4, d_model=768),
    Published(
        re.compile(f"dSprites{VARIANTS}", re.I),
        n_heads=8,
        d_model=512,
        classes=("square", "ellipse", "heart"),
    ),
)


def load_checkpoint(path: Path, name: str, n_heads: int | None = None) -> HookedViT:
    """A checkpoint of ViT-Prisma as a hooked model, with its preprocessing.

    Args:
        path: the `.pth` file.
        name: what it is called; the name of a published model in it, or in the path, says its number of heads.
        n_heads: heads of each attention, whatever the name says.

    Raises:
        LoadError: if the file is no such file, or mentions what it should not; nothing in it has been run then.
        NotUnderstood: for weights that the engine does not understand, by name.
    """
    state = state_dict(path, name.removesuffix(f"/{path.name}"))
    style = style_of(state)
    known = published((*name.split("/"), *path.absolute().parts[-5:]))
    width = state[style.patches].shape[0]
    if known and n_heads is None:
        if width != known.d_model:
            raise NotUnderstood(
                f"{style.patches} is {width} wide, and the published model of this name {known.d_model}; if it is "
                "another one, give its number of heads, as load(…, n_heads=8)"
            )
        n_heads = known.n_heads
    model = convert(read_config(style, state, n_heads), style.table, state)
    model.name = name
    _describe(model, known)
    return model


def published(names: Iterable[str]) -> Published | None:
    """The family of the published model that one of `names` is of."""
    parts = [part for name in names for part in name.split("--")]  # the Hub's cache: models--owner--name
    return next((family for family in PUBLISHED if any(family.name.fullmatch(part) for part in parts)), None)


def state_dict(path: Path, title: str) -> dict[str, Tensor]:
    """The weights of a checkpoint in float32, under the keys that the model itself has for them.

    Raises:
        LoadError: if it holds none, or one that is not finite.
    """
    file = archive.read(path, title, KIND)
    contents: Any = file.contents
    if isinstance(contents, dict):
        contents = next((contents[key] for key in WRAPPED if key in contents), contents)
    state = _bare({name: tensor.float() for name, tensor in file.tensors(contents).items()})
    for name, tensor in state.items():
        if not bool(tensor.isfinite().all()):
            raise LoadError(f"{name} of {title} holds a number that is not finite")
    return state


def _bare(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same weights without the prefixes that all keys have."""
    while prefix := next((p for p in PREFIXES if all(key.startswith(p) for key in state)), ""):
        state = {key.removeprefix(prefix): tensor for key, tensor in state.items()}
    return dict(state)


def _describe(model: HookedViT, known: Published | None) -> None:
    from prisma_engine import labels
    from prisma_engine.convert.preprocess import IMAGENET_MEAN, IMAGENET_STD
    from prisma_engine.preprocess import Preprocess

    height, width = model.config.image_size
    if model.config.n_channels == 1:
        model.preprocess = Preprocess(height, width, (0.0,), (1.0,))
    elif model.config.n_channels == 3:
        model.preprocess = Preprocess(height, width, IMAGENET_MEAN, IMAGENET_STD, "bilinear", crop_pct=0.875)
    if known and len(known.classes) == model.config.n_classes:
        model.vocabulary = labels.vocabulary(known.classes)
