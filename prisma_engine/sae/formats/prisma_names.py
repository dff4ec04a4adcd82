"""What the name of a Prisma repository says about its SAE, and what Prisma's names of models are here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from prisma_engine.hub import LoadError
from prisma_engine.sae.config import SAEConfig

LAYER = re.compile(r"layer[-_](\d+)|(?:cls|spatial|spatial_max|all_patches)_(\d+)(?:-|_|$)", re.I)
SITES = {"resid_post": "hook_resid_post", "mlp_out": "hook_mlp_out", "attn_out": "hook_attn_out"}
COUNT = re.compile(r"top_?k-(\d+)|-topk-.*-(\d+)-\d+$", re.I)
EXPANSION = re.compile(r"(?:^|[-_])x(\d+)(?:[-_]|$)")

TIMM = {
    "vit_base_patch16_224": "timm/vit_base_patch16_224.augreg2_in21k_ft_in1k",
    "vit_base_patch32_224": "timm/vit_base_patch32_224.augreg_in21k_ft_in1k",
    "vit_large_patch16_224": "timm/vit_large_patch16_224.augreg_in21k_ft_in1k",
}
"""The weights that timm gives for a bare architecture's name."""
UNKNOWN = {
    "eva02": "EVA02's blocks are not in this engine",
    "roberta": "its text tower is not CLIP's own",
    "coca": "CoCa is not in this engine",
    "vjepa": "V-JEPA is not on the Hub in a form that is read here",
}


@dataclass(frozen=True)
class Said:
    """What a repository's name says; None where it says nothing.

    Attributes:
        site: the hook point's last part.
        activation, k, tokens: as in `SAEConfig`.
        expansion: latents for each number that is read.
        family: of the model.
    """

    layer: int | None = None
    site: str | None = None
    activation: str | None = None
    k: int | None = None
    tokens: str | None = None
    expansion: int | None = None
    transcoder: bool | None = None
    family: str | None = None


def said(repository: str) -> Said:
    """Read a repository's name, with or without its owner."""
    name = repository.rpartition("/")[2].lower().replace("mlp-out", "mlp_out").replace("resid-post", "resid_post")
    layer, expansion = LAYER.search(name), EXPANSION.search(name)
    topk = "top_k" in name or "topk" in name
    count = COUNT.search(name) if topk else None
    transcoder = "transcoder" in name
    return Said(
        layer=int(layer[1] or layer[2]) if layer else None,
        site=None if transcoder else next((hook for word, hook in SITES.items() if word in name), None),
        activation="topk" if topk else "gated" if "gated" in name else "relu" if "vanilla" in name else None,
        k=int(count[1] or count[2]) if count else None,
        tokens=_tokens(name),
        expansion=int(expansion[1]) if expansion else None,
        transcoder=True if transcoder else None,
        family=_family(name),
    )


def _family(name: str) -> str | None:
    return next((family for family in ("dino", "clip") if family in name.lower()), None)


def _tokens(name: str) -> str | None:
    if re.search(r"cls_only|-cls_\d", name):
        return "cls"
    if "spatial" in name:
        return "patches"
    return "all" if re.search(r"all[-_](patches|tokens)", name) else None


def cross_check(config: SAEConfig, repository: str) -> None:
    """Refuse a config that is of another SAE than the repository's name says.

    Raises:
        LoadError: naming both.
    """
    name, layer = said(repository), re.match(r"blocks\.(\d+)\.(.*)", config.hook_name)
    pairs = {
        "model": (name.family, _family(config.model)),
        "layer": (name.layer, int(layer[1]) if layer else None),
        "hook point": (name.site, layer[2] if layer else config.hook_name),
        "activation": (name.activation, config.activation),
        "number of active latents": (name.k, config.k),
        "tokens": (name.tokens, config.tokens),
        "expansion": (name.expansion, config.d_sae / config.d_in),
        "transcoder": (name.transcoder, config.is_transcoder),
    }
    for what, (named, found) in pairs.items():
        if named is not None and named != found:
            raise LoadError(
                f"the name of {repository} says {what} {named}, and its config.json says {found}; one of them is wrong"
            )


def repository_of(name: str, folder: Path) -> str:
    """The repository that a folder came from, where that can be told; else the folder's name."""
    for part in reversed(folder.resolve().parts):
        if part.startswith("models--"):
            return part.removeprefix("models--").replace("--", "/")
    return name if len(name.split("/")) == 2 and not Path(name).exists() else folder.resolve().name


def model_id(name: str) -> tuple[str, str | None]:
    """What `pe.load` calls one of Prisma's models, and a sentence where it cannot load it."""
    bare = name.removeprefix("open-clip:")
    found = TIMM.get(bare.removeprefix("timm/"), bare)
    why = next((reason for word, reason in UNKNOWN.items() if word in found.lower()), None)
    if why is None and "/" not in found:
        why = "that is no Hub id"
    return found, f"this SAE reads {name!r}, which cannot be loaded here: {why}" if why else None
