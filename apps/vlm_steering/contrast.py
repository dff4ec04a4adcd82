"""Latents that are active in this picture and not in that one."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from apps.common.pictures import Picture
from apps.vlm_steering.analysis import Heard, Talk, hear
from apps.vlm_steering.files import digits

N_FOUND = 24


def contrast_value(talk: Talk, other: Picture, name: str) -> dict[str, Any]:
    """The latents whose strongest activation at a patch is most above that in another picture, in typical ones.

    Args:
        name: of the other picture, as the browser sent it.

    Raises:
        ValueError: one sentence, where the other picture is this one.
    """
    assert other.image is not None, "the other picture is seen too"
    if (other.kind, other.source) == (talk.picture.kind, talk.picture.source):
        raise ValueError("this is the picture itself; choose another one to compare with")
    there = hear(talk.model, talk.loaded, talk.model.prompt(talk.plan.prompt, other.image))
    unit = talk.typical.clamp(min=1e-9)
    mine, theirs = (strongest(each, talk.n_patches, len(unit)) / unit for each in (talk.heard, there))
    more = (mine - theirs).where((talk.typical > 0) & (mine > theirs), 0.0)
    best = more.topk(min(N_FOUND, int((more > 0).sum())))
    columns = (best.values, mine[best.indices], theirs[best.indices])
    rows = zip(best.indices.tolist(), *map(digits, columns), strict=True)
    return {
        "name": name,
        "title": other.title,
        "rows": [{"latent": i, "value": value, "here": a, "there": b} for i, value, a, b in rows],
    }


def strongest(heard: Heard, n_patches: int, d_sae: int) -> Float[Tensor, " latent"]:
    """The largest activation of every latent at any patch."""
    end = int(heard.offsets[n_patches])
    return torch.zeros(d_sae).scatter_reduce(0, heard.latents[:end], heard.acts[:end], "amax")
