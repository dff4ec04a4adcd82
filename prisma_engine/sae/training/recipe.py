"""How an SAE is trained: a TOML file as frozen dataclasses, each field read by the trainer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from prisma_engine.plain import from_plain
from prisma_engine.sae.config import Activation, InputBias, Normalize, SAEConfig, Tokens
from prisma_engine.training.recipes import read_recipe

RECIPES = Path(__file__).parent / "recipes"


@dataclass(frozen=True)
class Data:
    """What is trained on: images or texts through a model, read at one hook point."""

    model: str
    """As `pe.load` takes it."""
    hook: str
    """Hook point that is read."""
    batch: int
    """Tokens a step, over all processes."""
    buffer: int
    """Tokens that are held and shuffled, over all processes."""
    images: str = ""
    """Where images come from, as `prisma_engine.sae.training.supply.supply` takes it."""
    texts: str = ""
    """Where texts come from instead, as `prisma_engine.sae.training.texts.text_supply` takes it."""
    hook_out: str | None = None
    """Transcoder: the hook point that is predicted."""
    tokens: Tokens = "all"
    passes: int = 1
    """How often a filled buffer is gone through, each time in another order, before it is filled again."""
    shards: int = 1
    """Parts that images and batches are drawn in, by as many processes as there are; at most this many processes."""
    at_once: int = 32
    """Images or texts in one forward pass of the model."""
    augment: bool = False
    """Cut a random part out of each image, and mirror half of them."""
    hold_out: int = 0
    """Of a finite collection, keep every n-th image out of training, to measure on; 0 for none."""

    def __post_init__(self) -> None:
        if bool(self.images) == bool(self.texts):
            raise ValueError("the recipe's [data] is of images or of texts: say where one of them comes from")


@dataclass(frozen=True)
class Latents:
    """The SAE; see `SAEConfig`."""

    expansion: int
    """Latents for each dimension of what is read."""
    activation: Activation = "topk"
    k: int = 0
    nested: tuple[float, ...] = ()
    """Matryoshka: growing shares of the latents, the last 1, that each reconstruct alone."""
    input_bias: InputBias = "tied"
    normalize: Normalize = "scale"
    skip: bool = False


@dataclass(frozen=True)
class Loss:
    """Squared error (summed over dimensions, averaged over tokens) plus what is said here."""

    sparsity: float = 0.0
    """Weight of the L1 norm of the acts (relu), of the gate's (gated), or of L0 (jumprelu)."""
    sparsity_warmup: int = 0
    """Steps over which that weight rises from 0."""
    bandwidth: float = 0.001
    """JumpReLU: width of the window around a threshold in which it gets a gradient."""
    aux: float = 1 / 32
    """Weight of the squared error of reconstructing the residual from dead latents alone (AuxK); 0 for none."""
    k_aux: int = 0
    """Dead latents that take part, a token; 0 means half of d_in."""
    dead_after: int = 1_000_000
    """A latent is dead when it was not active in this many tokens."""
    resample_every: int = 0
    """Steps between replacements of dead latents by badly reconstructed tokens; 0 for never."""


@dataclass(frozen=True)
class Optimizer:
    """Adam; the learning rate rises over `warmup` steps, stays, and falls linearly to 0 over the last `decay`."""

    steps: int
    lr: float
    warmup: int = 0
    decay: int = 1
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = 1.0
    """Largest norm of the gradient; 0 for no limit."""
    unit_norm: bool = True
    """Keep every decoder row at length 1, and take out the part of its gradient that would only change the length."""


@dataclass(frozen=True)
class Recipe:
    name: str
    seed: int
    data: Data
    latents: Latents
    loss: Loss
    optimizer: Optimizer

    def config(self, d_in: int, d_out: int, revision: str | None) -> SAEConfig:
        """The SAE that this recipe trains, for activations of these widths."""
        data, latents = self.data, self.latents
        d_sae = latents.expansion * d_in
        return SAEConfig(
            model=data.model,
            revision=revision,
            hook_name=data.hook,
            hook_out=data.hook_out,
            tokens=data.tokens,
            d_in=d_in,
            d_sae=d_sae,
            d_out=d_out,
            activation=latents.activation,
            k=latents.k,
            nested=tuple(round(share * d_sae) for share in latents.nested),
            input_bias=latents.input_bias,
            normalize=latents.normalize,
            skip=latents.skip,
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON and TOML; `Recipe.from_dict` is its inverse."""
        return asdict(self)

    def told(self) -> dict[str, Any]:
        """`to_dict` for others to read: of images on this machine only the last part of their path."""
        values = self.to_dict()
        if self.data.images and Path(self.data.images).exists():
            values["data"]["images"] = Path(self.data.images).name
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Recipe:
        """Read a recipe from plain values.

        Raises:
            ValueError: for an unknown or missing field, which it names.
        """
        parts = {"data": Data, "latents": Latents, "loss": Loss, "optimizer": Optimizer}
        read = {key: from_plain(kind, values.get(key, {}), f"the recipe's [{key}]") for key, kind in parts.items()}
        return from_plain(cls, {**values, **read}, "the recipe")

    def at(
        self,
        hook: str | None = None,
        hook_out: str | None = None,
        model: str | None = None,
        images: str | None = None,
    ) -> Recipe:
        """The same recipe for another hook point, model or source of images; None keeps what it says."""
        given = {"hook": hook, "hook_out": hook_out, "model": model, "images": images}
        return replace(self, data=replace(self.data, **{key: value for key, value in given.items() if value}))


def load_recipe(name: str | Path) -> Recipe:
    """The shipped recipe of that name, or the one in a TOML file.

    Raises:
        ValueError: if there is none, or a field is unknown or missing.
    """
    return Recipe.from_dict(read_recipe(name, RECIPES))
