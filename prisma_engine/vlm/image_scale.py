"""Gemma multiplies embeddings by √d_model: until transformers 5.4 those of image tokens too, since then words alone.

LLaVAs on Gemma that were trained before count on the factor. It is put back where the projector leaves, so that such a
checkpoint computes what it was trained to.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

SINCE = (5, 4)
"""The version of transformers whose Gemma no longer multiplies what it is given as embeddings."""


def counts_on_it(config: dict[str, Any]) -> bool:
    """Whether a checkpoint's config.json is of a LLaVA on Gemma that was trained with the factor."""
    text = config.get("text_config")
    family = text.get("model_type") if isinstance(text, dict) else None
    return family in ("gemma", "gemma2") and _version(config.get("transformers_version")) < SINCE


def put_back(model: Any) -> None:
    """Multiply what the projector of a LLaVA gives by √d_model, rounded as Gemma rounded it."""
    factor = model.config.get_text_config().hidden_size ** 0.5

    def scaled(_: nn.Module, args: Any, out: Tensor) -> Tensor:
        return out * torch.tensor(factor, dtype=out.dtype, device=out.device)

    model.model.multi_modal_projector.register_forward_hook(scaled)


def _version(text: object) -> tuple[int, int]:
    """Major and minor; a config that does not say is taken for a new one."""
    parts = str(text).split(".")
    if len(parts) < 2 or not (parts[0].isdigit() and parts[1].isdigit()):
        return SINCE
    return int(parts[0]), int(parts[1])
