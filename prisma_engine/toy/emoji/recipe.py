"""How a toy model is trained: a TOML file as a frozen dataclass, each field read by the trainer."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal

from prisma_engine.config import ViTConfig
from prisma_engine.preprocess import Preprocess
from prisma_engine.toy.emoji_classes import EMOJI
from prisma_engine.training.recipes import read_recipe, shipped

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Model:
    """The transformer; see `ViTConfig`. Sizes in pixels are of a side."""

    image_size: int
    patch_size: int
    n_layers: int
    n_heads: int
    d_model: int
    d_mlp: int

    def config(self) -> ViTConfig:
        return ViTConfig(
            image_size=(self.image_size, self.image_size),
            patch_size=(self.patch_size, self.patch_size),
            n_layers=self.n_layers,
            n_heads=self.n_heads,
            d_model=self.d_model,
            d_head=self.d_model // self.n_heads,
            d_mlp=self.d_mlp,
            n_classes=len(EMOJI),
        )

    def preprocess(self) -> Preprocess:
        return Preprocess(height=self.image_size, width=self.image_size, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))


@dataclass(frozen=True)
class Data:
    batch: int
    """Scenes per step; every step draws new ones."""
    shards: int
    """Parts that the batch is drawn and computed in, by as many processes as there are."""
    mixture: tuple[float, ...]
    """Shares of scenes with 0, 1, 2, 3 objects."""


@dataclass(frozen=True)
class Loss:
    windows: tuple[int, ...]
    """Sides, in patches, of the windows that the patches are trained in; each step draws one. None of them
    (an empty list) trains the CLS token alone."""
    sharpness: float
    """How close the pooling over patches is to a maximum: log-mean-exp of this many times the logits."""
    agreement: float
    """Weight of the divergence between what patches say in their window and in the whole picture."""


@dataclass(frozen=True)
class Optimizer:
    """AdamW; the learning rate rises over `warmup` steps, stays, and falls linearly to 0 over the last `decay`;
    with `decay` = 1 it does not fall, and the average of the weights (`ema`) takes the place of that."""

    steps: int
    warmup: int
    decay: int
    lr: float
    weight_decay: float
    """On matrices only."""
    ema: float
    """Decay per step of the moving average of the weights, which is what is exported."""


@dataclass(frozen=True)
class Recipe:
    name: str
    seed: int
    precision: Literal["float32", "bfloat16"]
    """Of the arithmetic in the forward and backward pass; weights, moments and loss are float32."""
    model: Model
    data: Data
    loss: Loss
    optimizer: Optimizer


def recipe_names() -> tuple[str, ...]:
    """Every shipped recipe of this room."""
    return shipped(RECIPES)


def load_recipe(name: str | Path) -> Recipe:
    """The shipped recipe of that name, or the one in a TOML file.

    Raises:
        ValueError: if there is none, or a field is unknown or missing.
    """
    values = read_recipe(name, RECIPES)
    parts = {"model": Model, "data": Data, "loss": Loss, "optimizer": Optimizer}
    return _read(Recipe, values | {key: _read(kind, values.get(key, {})) for key, kind in parts.items()})


def _read(kind: type[Any], values: dict[str, Any]) -> Any:
    names = {field.name for field in fields(kind)}
    if wrong := sorted(names ^ set(values)):
        raise ValueError(
            f"a recipe's {kind.__name__} has the fields {', '.join(sorted(names))}; see {', '.join(wrong)}"
        )
    return kind(**{key: tuple(v) if isinstance(v, list) else v for key, v in values.items()})
