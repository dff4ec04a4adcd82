"""A model as it is trained: fewer patches where the recipe says so, and the arithmetic in the recipe's precision."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn
from torch.func import functional_call

from prisma_engine.toy.zoo.recipe import Recipe
from prisma_engine.vit import HookedViT


class Learner(nn.Module):
    """Input pixels → logits, of some patches or of all: the model's own forward pass, with a cheaper embedding."""

    def __init__(self, model: HookedViT) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, x: Float[Tensor, "picture channel height width"], kept: Int[Tensor, "picture patch"] | None
    ) -> Float[Tensor, "picture class"]:
        model = self.model
        # Explicit attention: in bfloat16 on a CPU it trains almost twice as fast as the fused kernel.
        explicit = {"blocks.*.attn.hook_pattern": lambda pattern, point: pattern}
        with model.hooks(explicit if x.device.type == "cpu" else {}):
            return model.read_out(model.through_blocks(self.stream(x, kept)))

    def stream(self, x: Tensor, kept: Tensor | None) -> Float[Tensor, "picture token d_model"]:
        """What `HookedViT.stream` gives, of the kept patches only; a product instead of a convolution, whose backward
        pass on a CPU takes longer than a block's."""
        embed, d = self.model.embed, self.model.config.d_model
        pixels, positions = cells(x, self.model.config.patch_size[0]), embed.pos_embed[:, self.model.patch_slice]
        if kept is not None:
            pixels = pixels.gather(1, kept[:, :, None].expand(-1, -1, pixels.shape[2]))
            positions = positions[0][kept]
        patches = F.linear(pixels, embed.proj.weight.reshape(d, -1), embed.proj.bias) + positions
        if embed.prefix_tokens is None:
            return patches
        prefix = embed.prefix_tokens + embed.pos_embed[:, : self.model.n_prefix]
        return torch.cat([prefix.expand(len(x), -1, -1), patches], 1)

    def logits(
        self, x: Float[Tensor, "picture channel height width"], kept: Tensor | None, precision: torch.dtype
    ) -> Float[Tensor, "picture class"]:
        """The forward pass in a precision; logits are float32."""
        if precision == torch.float32:
            return self(x, kept)
        cast = {name: p.to(precision) for name, p in self.named_parameters()}
        return functional_call(self, cast, (x.to(precision), kept)).float()


def precision(recipe: Recipe, device: torch.device) -> torch.dtype:
    """bfloat16 where the recipe asks for it and the machine computes in it, otherwise float32."""
    able = device.type != "cpu" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.bfloat16 if recipe.precision == "bfloat16" and able else torch.float32


def cells(x: Tensor, patch: int) -> Tensor:
    """The pixels of every patch, [picture patch channel·row·column], in raster order."""
    squares = x.unfold(2, patch, patch).unfold(3, patch, patch)  # [picture channel y x row column]
    return squares.permute(0, 2, 3, 1, 4, 5).flatten(3).flatten(1, 2)


def kept_patches(
    pictures: UInt8[Tensor, "picture channel height width"], patch: int, share: float, random: torch.Generator
) -> Int[Tensor, "picture kept"]:
    """Which patches of each picture are kept, in raster order: random ones, blank ones only where others run out."""
    seen = cells(pictures, patch)
    blank = seen.amax(2) == seen.amin(2)
    order = torch.rand(blank.shape, generator=random) - blank.float()
    n = max(1, round(share * blank.shape[1]))
    return order.topk(n, 1).indices.sort(1).values
