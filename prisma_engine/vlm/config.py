"""The shape of a decoder that transformers runs, and which of its modules stand at the boundaries of a block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Family = Literal["llama", "gemma", "gemma2"]

FAMILIES: dict[str, Family] = {"llama": "llama", "gemma": "gemma", "gemma2": "gemma2"}
"""transformers' `model_type` → the family whose boundaries are known here."""


@dataclass(frozen=True)
class DecoderConfig:
    """What analyses need to know of a decoder.

    Raises:
        ValueError: from `read`, if the decoder is of an unknown family.
    """

    family: Family
    n_layers: int
    d_model: int
    n_heads: int
    n_key_value_heads: int
    """Heads of `hook_k` and `hook_v`; each serves `n_heads / n_key_value_heads` of the others."""
    d_head: int
    d_mlp: int
    d_vocab: int
    n_context: int
    """The longest sequence that it was made for, in tokens."""
    grid: tuple[int, int] | None = None
    """Rows and columns of image tokens; None for a model that sees no images."""

    @staticmethod
    def read(config: Any, grid: tuple[int, int] | None = None) -> DecoderConfig:
        """From the text config of a transformers model."""
        if config.model_type not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise ValueError(f"a decoder of type {config.model_type!r} is not understood; known are {known}")
        return DecoderConfig(
            family=FAMILIES[config.model_type],
            n_layers=config.num_hidden_layers,
            d_model=config.hidden_size,
            n_heads=config.num_attention_heads,
            n_key_value_heads=config.num_key_value_heads,
            d_head=getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads,
            d_mlp=config.intermediate_size,
            d_vocab=config.vocab_size,
            n_context=config.max_position_embeddings,
            grid=grid,
        )
