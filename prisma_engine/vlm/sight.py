"""The vision tower of a LLaVA: transformers' own, or its converted twin where somebody looks inside."""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.vit import HookedViT


class Sight:
    """How pixels become the embeddings of image tokens.

    Attributes:
        tower: the vision tower as a `HookedViT`, with weights of its own.
        layers: entering which of its layers the stream is read; several are laid side by side.
        reached: its hook points that lie before what is read.
    """

    def __init__(self, model: Any) -> None:
        from prisma_engine.convert import from_transformers

        self.model = model
        self.tower: HookedViT = from_transformers(model.model.vision_tower, name="the vision tower")
        n = self.tower.config.n_layers
        given = model.config.vision_feature_layer
        read = [given] if isinstance(given, int) else list(given)
        if wrong := [i for i in read if not -n - 1 <= i <= n]:
            raise ValueError(f"layer {wrong[0]} of the vision tower is read, and it has {n}; from {-n - 1} to {n}")
        self.layers = [i % (n + 1) for i in read]
        self.reached = frozenset(p for name, p in self.tower.hook_points.items() if self._before_reading(name))

    def _before_reading(self, name: str) -> bool:
        room, _, rest = name.partition(".")
        if room == "blocks":
            return int(rest.partition(".")[0]) < max(self.layers)
        return room not in ("ln_final", "hook_ln_final", "head", "hook_logits")

    def inputs(self, pixels: Float[Tensor, "batch channel height width"]) -> dict[str, Any]:
        """What the model is given for a picture: the pixels, or what the twin makes of them."""
        if not any(point.wanted for point in self.reached):
            return {"pixel_values": pixels}
        from transformers.modeling_outputs import BaseModelOutputWithPooling

        embeddings = self.model.model.multi_modal_projector(self.features(pixels))
        rows: Any = list(embeddings)  # one picture each, as `get_image_features` gives them
        return {"mm_encoder_outputs": {"image": BaseModelOutputWithPooling(pooler_output=rows)}}

    def features(
        self, pixels: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch image_token feature"]:
        """What the projector reads of the tower's twin."""
        x = pixels.to(self.tower.embed.proj.weight.dtype)
        resid, at, found = self.tower.stream(x), 0, {}
        for layer in sorted(set(self.layers)):
            resid, at = self.tower.through_blocks(resid, at, layer), layer
            found[layer] = resid
        read = torch.cat([found[layer] for layer in self.layers], -1)
        return read[:, 1:] if self.model.config.vision_feature_select_strategy == "default" else read
