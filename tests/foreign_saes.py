"""SAE files as others write them, byte by byte, and what they compute, written down from the formulas alone."""

from __future__ import annotations

import json
import sys
import types
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

D_IN, D_SAE, D_OUT, K = 12, 48, 12, 5
MODULE = "vit_prisma.sae.config"


def numbers(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def prisma_state(kind: str = "standard", d_in: int = D_IN, d_sae: int = D_SAE, d_out: int = D_OUT) -> OrderedDict:
    """A state dict of Prisma's names and shapes: "standard", "gated", "transcoder" or "skip"."""
    state = OrderedDict()
    state["W_enc"], state["b_enc"] = numbers(1, d_in, d_sae), numbers(2, d_sae)
    state["W_dec"], state["b_dec"] = numbers(3, d_sae, d_out), numbers(4, d_in)
    if kind == "gated":
        state["b_gate"], state["r_mag"], state["b_mag"] = numbers(5, d_sae), numbers(6, d_sae) / 2, numbers(7, d_sae)
    if kind in ("transcoder", "skip"):
        state["b_dec_out"] = numbers(8, d_out)
    if kind == "skip":
        state["W_skip"] = numbers(9, d_out, d_in)
    return state


PRISMA_CONFIG: dict[str, Any] = {
    "model_class_name": "HookedViT",
    "model_name": "open-clip:laion/CLIP-ViT-B-32-DataComp.XL-s13B-b90K",
    "vit_model_cfg": None,
    "model_path": None,
    "hook_point_layer": 11,
    "layer_subtype": "hook_resid_post",
    "hook_point_head_index": None,
    "context_size": 50,
    "use_cached_activations": False,
    "use_patches_only": False,
    "cached_activations_path": "activations/somewhere/blocks.9.hook_mlp_out",
    "image_size": 224,
    "architecture": "standard",
    "b_dec_init_method": "geometric_median",
    "expansion_factor": D_SAE // D_IN,
    "from_pretrained_path": None,
    "is_transcoder": False,
    "transcoder_with_skip_connection": True,
    "out_hook_point_layer": 9,
    "layer_out_subtype": "hook_mlp_out",
    "d_out": D_OUT,
    "_device": "cuda",
    "seed": 42,
    "_dtype": "float32",
    "d_in": D_IN,
    "activation_fn_str": "relu",
    "activation_fn_kwargs": {},
    "cls_token_only": False,
    "initialization_method": "encoder_transpose_decoder",
    "normalize_activations": None,
    "l1_coefficient": 1e-5,
    "lr": 4e-4,
    "use_ghost_grads": True,
    "checkpoint_path": "somewhere/checkpoints",
}

LEGACY = {
    "d_sae": D_SAE,
    "total_training_images": 13_000_000,
    "device": {"__type__": "torch.device", "value": "cuda"},
    "dtype": {"__type__": "torch.dtype", "value": "torch.float32"},
}

TRANSCODER_FIELDS: dict[str, Any] = {
    "is_transcoder": True,
    "layer_subtype": "ln2.hook_normalized",
    "out_hook_point_layer": 0,
    "layer_out_subtype": "hook_mlp_out",
}


@contextmanager
def config_class() -> Iterator[type]:
    """Prisma's config class under its own name, for as long as a file is written, and no longer."""

    class VisionModelSAERunnerConfig:
        pass

    VisionModelSAERunnerConfig.__module__, VisionModelSAERunnerConfig.__qualname__ = (
        MODULE,
        "VisionModelSAERunnerConfig",
    )
    names = ["vit_prisma", "vit_prisma.sae", MODULE]
    for name in names:
        sys.modules[name] = types.ModuleType(name)
    sys.modules[MODULE].VisionModelSAERunnerConfig = VisionModelSAERunnerConfig  # type: ignore[attr-defined]
    try:
        yield VisionModelSAERunnerConfig
    finally:
        for name in names:
            del sys.modules[name]


def with_config(state: Any, **fields: Any) -> Any:
    """Save-ready contents of the second family; to be used inside `config_class`."""
    config = sys.modules[MODULE].VisionModelSAERunnerConfig()  # type: ignore[attr-defined]
    config.__dict__ |= PRISMA_CONFIG | {"device": torch.device("cuda"), "dtype": torch.float32} | fields
    return {"cfg": config, "state_dict": state}


def write_prisma(
    folder: Path, state: Any = None, file: str = "weights.pt", pickled: bool = False, **changes: Any
) -> Path:
    """A folder as Prisma publishes it; a change to `...` leaves a field out."""
    folder.mkdir(parents=True, exist_ok=True)
    state = prisma_state() if state is None else state
    if pickled:
        with config_class():
            torch.save(with_config(state), folder / file)
    else:
        torch.save(state, folder / file)
    values = {name: value for name, value in (PRISMA_CONFIG | changes).items() if value is not ...}
    (folder / "config.json").write_text(json.dumps(values, indent=4))
    return folder


def normalised(x: Tensor, how: str | None) -> tuple[Tensor, Tensor, Tensor]:
    """What is encoded, and what a reconstruction is multiplied by and moved by."""
    if how == "layer_norm":
        mean = x.mean(-1, keepdim=True)
        std = ((x - mean) ** 2).sum(-1, keepdim=True).div(x.shape[-1] - 1).sqrt()
        return (x - mean) / (std + 1e-5), std, mean
    if how == "constant_norm_rescale":
        factor = x.shape[-1] ** 0.5 / (x**2).sum(-1, keepdim=True).sqrt()
        return x * factor, 1 / factor, torch.zeros(())
    return x, torch.ones(()), torch.zeros(())


def largest(pre: Tensor, k: int) -> Tensor:
    kept = torch.zeros_like(pre)
    for row, out in zip(pre, kept, strict=True):
        for i in sorted(range(len(row)), key=lambda i: -float(row[i]))[:k]:
            out[i] = max(float(row[i]), 0.0)
    return kept


def activated(pre: Tensor, kind: str, k: int = K, threshold: Tensor | None = None) -> Tensor:
    if kind == "topk":
        return largest(pre, k)
    clipped = pre.clamp(min=0)
    return clipped if threshold is None else torch.where(pre > threshold, clipped, torch.zeros(()))


def gate(inner: Tensor, s: Any) -> Tensor:
    """acts of a gated SAE from what it multiplies."""
    magnitude = (inner @ (s["W_enc"] * torch.exp(s["r_mag"])) + s["b_mag"]).clamp(min=0)
    return torch.where(inner @ s["W_enc"] + s["b_gate"] > 0, magnitude, torch.zeros(()))


def prisma_forward(s: Any, x: Tensor, kind: str = "relu", how: str | None = None) -> tuple[Tensor, Tensor]:
    """acts and recon as Prisma's classes compute them (ViT-Prisma 2.0, sae.py and its transcoder)."""
    read, times, plus = normalised(x, how)
    inner = read - s["b_dec"]
    acts = gate(inner, s) if "b_gate" in s else activated(inner @ s["W_enc"] + s["b_enc"], kind)
    recon = acts @ s["W_dec"] + s.get("b_dec_out", s["b_dec"])
    if "W_skip" in s:
        recon = recon + torch.einsum("td,od->to", x, s["W_skip"])
    return acts, recon * times + plus


def saelens_forward(s: Any, x: Tensor, c: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """acts and recon as SAELens 6 computes them, of a state and a config with its field names."""
    read, times, plus = normalised(x, c.get("normalize_activations"))
    inner = read - s["b_dec"] if c.get("apply_b_dec_to_input", True) else read
    length = (s["W_dec"] ** 2).sum(-1).sqrt() if c.get("rescale_acts_by_decoder_norm") else torch.ones(())
    kind = c["architecture"]
    acts = gate(inner, s) if kind == "gated" else activated(
        (inner @ s["W_enc"] + s["b_enc"]) * length, kind, c.get("k", 0), s.get("threshold")
    )  # fmt: skip
    recon = (acts / length) @ s["W_dec"] + s["b_dec"]
    if "W_skip" in s:
        recon = recon + torch.einsum("td,od->to", x, s["W_skip"])
    return acts, recon * times + plus
