"""Which latents are active where in one image, as a list of few among many."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Float, Int
from torch import Tensor

from prisma_engine.sae.features.start import Start, check_hooks, positions
from prisma_engine.sae.measuring.metrics import explained_variance
from prisma_engine.sae.model import SAE, SAEOutput
from prisma_engine.sae.reading import stop_layer
from prisma_engine.vit import HookedViT


@dataclass(frozen=True)
class FeatureMap:
    """The active latents of every token of one image, and how well they explain it.

    Attributes:
        offsets: token t has the entries from offsets[t] up to, not including, offsets[t + 1].
        latents: which latent each entry is; within a token, the most active first.
        acts: its activation, above 0.
        d_sae: number of latents.
        own: tokens that the SAE is for; the others have no entries.
        explained_variance: over these tokens; NaN where it is not defined, as for a single token.
        error: of each token, ‖x − x̂‖² / ‖x − mean over tokens‖²; NaN outside `own` and where not defined.
    """

    offsets: Int[Tensor, " token+1"]
    latents: Int[Tensor, " entry"]
    acts: Float[Tensor, " entry"]
    d_sae: int
    own: tuple[int, ...]
    explained_variance: float
    error: Float[Tensor, " token"]

    @property
    def n_tokens(self) -> int:
        """Tokens of the model."""
        return len(self.offsets) - 1

    @property
    def n_entries(self) -> int:
        return len(self.latents)

    @property
    def l0(self) -> float:
        """Active latents a token that the SAE is for, on average."""
        return self.n_entries / len(self.own)

    @cached_property
    def token(self) -> Int[Tensor, " entry"]:
        """The token of each entry."""
        return torch.repeat_interleave(torch.arange(self.n_tokens), self.offsets.diff())

    def at(self, token: int) -> tuple[Int[Tensor, " entry"], Float[Tensor, " entry"]]:
        """Latents and acts of one token, the most active first."""
        part = slice(int(self.offsets[token]), int(self.offsets[token + 1]))
        return self.latents[part], self.acts[part]

    def heat(self, latent: int) -> Float[Tensor, " token"]:
        """Activation of one latent at every token."""
        found = self.latents == latent
        return torch.zeros(self.n_tokens).index_put((self.token[found],), self.acts[found])


def activations(sae: SAE, model: HookedViT, x: Float[Tensor, "1 channel height width"]) -> FeatureMap:
    """Run the model on one image and list its active latents.

    Raises:
        ValueError: for more than one image, or an SAE that does not fit the model.
    """
    return compare([sae], model, x)[0]


def feature_map(start: Start) -> FeatureMap:
    """The active latents of a run of one image, without running it again.

    Raises:
        ValueError: for a run of several images.
    """
    _one(start.x)
    return _mapped(start.sae, start.output, start.own, start.target.shape[1])


@torch.no_grad()
def compare(
    saes: Sequence[SAE], model: HookedViT, x: Float[Tensor, "1 channel height width"]
) -> tuple[FeatureMap, ...]:
    """What several SAEs of one model make of one image, in one forward pass.

    Raises:
        ValueError: for more than one image, or an SAE that does not fit the model.
    """
    _one(x)
    for sae in saes:
        check_hooks(sae, model)
    names = {name for sae in saes for name in (sae.config.hook_name, sae.config.writes)}
    _, cache = model.run_with_cache(x, names, stop_at_layer=stop_layer(names))
    maps = []
    for sae in saes:
        own = positions(sae, model, "all")
        output = sae(cache[sae.config.hook_name][:, own], cache[sae.config.writes][:, own])
        maps.append(_mapped(sae, output, own, model.config.n_tokens))
    return tuple(maps)


@torch.no_grad()
def heat(
    sae: SAE, model: HookedViT, x: Float[Tensor, "image channel height width"], latent: int
) -> Float[Tensor, "image token"]:
    """Activation of one latent at every token of some images; 0 at tokens that the SAE is not for.

    Raises:
        ValueError: for a latent that there is none of, or an SAE that does not fit the model.
    """
    check_latent(sae, latent)
    check_hooks(sae, model)
    name, own = sae.config.hook_name, positions(sae, model, "all")
    _, cache = model.run_with_cache(x, name, stop_at_layer=stop_layer([name]))
    out = cache[name].new_zeros(len(x), model.config.n_tokens)
    out[:, own] = sae.encode(cache[name][:, own])[..., latent].to(out.dtype)
    return out


def check_latent(sae: SAE, latent: int) -> None:
    """Refuse a latent that there is none of, in one sentence."""
    if not 0 <= latent < sae.config.d_sae:
        raise ValueError(f"there is no latent {latent}; this SAE has latents 0 to {sae.config.d_sae - 1}")


def _one(x: Tensor) -> None:
    if len(x) != 1:
        raise ValueError(f"active latents are listed for one image at a time, got {len(x)}")


def _mapped(sae: SAE, output: SAEOutput, own: Sequence[int], n_tokens: int) -> FeatureMap:
    assert output.target is not None
    acts, recon, target = output.acts[0].cpu(), output.recon[0].cpu(), output.target[0].cpu()
    token, latent = (acts > 0).nonzero(as_tuple=True)
    values = acts[token, latent]
    order = torch.argsort(values, descending=True, stable=True)
    order = order[token[order].argsort(stable=True)]
    counts = torch.zeros(n_tokens, dtype=torch.long)
    counts[list(own)] = token.bincount(minlength=len(own))
    offsets = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    explained, error = _fit(target, recon)
    errors = torch.full((n_tokens,), math.nan)
    errors[list(own)] = error
    return FeatureMap(offsets, latent[order], values[order].float(), sae.config.d_sae, tuple(own), explained, errors)


def _fit(target: Tensor, recon: Tensor) -> tuple[float, Tensor]:
    """Explained variance, and each token's error as a share of its deviation from the mean."""
    deviation = (target - target.mean(0)).pow(2).sum(1)
    error = (target - recon).pow(2).sum(1) / deviation
    if float(deviation.sum()) == 0:
        return math.nan, torch.full_like(error, math.nan)
    return float(explained_variance(target, recon)), error
