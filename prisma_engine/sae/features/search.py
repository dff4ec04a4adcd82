"""Find latents: by what they are called, by what they write, by where they are active."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from prisma_engine.sae.features.facts import Facts
from prisma_engine.sae.features.feature_map import FeatureMap


@dataclass(frozen=True)
class Found:
    """A latent that fits.

    Attributes:
        value: how well; what it is in is said by the function that found it.
        label: in words, or None.
        f1: how well the label holds, or None.
    """

    latent: int
    value: float
    label: str | None
    f1: float | None


def by_label(facts: Facts, text: str, k: int = 50) -> tuple[Found, ...]:
    """Latents whose label contains every word of `text`, whatever the case; `value` is F1, best first."""
    words = text.casefold().split()
    if not words or facts.f1 is None:
        return ()
    fits = torch.tensor([all(word in name.casefold() for word in words) for name in facts.classes] + [False])
    return _ranked(torch.where(fits[facts.label], facts.f1, -1.0), k, facts)


def by_class(
    written: Float[Tensor, "latent class"], a: int, b: int | None = None, k: int = 50, facts: Facts | None = None
) -> tuple[Found, ...]:
    """Latents that write a class most, or a rather than b; `value` is logits a typical activation, largest first.

    Args:
        written: of `prisma_engine.sae.features.effects.written`.
    """
    value = written[:, a] if b is None else written[:, a] - written[:, b]
    return _ranked(value.where(value > 0, -1.0), k, facts)


def by_example(
    features: FeatureMap,
    here: Sequence[int],
    there: Sequence[int],
    typical: Float[Tensor, " latent"],
    k: int = 50,
    facts: Facts | None = None,
) -> tuple[Found, ...]:
    """Latents that are active at some tokens of an image and not at others.

    `value` is the mean activation over `here` less that over `there`, in typical activations of the latent, largest
    first; only those above 0. `there` may be empty.

    Raises:
        ValueError: if `here` is empty.
    """
    if not here:
        raise ValueError("say where the latents should be active")
    value = _mean(features, here) - (_mean(features, there) if there else 0)
    value = torch.where(typical > 0, value / typical.clamp(min=1e-12), 0.0)
    return _ranked(value.where(value > 0, -1.0), k, facts)


def _mean(features: FeatureMap, tokens: Sequence[int]) -> Float[Tensor, " latent"]:
    sums = torch.zeros(features.d_sae)
    for token in tokens:
        latents, acts = features.at(token)
        sums[latents] += acts
    return sums / len(tokens)


def _ranked(value: Float[Tensor, " latent"], k: int, facts: Facts | None) -> tuple[Found, ...]:
    """The k largest; a negative value does not fit."""
    best = value.topk(min(k, len(value)))
    pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
    return tuple(found(latent, v, facts) for latent, v in pairs if v >= 0)


def found(latent: int, value: float, facts: Facts | None) -> Found:
    """A latent with what is known of it."""
    if facts is None or (label := facts.name(latent)) is None:
        return Found(latent, value, None, None)
    return Found(latent, value, label, None if facts.f1 is None else float(facts.f1[latent]))
