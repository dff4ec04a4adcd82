"""How emoji-llava is trained: one TOML file, its stages in order, as frozen dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from prisma_engine.plain import from_plain, to_plain
from prisma_engine.training.recipes import read_recipe, shipped

RECIPES = Path(__file__).parent / "recipes"
NEEDS = {
    "language": ("block", "decoder"),
    "vision": ("tower", "conversation"),
    "projector": ("block", "decoder", "tower", "conversation"),
    "tuning": ("block", "decoder", "tower", "conversation"),
    "refining": ("block", "decoder", "tower", "refined"),
    "finishing": ("block", "decoder", "tower", "finished"),
}
"""The stages in order, and the parts of the recipe that each reads beside its own."""


@dataclass(frozen=True)
class Decoder:
    """The language model, of Llama's architecture."""

    n_layers: int
    n_heads: int
    d_model: int
    d_mlp: int
    n_positions: int


@dataclass(frozen=True)
class Tower:
    """The vision tower, of CLIP's architecture; its size is that of the model it starts from."""

    start: str
    """An embedded model whose blocks it starts as, and whose patches teach it."""
    layer: int
    """The hidden states that the projector reads, counted from the end (-1: the last)."""


@dataclass(frozen=True)
class Optimizer:
    """AdamW; the learning rate rises over `warmup` steps and falls to 0 along half a cosine."""

    steps: int
    batch: int
    """Texts or scenes a step, over all processes."""
    shards: int
    """Parts that a batch is drawn and computed in, by as many processes as there are; at most this many."""
    lr: float
    warmup: int
    weight_decay: float
    """On matrices only."""
    betas: tuple[float, float] = (0.9, 0.98)
    clip: float = 1.0
    """Largest norm of the gradient."""


@dataclass(frozen=True)
class Conversation:
    """What is said of a picture in the stages that see both."""

    questions: int
    """About each scene, at most, beside its description."""
    text: float
    """Share of the loss's sequences that are text without a picture, so that it is not forgotten."""
    mixture: tuple[float, ...]
    """Shares of scenes with 0, 1, 2 and 3 objects."""


@dataclass(frozen=True)
class Recipe:
    name: str
    seed: int
    precision: Literal["float32", "bfloat16"]
    """Of the arithmetic in the forward and backward pass; weights, moments and loss are float32."""
    block: int
    """Tokens of a row of text, cut where it is full."""
    decoder: Decoder
    tower: Tower
    conversation: Conversation
    refined: Conversation
    """Of the last stage but one."""
    finished: Conversation
    """Of the last stage."""
    language: Optimizer
    """The decoder, on text alone."""
    vision: Optimizer
    """The tower, on scenes."""
    projector: Optimizer
    """What leads from one to the other, both frozen."""
    tuning: Optimizer
    """Projector and decoder, on conversations about scenes."""
    refining: Optimizer
    """The same again, on conversations of another make."""
    finishing: Optimizer
    """And once more."""

    def to_dict(self) -> dict[str, Any]:
        return to_plain(self)

    def of(self, stage: str) -> dict[str, Any]:
        """What a stage depends on, as plain values: its checkpoints know whether they are of the same."""
        values = self.to_dict()
        return {key: values[key] for key in ("seed", "precision", *NEEDS[stage], stage)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Read a recipe from plain values.

        Raises:
            ValueError: for an unknown or missing field, which it names.
        """
        stages = dict.fromkeys(NEEDS, Optimizer)
        said = dict.fromkeys(("conversation", "refined", "finished"), Conversation)
        parts = {"decoder": Decoder, "tower": Tower, **said, **stages}
        read = {key: from_plain(kind, values.get(key, {}), f"the recipe's [{key}]") for key, kind in parts.items()}
        return from_plain(cls, {**values, **read}, "the recipe")


def load_recipe(name: str | Path = "emoji-llava") -> Recipe:
    """The shipped recipe of that name, or the one in a TOML file.

    Raises:
        ValueError: if there is none, or a field is unknown or missing.
    """
    return Recipe.from_dict(read_recipe(name, RECIPES))


def recipe_names() -> tuple[str, ...]:
    """Every shipped recipe of this room."""
    return shipped(RECIPES)
