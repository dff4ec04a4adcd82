"""Is this the model that the SAE was trained on? Its name, its revision, and how well five pictures are explained.

Of a model that reads text, five texts stand in their place.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from prisma_engine.running import Hooked, HookedModule
from prisma_engine.sae.measuring.metrics import Reconstruction
from prisma_engine.sae.model import SAE
from prisma_engine.sae.reading import read, token_slice

TOLERANCE = 0.02
"""Explained variance on the probe may be this much lower than when the SAE was saved."""

TEXTS = (
    "a dog and a cat are in the park . the dog is big and the cat is small .",
    "what is red and round ? an apple is red and round .",
    "the pizza is on the left and the cake is on the right .",
    "there are two birds in the tree and one fish in the water .",
    "is the car blue ? no , the car is yellow and the house is blue .",
)
"""What a model of text is probed with: plain words, a space between any two."""


class WrongModel(UserWarning):
    """The SAE explains this model's activations worse than it should."""


def probe_images() -> list[Tensor]:
    """Five pictures that every copy of the project draws alike: the example scenes, [height width channel] of uint8."""
    from prisma_engine.toy.compose import EXAMPLES, render_example

    return [torch.from_numpy(render_example(example.name, 224).image) for example in EXAMPLES]


@torch.no_grad()
def probe(sae: SAE, model: Hooked, images: Sequence[Tensor] | None = None) -> float:
    """Explained variance of an SAE on the probe pictures, or texts, as this model sees them.

    That of usual tokens (`measuring.metrics.Reconstruction`): a few very long ones are explained in other models too.
    """
    inputs: Sequence[Any]
    if isinstance(model, HookedModule):
        inputs = [model.preprocess([image.numpy() for image in (probe_images() if images is None else images)])]
    else:
        inputs = [model.prompt(text, raw=True) for text in TEXTS]  # type: ignore[attr-defined]
    found = Reconstruction()
    for each in inputs:
        x, target = read(sae, model, each)
        found.add(target.flatten(0, 1), sae(x, target).recon.flatten(0, 1))
    return found.result()["explained_variance_usual"]


def check(sae: SAE, model: Hooked, same_weights: bool = False, measure: bool = True) -> None:
    """Refuse a model that the SAE is not for, and warn about one that only seems to be it.

    Args:
        same_weights: the caller knows that the model has the right weights, whatever it is called.
        measure: run the probe pictures too, if the SAE says how well it explained them.

    Raises:
        ValueError: for another name or revision, a missing hook point, or another width.

    Warns:
        WrongModel: if the probe pictures are explained worse than when the SAE was saved.
    """
    config = sae.config
    if not same_weights:
        if model.name != config.model:
            raise ValueError(f"this SAE is for {config.model!r}, and the model is {model.name!r}")
        if config.revision and model.revision and config.revision != model.revision:
            raise ValueError(
                f"this SAE is for {config.model} at revision {config.revision}, and the model is at {model.revision}"
            )
    for name in (config.hook_name, config.writes):
        if name not in model.hook_points:
            raise ValueError(f"this SAE belongs at {name!r}, which {model.name} does not have")
    token_slice(model, config.tokens)
    if not measure or config.probe is None:
        return
    found = probe(sae, model)
    if found < config.probe - TOLERANCE:
        warnings.warn(
            f"this SAE explains {found:.3f} of the variance of five built-in {_kind(model)}, and {config.probe:.3f} "
            f"when it was saved; {model.name} is probably not the model that it was trained on",
            WrongModel,
            stacklevel=2,
        )


def _kind(model: Hooked) -> str:
    return "pictures" if isinstance(model, HookedModule) else "texts"
