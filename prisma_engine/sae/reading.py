"""What an SAE reads of a model: at which hook points, at which tokens, and how far the model must run for it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from jaxtyping import Float
from torch import Tensor

from prisma_engine.running import Hooked, HookedModule
from prisma_engine.sae.config import Tokens
from prisma_engine.sae.model import SAE


def stop_layer(hooks: Iterable[str]) -> int | None:
    """The first layer that need not run to reach these hook points; None if the whole model must."""
    layers = [int(hook.split(".")[1]) + 1 for hook in hooks if hook.startswith("blocks.")]
    late = [hook for hook in hooks if hook.startswith(("ln_final", "hook_ln_final", "hook_logits"))]
    return None if late else max(layers, default=0)


def token_slice(model: Hooked, tokens: Tokens) -> slice:
    """Where an SAE's tokens are on the token axis.

    Raises:
        ValueError: if the model has no CLS token and that is what is wanted, or no patches at all.
    """
    if not isinstance(model, HookedModule):
        if tokens != "all":
            raise ValueError(f"this SAE is for {tokens} of a vision transformer, and {model.name} reads a text")
        return slice(None)
    if tokens == "cls" and not model.n_prefix:
        raise ValueError(f"{model.name} has no CLS token, so there is none to train on")
    return {"all": slice(None), "cls": slice(0, 1), "patches": model.patch_slice}[tokens]


def read(
    sae: SAE, model: Hooked, inputs: Any
) -> tuple[Float[Tensor, "image token d_in"], Float[Tensor, "image token d_out"]]:
    """What an SAE reads of these inputs, and what it should write, at the tokens that it is for."""
    hooks = [sae.config.hook_name, sae.config.writes]
    _, cache = model.run_with_cache(inputs, names=hooks, stop_at_layer=stop_layer(hooks))
    tokens = token_slice(model, sae.config.tokens)
    return cache[hooks[0]][:, tokens], cache[hooks[1]][:, tokens]
