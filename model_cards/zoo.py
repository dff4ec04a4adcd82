"""The card of a model of the zoo, from its config, its scores and the history of its training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult

from model_cards import published
from model_cards.data_sets import About, about
from model_cards.metadata import TASK, front_matter, measured
from model_cards.text import hub_name, read, render, to_toml
from prisma_engine.history import read_history, revision_of
from prisma_engine.toy.zoo.snapshots import is_kept


def zoo_card(folder: Path, owner: str | None = None) -> str:
    """The text of a zoo model's README.md.

    Args:
        owner: of the Hub repository that the card is published in; None for the copy in this repository.

    Raises:
        FileNotFoundError: if config.json, eval.json or model.safetensors is missing.
    """
    config, scores = read(folder / "config.json"), read(folder / "eval.json")
    recipe, vit = scores["training"]["recipe"], config["vit"]
    words = about(recipe["data"]["set"])
    history = read_history(folder)
    kept = [row for row in history.rows if is_kept(row.step, recipe["optimizer"]["steps"])]
    return render(
        "zoo.md.jinja",
        metadata=front_matter(
            folder.name,
            ["toy-model", recipe["data"]["set"]],
            _results(scores, words, recipe["data"]["set"]),
            pipeline_tag=TASK,
            datasets=[words.hub] if words.hub else None,
            metrics=["accuracy"],
        ),
        name=folder.name,
        hub=hub_name(folder.name, owner),
        vit=vit,
        grid=[pixels // patch for pixels, patch in zip(vit["image_size"], vit["patch_size"], strict=True)],
        classes=config["vocabulary"]["names"],
        megabytes=f"{(folder / 'model.safetensors').stat().st_size / 1e6:.2g}",
        scores=scores,
        training=scores["training"],
        recipe=recipe,
        toml=to_toml(recipe),
        words=words,
        rows=[{"revision": revision_of(row.step), "row": row} for row in kept],
        early=revision_of(kept[len(kept) // 2].step) if kept else None,
        compared=_compared(words, vit, scores["held_out"]),
    )


def _results(scores: dict[str, Any], words: About, data: str) -> list[EvalResult]:
    title = words.title if words.hub else f"{words.title} (drawn by prisma_engine)"
    return [
        measured("accuracy", found["accuracy"], (words.hub or data, title), part)
        for part, found in scores["held_out"].items()
    ]


def _compared(words: About, vit: dict[str, Any], held_out: dict[str, Any]) -> dict[str, Any] | None:
    """The public suite's model of as many layers beside ours; None where it has none."""
    if words.compared is None:
        return None
    data, difference = words.compared
    theirs = published.accuracy(data, vit["n_layers"], vit["attn_only"])
    if theirs is None:
        return None
    part, ours = next(iter(held_out.items()))
    return {"suite": published.SUITE, "data": about(data).title, "theirs": theirs, "part": part, "ours": ours} | {
        "difference": difference
    }
