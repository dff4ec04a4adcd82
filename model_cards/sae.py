"""The card of a repository of SAEs, from the eval.json of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult

from model_cards.metadata import front_matter, measured
from model_cards.text import CARDS, hub_name, read, render


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
    return render(
        "sae.md.jinja",
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
        photos=any(_source(sae) not in (None, "emoji-scenes") for sae in saes),
        few=lambda x: "–" if x is None else f"{x:.1f}",
    )


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
    return sae.get("training", {}).get("data", {}).get("images")
