"""The shape of one sparse autoencoder: what it reads, what it writes, and how it decides which latents are active."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from prisma_engine.plain import from_plain, to_plain

Activation = Literal["relu", "topk", "batch_topk", "jumprelu", "gated"]
Normalize = Literal["none", "scale", "layer_norm", "constant_norm"]
InputBias = Literal["tied", "own", "none"]
Tokens = Literal["all", "cls", "patches"]

CHOICES: dict[str, tuple[str, ...]] = {
    "activation": ("relu", "topk", "batch_topk", "jumprelu", "gated"),
    "normalize": ("none", "scale", "layer_norm", "constant_norm"),
    "input_bias": ("tied", "own", "none"),
    "tokens": ("all", "cls", "patches"),
}


@dataclass(frozen=True)
class SAEConfig:
    """A sparse autoencoder or transcoder as a handful of orthogonal choices.

    Raises:
        ValueError: if a choice is unknown or two fields contradict each other; the sentence says which.
    """

    model: str
    """Name of the model whose activations it reads, as `pe.load` takes it."""
    hook_name: str
    """Hook point that it reads."""
    d_in: int
    """Width of the activation that it reads."""
    d_sae: int
    """Number of latents."""
    revision: str | None = None
    """Commit of that model on the Hub; None where it is not known, or for an embedded model."""
    tokens: Tokens = "all"
    """Which tokens it was trained on, and is applied to when it is spliced in."""
    activation: Activation = "topk"
    """How pre_acts become acts; see `prisma_engine.sae.activations`."""
    k: int = 0
    """Active latents a token: exactly (topk) or on average over a batch (batch_topk)."""
    nested: tuple[int, ...] = ()
    """Matryoshka: each of these first numbers of latents reconstructs alone; the last is `d_sae`."""
    input_bias: InputBias = "tied"
    """What is subtracted before the encoder: `b_dec` (tied), a bias of its own (`b_in`), or nothing."""
    normalize: Normalize = "scale"
    """What is done to activations first, and undone at the end: nothing; one stored factor (scale); LayerNorm without
    weights over each vector (layer_norm); every vector to length √d_in (constant_norm)."""
    hook_out: str | None = None
    """Transcoder: the hook point whose activation it predicts; None for an autoencoder."""
    d_out: int = 0
    """Width of what it writes; 0 means `d_in`."""
    skip: bool = False
    """Transcoder: a linear path beside the latents."""
    probe: float | None = None
    """Explained variance on the built-in probe images, or texts, when it was saved; see `prisma_engine.sae.probe`."""

    def __post_init__(self) -> None:
        for name, allowed in CHOICES.items():
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected one of {', '.join(allowed)}")
        if self.d_out == 0:
            object.__setattr__(self, "d_out", self.d_in)
        for name in ("d_in", "d_sae", "d_out"):
            if not isinstance(getattr(self, name), int) or getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)!r}; expected a whole number of at least 1")
        self._check_k()
        self._check_nested()
        self._check_transcoder()

    def _check_k(self) -> None:
        counts = self.activation in ("topk", "batch_topk")
        if counts and not 1 <= self.k <= self.d_sae:
            raise ValueError(f"k is {self.k!r}; {self.activation} needs from 1 to d_sae = {self.d_sae} latents a token")
        if not counts and self.k:
            raise ValueError(f"k is {self.k}, but {self.activation} does not count its latents; leave k at 0")

    def _check_nested(self) -> None:
        sizes = (0, *self.nested)
        if self.nested and (list(sizes) != sorted(set(sizes)) or sizes[-1] != self.d_sae):
            raise ValueError(f"nested is {list(self.nested)}; expected growing sizes that end at d_sae = {self.d_sae}")

    def _check_transcoder(self) -> None:
        if self.is_transcoder:
            if self.input_bias == "tied":
                raise ValueError(
                    "a transcoder's b_dec is of what it writes, so input_bias is 'own' or 'none', not 'tied'"
                )
        elif self.d_out != self.d_in or self.skip:
            raise ValueError("only a transcoder (one with hook_out) has a skip path or a d_out other than d_in")

    @property
    def is_transcoder(self) -> bool:
        return self.hook_out is not None

    @property
    def writes(self) -> str:
        """Hook point whose activation the reconstruction stands for."""
        return self.hook_out or self.hook_name

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `from_dict` is its inverse."""
        return to_plain(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> SAEConfig:
        """Read what `to_dict` wrote; an unknown or missing field is an error that names it."""
        return from_plain(cls, values, "the SAE's config")
