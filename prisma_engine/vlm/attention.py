"""Where a token looks in the picture: attention from positions of a sequence to the patches, head by head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.vlm.hooked import HookedVLM
from prisma_engine.vlm.prompt import Prompt


@dataclass(frozen=True)
class ImageAttention:
    """What some tokens read of the picture.

    Attributes:
        positions: of the tokens that look.
        pattern: their attention to each patch; over all keys of the sequence, those of words included, it sums to 1.
        share: how much of it goes to the picture.
    """

    positions: tuple[int, ...]
    pattern: Float[Tensor, "position layer head row column"]
    share: Float[Tensor, "position layer head"]


@torch.no_grad()
def image_attention(model: HookedVLM, prompt: Prompt, positions: Sequence[int]) -> ImageAttention:
    """Attention of tokens to the patches of the picture, from one pass over the whole sequence.

    A generated word was chosen by the token in front of it: to see what the choice read, ask for the position before.

    Args:
        prompt: one row, with an image; generated tokens behind it by `Prompt.extended`.
        positions: of the tokens that look, counted from 0.

    Raises:
        ValueError: without an image, for several rows, or for a position that there is not.
    """
    patches = prompt.patch_positions()
    if prompt.n_rows != 1:
        raise ValueError(f"attention is shown of one prompt, and this one has {prompt.n_rows} rows")
    for position in positions:
        if not 0 <= position < len(prompt):
            raise ValueError(f"there is no token {position}; this prompt has tokens 0 to {len(prompt) - 1}")
    layers = range(model.config.n_layers)
    _, cache = model.run_with_cache(prompt, "blocks.*.attn.hook_pattern", stop_at_layer=model.config.n_layers)
    # [layer head position key] → [position layer head row column]
    rows = torch.stack([cache["pattern", i][0][:, list(positions)] for i in layers]).permute(2, 0, 1, 3)
    pattern = rows[..., patches.flatten().to(rows.device)].unflatten(-1, patches.shape)
    return ImageAttention(tuple(positions), pattern, pattern.sum((-2, -1)))
