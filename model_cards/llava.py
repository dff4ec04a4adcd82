"""The card of emoji-llava, from its config and its scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from model_cards.metadata import front_matter, measured
from model_cards.text import hub_name, read, render, to_toml

DATA = "emoji-scenes", "Emoji scenes (drawn by prisma_engine)"
TASK = "image-text-to-text"
TARGET = 0.9
"""Share of descriptions, and of questions, that was aimed at."""


def llava_card(folder: Path, owner: str | None = None) -> str:
    """The text of its README.md.

    Args:
        owner: of the Hub repository that the card is published in; None for the copy in this repository.

    Raises:
        FileNotFoundError: if config.json or eval.json is missing.
    """
    config, scores = read(folder / "config.json"), read(folder / "eval.json")
    described, answered = scores["described"], scores["answered"]
    results = [
        measured(
            "accuracy", described["right"]["share"], DATA, "seeded", "descriptions that name just what shows", TASK
        ),
        measured("accuracy", answered["right"]["share"], DATA, "seeded", "questions answered word for word", TASK),
    ]
    tags = ["llava", "transformers", "toy-model", "sparse-autoencoder"]
    return render(
        "llava.md.jinja",
        metadata=front_matter(folder.name, tags, results, pipeline_tag=TASK, metrics=["accuracy", "perplexity"]),
        name=folder.name,
        hub=hub_name(folder.name, owner),
        where=hub_name(folder.name, owner or "model_cards"),
        text=config["text_config"],
        vision=config["vision_config"],
        layer=config["vision_feature_layer"],
        scores=scores,
        worst=_worst(described["classes"]),
        missed=[words for words, share in _shares(scores).items() if share < TARGET],
        target=TARGET,
        megabytes=f"{(folder / 'model.safetensors').stat().st_size / 1e6:.1f}",
        recipe=to_toml(scores["training"]["recipe"]),
        training=scores["training"],
    )


def _shares(scores: dict[str, Any]) -> dict[str, float]:
    return {
        "descriptions": scores["described"]["right"]["share"],
        "questions": scores["answered"]["right"]["share"],
    }


def _worst(classes: dict[str, list[int]], n: int = 5) -> str:
    """The classes that are passed over most often, with how often they were named of the times that they showed."""
    ranked = sorted((found / shown, word, found, shown) for word, (found, shown, _) in classes.items() if shown)
    return ", ".join(f"{word} ({found} of {shown})" for _, word, found, shown in ranked[:n])
