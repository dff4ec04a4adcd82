"""A run of some images in which an SAE's activation is known, and from which changed runs go on."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.analysis.patching.resume import TargetRun
from prisma_engine.analysis.patching.sites import Site, token_positions
from prisma_engine.sae.model import SAE, SAEOutput
from prisma_engine.sae.reading import stop_layer
from prisma_engine.vit import HookedViT

Where = str | Sequence[int]
"""Tokens: "all", "cls", "patches", or their indices."""


class Start:
    """One forward pass of a model, kept so that steering, controls and readings begin from it.

    Attributes:
        sae, model: as given.
        x: the input [image channel height width].
        logits: the model's answers [image class].
        read: activation that the SAE reads [image token d_in], at all tokens of the model.
        target: activation that its reconstruction stands for [image token d_out]; of an autoencoder, `read`.
        own: tokens that the SAE is for.
    """

    @torch.no_grad()
    def __init__(self, sae: SAE, model: HookedViT, x: Float[Tensor, "image channel height width"]) -> None:
        """
        Raises:
            ValueError: if the model has no such hook point or an activation has another width than the SAE's.
        """
        self.sae, self.model, self.x = sae, model, x
        check_hooks(sae, model)
        self.run = TargetRun(model, x)
        self.logits = self.run.logits
        self.read, self.target = self._activations()
        self.own = positions(sae, model, "all")

    @cached_property
    @torch.no_grad()
    def output(self) -> SAEOutput:
        """What the SAE makes of its own tokens, and of no other."""
        return self.sae(self.read[:, self.own], self.target[:, self.own])

    @cached_property
    def recon(self) -> Float[Tensor, "image token d_out"]:
        """`target` with the reconstruction in place at the tokens that the SAE is for."""
        spliced = self.target.clone()
        spliced[:, self.own] = self.output.recon
        return spliced

    @torch.no_grad()
    def answers(
        self,
        activations: Float[Tensor, "variant token d_out"],
        tokens: Sequence[int],
        image: Sequence[int] | None = None,
    ) -> Float[Tensor, "variant class"]:
        """Logits of runs in which the SAE's activation is another one.

        Args:
            activations: for each variant, what stands at `sae.config.writes`.
            tokens: where that differs from the run; elsewhere `activations` is not looked at.
            image: of which image of the run each variant is; of the first unless given.
        """
        n = len(activations)
        out = self.logits.new_empty(n, self.logits.shape[1])
        site = Site(self.sae.config.writes, token=list(tokens))
        device = self.x.device
        which = None if image is None else torch.as_tensor(image, dtype=torch.long, device=device)
        sources = {self.sae.config.writes: activations}
        for members, logits in self.run.variants(
            [[site]] * n, sources, image=which, origin=torch.arange(n, device=device)
        ):
            out[members] = logits
        return out

    def _activations(self) -> tuple[Tensor, Tensor]:
        names = [self.sae.config.hook_name, self.sae.config.writes]
        known = {name: self._in_stream(name) for name in names}
        missing = [name for name, tensor in known.items() if tensor is None]
        if missing:
            _, cache = self.model.run_with_cache(self.x, missing, stop_at_layer=stop_layer(missing))
            known |= {name: cache[name] for name in missing}
        read, target = (known[name] for name in names)
        assert read is not None and target is not None
        return read, target

    def _in_stream(self, name: str) -> Tensor | None:
        """An activation that the run keeps anyway."""
        for leaf, later in (("hook_resid_pre", 0), ("hook_resid_post", 1)):
            if name.startswith("blocks.") and name.endswith(f".{leaf}"):
                return self.run.resid[int(name.split(".")[1]) + later]
        return None


def check_hooks(sae: SAE, model: HookedViT) -> None:
    """Refuse a model that has no place for the SAE, in one sentence.

    Raises:
        ValueError: for a missing hook point, or one whose activation is not one vector of the SAE's width a token.
    """
    for name, width in ((sae.config.hook_name, sae.config.d_in), (sae.config.writes, sae.config.d_out)):
        if name not in model.hook_points:
            raise ValueError(f"this SAE belongs at {name!r}, which {model.name} does not have")
        axes = model.hook_points[name].axes
        if axes[:2] != ("batch", "token") or len(axes) != 3:
            raise ValueError(f"{name!r} has axes {', '.join(axes)}; an SAE steers one vector a token")
        if axes[2] == "d_model" and width != model.config.d_model:
            raise ValueError(
                f"this SAE is for vectors of width {width} at {name!r}, and {model.name}'s are {model.config.d_model}"
            )


def positions(sae: SAE, model: HookedViT, where: Where) -> list[int]:
    """Indices of the chosen tokens that the SAE is for.

    Raises:
        ValueError: for a token that there is none of, or if the SAE is for none of those chosen.
    """
    everything = range(model.config.n_tokens)
    own = everything if sae.config.tokens == "all" else token_positions(model, sae.config.tokens)
    if isinstance(where, str) and where not in ("all", "cls", "patches"):
        raise ValueError(f"where is 'all', 'cls', 'patches' or a list of tokens, got {where!r}")
    if isinstance(where, str):
        chosen = list(everything if where == "all" else token_positions(model, where))
    else:
        chosen = sorted(set(where))
    if chosen and (chosen[0] < 0 or chosen[-1] >= len(everything)):
        raise ValueError(f"{model.name} has tokens 0 to {len(everything) - 1}, got {chosen[0]} to {chosen[-1]}")
    kept = [token for token in chosen if token in own]
    if not kept:
        trained = {"all": "all tokens", "cls": "the CLS token", "patches": "patches"}[sae.config.tokens]
        raise ValueError(f"this SAE is for {trained} only, so there is nothing to change at the tokens chosen")
    return kept
