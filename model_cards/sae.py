"""The card of a repository of SAEs, from the eval.json of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult

from model_cards.metadata import front_matter, measured
from model_cards.text import CARDS, hub_name, read, render

OURS = (None, "emoji-scenes")
"""Sources of images that may be given away."""
TRANSFER = "transfer.json"
TRAINED_ON = (
    "They were trained on the activations of the decoder as it was before it met any picture, reading text from the "
    "grammar that it learned to speak from: neither they nor it ever saw a picture. They are measured and used on the "
    "decoder after tuning; labels are from text alone, as that one reads it."
)
"""Whose activations the SAEs that read text were trained on."""


def repositories() -> list[Path]:
    """Folders that hold measured SAEs, one folder each."""
    return sorted({path.parents[1] for path in CARDS.glob("*/*/eval.json")})


def sae_card(folder: Path, owner: str | None = None) -> str:
    """The text of a repository's README.md.

    Args:
        owner: of the Hub repository that the card is published in; None for the copy in this repository.

    Raises:
        FileNotFoundError: if there is no measured SAE in it.
    """
    paths = sorted(folder.glob("*/eval.json"))
    if not paths:
        raise FileNotFoundError(f"{folder.name} holds no eval.json of an SAE")
    saes: list[dict[str, Any]] = [{"name": path.parent.name} | read(path) for path in paths]
    model = saes[0]["sae"]["model"]
    base = model if "/" in model else hub_name(model, owner)
    reads_text = "texts" in saes[0]
    more = _of_text(folder) if reads_text else {"photos": any(_source(sae) not in OURS for sae in saes)}
    return render(
        "sae_text.md.jinja" if reads_text else "sae.md.jinja",
        metadata=front_matter(
            folder.name,
            ["sparse-autoencoder"],
            [_explained(sae) for sae in saes],
            pipeline_tag="feature-extraction",
            base_model=base,
            base_model_relation="adapter",
        ),
        name=folder.name,
        hub=hub_name(folder.name, owner),
        model=model,
        hub_model=base,
        saes=saes,
        first=saes[0],
        size=sum(path.stat().st_size for path in folder.glob("*/model.safetensors")) / 1e6,
        few=lambda x: "–" if x is None else f"{x:.1f}",
        **more,
    )


def _of_text(folder: Path) -> dict[str, Any]:
    """What is said of SAEs that read text: what they make of images, where that was measured."""
    path = folder / TRANSFER
    return {"transfer": read(path) if path.exists() else None, "trained_on": TRAINED_ON}


def sae_config(folder: Path) -> dict[str, Any]:
    """What a repository's own config.json says, by which the Hub counts its downloads."""
    paths = sorted(folder.glob("*/eval.json"))
    model = read(paths[0])["sae"]["model"]
    return {"architecture": "SAEs", "model": model, "saes": [path.parent.name for path in paths]}


def _explained(sae: dict[str, Any]) -> EvalResult:
    value, source = sae["reconstruction"]["explained_variance"], _source(sae) or "held-out"
    words = f"explained variance of {sae['name']}"
    data = (source, sae["measured_on"])
    return measured("explained_variance", value, data, "held-out", words, task="feature-extraction")


def _source(sae: dict[str, Any]) -> str | None:
    data = sae.get("training", {}).get("data", {})
    return data.get("images") or data.get("texts")
