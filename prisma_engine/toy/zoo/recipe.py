"""How a model of the zoo is trained: a TOML file of a family, with what each member changes, as frozen dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from prisma_engine.config import ViTConfig
from prisma_engine.plain import from_plain
from prisma_engine.toy.zoo.task import Task
from prisma_engine.training.recipes import read_toml

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Model:
    """The transformer; see `ViTConfig`. Image size, channels and classes are the data set's."""

    patch_size: int
    n_layers: int
    n_heads: int
    d_model: int
    d_mlp: int
    """Width of the MLPs; 0 for attention alone."""

    def config(self, task: Task) -> ViTConfig:
        return ViTConfig(
            image_size=task.image_size,
            patch_size=(self.patch_size, self.patch_size),
            n_layers=self.n_layers,
            n_heads=self.n_heads,
            d_model=self.d_model,
            d_head=self.d_model // self.n_heads,
            d_mlp=self.d_mlp,
            attn_only=self.d_mlp == 0,
            n_classes=len(task.names),
            n_channels=len(task.mean),
        )


@dataclass(frozen=True)
class Data:
    set: str
    """A data set of `prisma_engine.toy.zoo.task.TASKS`."""
    batch: int
    """Pictures a step, over all processes."""
    shards: int = 1
    """Parts that a batch is drawn and computed in, by as many processes as there are; at most this many."""
    shift: int = 0
    """Move each picture by up to so many pixels along both axes."""
    mirror: bool = False
    """Exchange left and right in half of the pictures."""


@dataclass(frozen=True)
class Patches:
    """Early on, a random part of each picture's patches is enough to learn from, at a fraction of the cost (patch
    dropout, Liu et al. 2022); blank patches, all of one colour, are left out first."""

    keep: float = 1.0
    """Share of the patches that are kept."""
    until: float = 0.0
    """Share of the steps after which every patch is kept."""


@dataclass(frozen=True)
class Optimizer:
    """AdamW; the learning rate rises over `warmup` steps and falls to 0 along half a cosine."""

    steps: int
    lr: float
    warmup: int
    weight_decay: float = 0.05
    """On matrices only."""
    betas: tuple[float, float] = (0.9, 0.99)
    clip: float = 1.0
    """Largest norm of the gradient."""
    label_smoothing: float = 0.0
    """Share of the target that all classes get alike."""
    ema: float = 0.0
    """Decay per step of a moving average of the weights, which is then what is kept; 0 keeps the weights themselves."""


@dataclass(frozen=True)
class Recipe:
    name: str
    seed: int
    precision: Literal["float32", "bfloat16"]
    """Of the arithmetic in the forward and backward pass, where the machine computes in bfloat16 (otherwise float32);
    weights, moments and loss are float32."""
    model: Model
    data: Data
    patches: Patches
    optimizer: Optimizer

    def __post_init__(self) -> None:
        if self.data.batch % self.data.shards:
            raise ValueError(f"a batch of {self.data.batch} does not divide into {self.data.shards} shards")
        if self.precision not in ("float32", "bfloat16"):
            raise ValueError(f"precision is {self.precision!r}; expected float32 or bfloat16")

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON and TOML; `from_dict` is its inverse."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Read a recipe from plain values.

        Raises:
            ValueError: for an unknown or missing field, which it names.
        """
        parts = {"model": Model, "data": Data, "patches": Patches, "optimizer": Optimizer}
        read = {key: from_plain(kind, values.get(key, {}), f"the recipe's [{key}]") for key, kind in parts.items()}
        return from_plain(cls, {**values, **read}, "the recipe")


def recipe_names() -> tuple[str, ...]:
    """Every shipped recipe, family by family."""
    return tuple(name for path in sorted(RECIPES.glob("*.toml")) for name in _members(_read(path)))


def load_recipe(name: str | Path) -> Recipe:
    """The shipped recipe of that name, or the one in a TOML file (written flat, or one family with one member).

    Raises:
        ValueError: if there is none, or a field is unknown or missing.
    """
    paths = [Path(name)] if str(name).endswith(".toml") else sorted(RECIPES.glob("*.toml"))
    for path in paths:
        values = _read(path)
        members = _members(values)
        if str(name) in members or (len(paths) == 1 and len(members) == 1):
            return _member(values, str(name) if str(name) in members else members[0])
        if path == Path(name) and not members:
            return Recipe.from_dict(values)
    known = ", ".join(recipe_names())
    raise ValueError(f"there is no recipe {str(name)!r}; shipped: {known}; otherwise give a path to a .toml file")


def _read(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise ValueError(f"there is no file {path.name}")
    return read_toml(path)


def _members(values: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(values.get("members", ()))


def _member(values: dict[str, Any], name: str) -> Recipe:
    """What the family says, with what this member says in its place."""
    shared = {key: value for key, value in values.items() if key != "members"}
    return Recipe.from_dict(_over(shared, values["members"][name]) | {"name": name})


def _over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    both = {key: _over(below[key], value) if isinstance(value, dict) else value for key, value in above.items()}
    return {**below, **both}
