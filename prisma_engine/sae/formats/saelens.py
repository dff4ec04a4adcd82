"""SAELens: `cfg.json` beside `sae_weights.safetensors`, as versions 2 to 6 write them.

    read     x → normalize_activations → − b_dec, if apply_b_dec_to_input
    acts     standard: ReLU; topk: ReLU of the k largest; jumprelu: ReLU where above the threshold; gated
    rescale  rescale_acts_by_decoder_norm: the k largest of pre_act · ‖decoder row‖, and rows of length 1 written

Since version 6 a config holds what decides the arithmetic, and everything else below `metadata`; before that
everything lies together. What this engine does not have is refused by the name of its field.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from prisma_engine.hub import LoadError
from prisma_engine.sae.config import SAEConfig
from prisma_engine.sae.formats.opened import Opened, Source, json_object, mapped_safetensors
from prisma_engine.sae.formats.prisma_names import model_id
from prisma_engine.sae.formats.values import Values

CONFIG, WEIGHTS = "cfg.json", "sae_weights.safetensors"
ARCHITECTURES = {
    "standard": "relu",
    "topk": "topk",
    "jumprelu": "jumprelu",
    "gated": "gated",
    "transcoder": "relu",
    "skip_transcoder": "relu",
    "jumprelu_transcoder": "jumprelu",
    "jumprelu_skip_transcoder": "jumprelu",
}
NORMALIZE = {
    "none": "none",
    None: "none",
    False: "none",
    "layer_norm": "layer_norm",
    "constant_norm_rescale": "constant_norm",
}
FIELDS = {
    "d_in", "d_sae", "dtype", "device", "apply_b_dec_to_input", "normalize_activations", "reshape_activations",
    "metadata", "architecture", "k", "rescale_acts_by_decoder_norm", "d_out",
}  # fmt: skip
"""All fields beside `metadata` since version 6."""
OLD_NAMES = {
    "hook_point": "hook_name",
    "activation_fn_str": "activation_fn",
    "hook_point_head_index": "hook_head_index",
}
TOKENS = {(): "all", (None,): "all", (None, None): "all", (0, None): "all", (0, 1): "cls", (1,): "patches"}


def recognises(source: Source) -> bool:
    return source.file is None and ((source.folder / CONFIG).exists() or (source.folder / WEIGHTS).exists())


def weights_file(source: Source) -> Path:
    return source.folder / WEIGHTS


def open_file(source: Source) -> Opened:
    """Config and tensors of an SAE of SAELens.

    Raises:
        LoadError: for what is missing or not understood.
    """
    fields = json_object(source.folder / CONFIG, source.title)
    values, about = _parts(fields, f"{CONFIG} of {source.title}")
    config = _config(values, about)
    state = mapped_safetensors(weights_file(source), source.title)
    factor = state.pop("scaling_factor", None)
    if factor is not None and not bool(torch.allclose(factor.float(), torch.ones(()))):
        raise LoadError(f"the weights of {source.title} have a scaling_factor for each latent, which is not read here")
    rescaled = config.activation == "topk" and values.flag("rescale_acts_by_decoder_norm", False)
    return Opened(config, _renamed(state, config), rescaled)


def _parts(fields: dict[str, Any], where: str) -> tuple[Values, Values]:
    """What decides the arithmetic, and what is known about it beside that."""
    if "metadata" in fields:
        if not isinstance(fields["metadata"], dict):
            raise LoadError(f"{where} has a metadata that is no object")
        if strangers := sorted(set(fields) - FIELDS):
            raise LoadError(f"{where} has the field {strangers[0]!r:.60}, which is not understood")
        return Values(fields, where), Values(fields["metadata"], f"metadata in {where}")
    renamed = {OLD_NAMES.get(name, name): value for name, value in fields.items()}
    kwargs = renamed.get("activation_fn_kwargs")
    kwargs = kwargs if isinstance(kwargs, dict) else {}
    if renamed.get("activation_fn") == "topk":
        renamed |= {"architecture": "topk", "activation_fn": None, "k": kwargs.get("k")}
    renamed.setdefault("architecture", "standard")
    if "hook_z" in str(renamed.get("hook_name")):
        renamed.setdefault("reshape_activations", "hook_z")
    values = Values(renamed, where)
    values.refuse("activation_fn", ("relu",))
    values.refuse("finetuning_scaling_factor", (False,))
    return values, values


def _config(values: Values, about: Values) -> SAEConfig:
    kind = values.text("architecture")
    if kind not in ARCHITECTURES:
        raise LoadError(f"{values.where} says architecture = {kind!r:.60}; read here are {', '.join(ARCHITECTURES)}")
    values.refuse("reshape_activations", ("none",))
    for name in ("hook_head_index", "use_error_term"):
        about.refuse(name, (False,))
    activation: Any = ARCHITECTURES[kind]
    normalize: Any = values.choice("normalize_activations", NORMALIZE, None)
    transcoder = kind.endswith("transcoder")
    if transcoder and normalize != "none":
        raise LoadError(
            f"{values.where} normalises what a transcoder reads and not what it writes; that is not read here"
        )
    try:
        return SAEConfig(
            model=model_id(about.text("model_name"))[0],
            hook_name=about.text("hook_name"),
            d_in=values.count("d_in", 1),
            d_sae=values.count("d_sae", 1),
            tokens=_tokens(about),
            activation=activation,
            k=values.count("k", 1) if activation == "topk" else 0,
            input_bias="tied" if values.flag("apply_b_dec_to_input", not transcoder) else "none",
            normalize=normalize,
            hook_out=about.text("hook_name_out") if transcoder else None,
            d_out=values.count("d_out", 1) if transcoder else 0,
            skip="skip" in kind,
        )
    except ValueError as error:
        raise error if isinstance(error, LoadError) else LoadError(f"{values.where}: {error}") from None


def _tokens(about: Values) -> Any:
    found = about.fields.get("seqpos_slice") or []
    key = tuple(found) if isinstance(found, list) and all(type(i) in (int, type(None)) for i in found) else None
    if key is not None and key[1:] == (None,) and key[0]:
        key = key[:1]
    if key not in TOKENS:
        raise LoadError(f"{about.where} says seqpos_slice = {found!r:.60}; only all, the first, or all but it are read")
    return TOKENS[key]


def _renamed(state: dict[str, Tensor], config: SAEConfig) -> dict[str, Tensor]:
    """The state of `SAE`, as views."""
    renamed = dict(state)
    if config.activation == "gated" and "b_gate" in state:
        renamed["b_enc"] = renamed.pop("b_gate")
    for name in ("W_enc", "W_skip"):
        if name in renamed and renamed[name].ndim == 2:
            renamed[name] = renamed[name].T
    return renamed
