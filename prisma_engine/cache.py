"""Cache: what a run saved, as a mapping of name → tensor, with the decompositions of the residual stream."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.hooks import NoSuchName

if TYPE_CHECKING:
    from prisma_engine.vit import HookedViT


def hook_name(short: str, layer: int | None = None) -> str:
    """The full name of a short one: ("z", 3) → "blocks.3.attn.hook_z", ("embed", None) → "hook_embed"."""
    if layer is None:
        return short if short.startswith("hook_") or "." in short else f"hook_{short}"
    rooms = {"q": "attn", "k": "attn", "v": "attn", "z": "attn", "attn_scores": "attn", "pattern": "attn"}
    rooms |= {"result": "attn", "pre": "mlp", "post": "mlp", "pre_linear": "mlp"}
    room, _, leaf = short.rpartition(".")
    room = room or rooms.get(leaf, "")
    return ".".join(part for part in ("blocks", str(layer), room, f"hook_{leaf}") if part)


class Cache(Mapping[str, Tensor]):
    """Saved activations by hook point name; `cache["resid_post", -1]` is short for the last layer's.

    Stacks are given with their labels: `0_pre` enters block 0, `0_mid` is between its attention and its MLP,
    `final` leaves the last block.
    """

    def __init__(self, saved: dict[str, Tensor], model: Any) -> None:
        self._saved = saved
        self.model: HookedViT = model

    def __getitem__(self, key: str | tuple[str, int]) -> Tensor:
        name = key if isinstance(key, str) else self._full_name(*key)
        if name not in self._saved:
            raise NoSuchName(f"this cache holds no {name!r}; ask for it with run_with_cache(x, names=[…])")
        return self._saved[name]

    def _full_name(self, short: str, layer: int) -> str:
        n = self.model.config.n_layers
        if not -n <= layer < n:
            raise NoSuchName(f"there is no layer {layer}; {self.model.name} has layers 0 to {n - 1}")
        return hook_name(short, layer % n)

    def __iter__(self) -> Iterator[str]:
        return iter(self._saved)

    def __len__(self) -> int:
        return len(self._saved)

    def __repr__(self) -> str:
        megabytes = sum(t.nbytes for t in self._saved.values()) / 1e6
        return f"Cache({len(self)} activations, {megabytes:.1f} MB)"

    def accumulated_resid(self, mid: bool = True) -> tuple[Float[Tensor, "layer batch token d_model"], tuple[str, ...]]:
        """The residual stream at every point, stacked, and the points' labels."""
        points = resid_points(self.model, mid)
        return torch.stack([self[name] for name, _ in points]), tuple(label for _, label in points)

    def decompose_resid(self) -> tuple[Float[Tensor, "component batch token d_model"], tuple[str, ...]]:
        """What was added to the stream, in order; the components sum to the last `resid_post`.

        `embed` (patches, with the prefix tokens in front) and `pos_embed`, then `i_attn_out` and `i_mlp_out`
        for each layer. Where a norm follows the embedding (CLIP), its output is the one first component,
        `ln_pre`, since a norm does not split into terms. A decoder has no `pos_embed`: it rotates queries and keys.
        """
        points = self.model.hook_points
        parts = [("ln_pre", self["hook_ln_pre"])] if "hook_ln_pre" in points else self._embeddings()
        for i in range(self.model.config.n_layers):
            parts.append((f"{i}_attn_out", self["attn_out", i]))
            if hook_name("mlp_out", i) in points:
                parts.append((f"{i}_mlp_out", self["mlp_out", i]))
        return torch.stack([tensor for _, tensor in parts]), tuple(label for label, _ in parts)

    def _embeddings(self) -> list[tuple[str, Tensor]]:
        if "hook_pos_embed" not in self.model.hook_points:
            return [("embed", self["hook_embed"])]
        with_prefix = self.model.embed.with_prefix(self["hook_embed"])
        return [("embed", with_prefix), ("pos_embed", self["hook_pos_embed"])]

    def apply_final_norm(
        self, components: Float[Tensor, "component batch token d_model"]
    ) -> Float[Tensor, "component batch token d_model"]:
        """The final norm's linear part: centre, divide by the **cached** scale, multiply by the weight.

        Summed over components and with the norm's bias added once, this is the final norm of their sum.

        Raises:
            ValueError: for a decoder of transformers, whose norms do not show their scale.
        """
        points = self.model.hook_points
        if "ln_final.hook_normalized" not in points:
            return components
        if "ln_final.hook_scale" not in points:
            raise ValueError(
                f"{self.model.name} does not show the scale of its final norm, so no part can be divided by it"
            )
        centred = components - components.mean(-1, keepdim=True)
        return centred / self["ln_final.hook_scale"] * self.model.ln_final.weight


def resid_points(model: Any, mid: bool = True) -> list[tuple[str, str]]:
    """(hook point name, label) of every point of the residual stream, in order."""
    config = model.config
    points: list[tuple[str, str]] = []
    for i in range(config.n_layers):
        points.append((hook_name("resid_pre", i), f"{i}_pre"))
        if mid and hook_name("resid_mid", i) in model.hook_points:
            points.append((hook_name("resid_mid", i), f"{i}_mid"))
    return [*points, (hook_name("resid_post", config.n_layers - 1), "final")]
