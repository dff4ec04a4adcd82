"""Prisma's published SAEs and transcoders: `weights.pt` or `n_images_*.pt`, and a `config.json`.

The config comes from the JSON file alone; a config that is pickled beside the weights is left where it is. Fields
that decide what the SAE computes must be there, because what the class fills in for them is not what was trained:

    hook point   blocks.{hook_point_layer}.{layer_subtype}; cached paths may name another one and are not read
    read         x → normalize_activations → − b_dec
    acts         ReLU or TopK of @ W_enc + b_enc; gated: (… + b_gate > 0) · ReLU(exp(r_mag) · … + b_mag)
    written      @ W_dec + b_dec → normalisation undone; transcoder: + b_dec_out, + x @ W_skipᵀ of the raw x

Matrices are stored as W_enc [d_in latent], W_dec [latent d_out], W_skip [d_out d_in].
"""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from prisma_engine.hub import LoadError
from prisma_engine.sae.config import SAEConfig
from prisma_engine.sae.formats.opened import Opened, Source, json_object
from prisma_engine.sae.formats.prisma_names import cross_check, model_id, repository_of
from prisma_engine.sae.formats.torchfile import tensors
from prisma_engine.sae.formats.values import Values
from prisma_engine.sae.model import SAE
from prisma_engine.sae.normalize import LAYER_NORM_EPS, Normalized

WEIGHTS = re.compile(r"weights\.pt|n_images_\d+\.pt")
NORMALIZE = {None: "none", "none": "none", "layer_norm": "layer_norm", "constant_norm_rescale": "constant_norm"}
WHY = ", and what Prisma would fill in for it need not be what was trained"
NAMES = {"W_enc", "b_enc", "W_dec", "b_dec", "b_gate", "r_mag", "b_mag", "b_dec_out", "W_skip"}


class Doubt(UserWarning):
    """The SAE opens, and something about the model that it reads cannot be known or had here."""


class RawSkip(SAE):
    """A transcoder whose skip path reads activations before they are normalised, which our own format does not have."""

    unsaveable = "its skip path reads activations before they are normalised, which this project's format cannot say"

    def _with_bias(self, written: Float[Tensor, "*token d_out"], normal: Normalized) -> Float[Tensor, "*token d_out"]:
        assert self.W_skip is not None
        divisor = normal.scale + LAYER_NORM_EPS if self.config.normalize == "layer_norm" else normal.scale
        return written + self.b_dec + (normal.x * divisor + normal.shift) @ self.W_skip


def weights_in(names: list[str]) -> str | None:
    """The file with the finished weights among a folder's file names; None if there is none."""
    found = [name for name in names if WEIGHTS.fullmatch(name)]
    return max(
        found, key=lambda name: (name == "weights.pt", int("0" + "".join(filter(str.isdecimal, name)))), default=None
    )


def recognises(source: Source) -> bool:
    return weights_file(source) is not None


def weights_file(source: Source) -> Path | None:
    if source.file is not None:
        return source.file if source.file.suffix == ".pt" else None
    name = weights_in([path.name for path in source.folder.iterdir()])
    return source.folder / name if name else None


def open_file(source: Source) -> Opened:
    """Config and tensors of a Prisma SAE.

    Raises:
        LoadError: for what is missing, not understood, or said in two ways.
    """
    path = weights_file(source)
    assert path is not None
    values = Values(json_object(source.folder / "config.json", source.title), f"config.json of {source.title}", WHY)
    state, _ = tensors(path, source.title)
    if strangers := sorted(set(state) - NAMES):
        raise LoadError(f"{path.name} of {source.title} holds {strangers[0]!r:.60}, which no Prisma SAE has")
    config = _config(values, state)
    cross_check(config, repository_of(source.name, source.folder))
    for doubt in _doubts(values, config):
        warnings.warn(doubt, Doubt, stacklevel=2)
    raw = config.skip and config.normalize != "none"
    return Opened(config, _renamed(state, config), kind=RawSkip if raw else SAE)


def _doubts(values: Values, config: SAEConfig) -> list[str]:
    _, unknown = model_id(values.text("model_name"))
    found = [unknown] if unknown else []
    if config.hook_name.endswith("hook_normalized"):
        found.append(
            f"this SAE reads {config.hook_name}, and its files do not say whether the norm's weights were folded into "
            "the next layer first, which changes what is there; measure its explained variance before trusting it"
        )
    return found


def _config(values: Values, state: dict[str, Tensor]) -> SAEConfig:
    values.refuse("hook_point_head_index", ())
    activation: Any = _activation(values, state)
    normalize: Any = values.choice("normalize_activations", NORMALIZE)
    d_in = values.count("d_in", 1)
    try:
        return SAEConfig(
            model=model_id(values.text("model_name"))[0],
            hook_name=f"blocks.{values.count('hook_point_layer')}.{values.text('layer_subtype')}",
            d_in=d_in,
            d_sae=_d_sae(values, state, d_in),
            tokens=_tokens(values),
            activation=activation,
            k=_k(values) if activation == "topk" else 0,
            normalize=normalize,
            **_written(values),
        )
    except ValueError as error:
        raise error if isinstance(error, LoadError) else LoadError(f"{values.where}: {error}") from None


def _activation(values: Values, state: dict[str, Tensor]) -> str:
    stored = "gated" if "b_gate" in state else "standard"
    said = values.choice("architecture", {"standard": "standard", "gated": "gated"}, stored)
    return "gated" if said == "gated" else values.choice("activation_fn_str", {"relu": "relu", "topk": "topk"})


def _d_sae(values: Values, state: dict[str, Tensor], d_in: int) -> int:
    if "W_dec" not in state or state["W_dec"].ndim != 2:
        raise LoadError(f"the weights beside {values.where} have no matrix W_dec")
    d_sae = state["W_dec"].shape[0]
    _agree(values, "d_sae", d_sae)
    if not isinstance(values.fields.get("expansion_factor"), list):
        _agree(values, "expansion_factor", d_sae / d_in)
    return d_sae


def _written(values: Values) -> dict[str, Any]:
    """What is written, and where."""
    if not values.flag("is_transcoder", False):
        return {"input_bias": "tied"}
    return {
        "input_bias": "own",
        "hook_out": f"blocks.{values.count('out_hook_point_layer')}.{values.text('layer_out_subtype')}",
        "d_out": values.count("d_out", 1),
        "skip": values.flag("transcoder_with_skip_connection"),
    }


def _agree(values: Values, name: str, found: float) -> None:
    said = values.fields.get(name)
    if said is not None and said != found:
        raise LoadError(f"{values.where} says {name} = {said!r:.40}, and its weights say {found:g}")


def _tokens(values: Values) -> Any:
    cls, patches = values.flag("cls_token_only"), values.flag("use_patches_only")
    if cls and patches:
        raise LoadError(f"{values.where} says both cls_token_only and use_patches_only")
    return "cls" if cls else "patches" if patches else "all"


def _k(values: Values) -> int:
    kwargs = values.required("activation_fn_kwargs")
    return Values(kwargs if isinstance(kwargs, dict) else {}, f"activation_fn_kwargs in {values.where}").count("k", 1)


def _renamed(state: dict[str, Tensor], config: SAEConfig) -> dict[str, Tensor]:
    """The state of `SAE`, as views."""
    names: dict[str, str] = {}
    if config.is_transcoder:
        names = {"b_dec": "b_in", "b_dec_out": "b_dec"}
    elif config.activation == "gated" and "b_gate" in state:
        names = {"b_gate": "b_enc"}
        state = {name: tensor for name, tensor in state.items() if name != "b_enc"}  # stored, and never used
    turned = {
        name: tensor.T if name in ("W_enc", "W_skip") and tensor.ndim == 2 else tensor for name, tensor in state.items()
    }
    return {names.get(name, name): tensor for name, tensor in turned.items()}
