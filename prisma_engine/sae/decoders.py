"""Published SAEs of a language model, put on a decoder that grew out of it: a LLaVA on Gemma, say.

An SAE names the model that it was trained on, and a LLaVA is another one. Whether it may be tried there is decided by
what can be seen: the family of the decoder, the hook point, and the width. How well it explains what it then reads is
measured, not assumed.
"""

from __future__ import annotations

import re
from copy import copy
from dataclasses import replace
from typing import TYPE_CHECKING

from prisma_engine.sae.model import SAE

if TYPE_CHECKING:
    from prisma_engine.vlm.hooked import HookedVLM

FAMILIES = (
    (re.compile(r"gemma-2-\d+b|gemma-scope", re.I), "gemma2"),
    (re.compile(r"gemma(-1\.1)?-\d+b", re.I), "gemma"),
    (re.compile(r"llama|vicuna", re.I), "llama"),
)
"""How names of language models begin, the more particular first → the family of their decoder."""
LAYERS = re.compile(r"model\.layers\.(\d+)")
"""What transformers calls a layer, whose output some SAEs name."""


def for_decoder(sae: SAE, model: HookedVLM) -> SAE:
    """The same SAE, said to belong to this model, after what can be checked was checked.

    Args:
        sae: of a language model, such as one of SAELens or Gemma Scope.

    Raises:
        ValueError: for another family of decoder, a hook point that the model does not have, tokens that no text has,
            or another width.
    """
    config = sae.config
    family = family_of(config.model)
    if family is not None and family != model.config.family:
        raise ValueError(
            f"this SAE is of {config.model} ({family}), and the decoder of {model.name} is of the family "
            f"{model.config.family}"
        )
    if config.tokens != "all":
        raise ValueError(f"this SAE is for {config.tokens} of a vision transformer, and {model.name} reads a text")
    hooks = {name: _hook(name) for name in (config.hook_name, config.writes)}
    for hook, width in ((hooks[config.hook_name], config.d_in), (hooks[config.writes], config.d_out)):
        model.require(hook)
        if width != (found := _width(hook, model)):
            raise ValueError(f"this SAE is {width} wide at {hook}, where {model.name} is {found} wide")
    moved = copy(sae)  # the weights are the same tensors
    moved.config = replace(
        config,
        model=model.name,
        revision=model.revision,
        hook_name=hooks[config.hook_name],
        hook_out=None if config.hook_out is None else hooks[config.hook_out],
        probe=None,
    )
    return moved


def family_of(name: str) -> str | None:
    """Which family of decoders a language model's name speaks of; None where it does not."""
    return next((family for pattern, family in FAMILIES if pattern.search(name)), None)


def _hook(name: str) -> str:
    found = LAYERS.fullmatch(name)
    return f"blocks.{found[1]}.hook_resid_post" if found else name


def _width(hook: str, model: HookedVLM) -> int:
    return {"d_model": model.config.d_model, "d_mlp": model.config.d_mlp, "d_head": model.config.d_head}[
        model.hook_points[hook].axes[-1]
    ]
