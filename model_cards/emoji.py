"""The card of emoji-vit, from its config and its scores."""

from __future__ import annotations

from pathlib import Path

from model_cards.metadata import TASK, front_matter, measured
from model_cards.text import hub_name, read, render, to_toml

DATA = "emoji-scenes", "Emoji scenes (drawn by prisma_engine)"


def emoji_card(folder: Path, owner: str | None = None) -> str:
    """The text of its README.md.

    Args:
        owner: of the Hub repository that the card is published in; None for the copy in this repository.

    Raises:
        FileNotFoundError: if config.json or eval.json is missing.
    """
    config, scores = read(folder / "config.json"), read(folder / "eval.json")
    vit, best = config["vit"], next(s for s in scores["lens"]["layers"] if s["label"] == scores["lens"]["best"])
    names, per_class = config["vocabulary"]["names"], scores["lens"]["per_class"]
    ranked = [f"{names[i]} ({per_class[i]:.2f})" for i in sorted(range(len(names)), key=lambda i: per_class[i])]
    results = [
        measured("accuracy", scores["top1"]["accuracy"], DATA, "single"),
        measured("mean_iou", best["iou"], DATA, "pairs", words="class-wise IoU of the logit lens, from no mask"),
    ]
    return render(
        "template.md.jinja",
        metadata=front_matter(
            folder.name, ["logit-lens"], results, pipeline_tag=TASK, metrics=["accuracy", "mean_iou"]
        ),
        name=folder.name,
        hub=hub_name(folder.name, owner),
        vit=vit,
        names=names,
        worst=", ".join(ranked[:4]),
        finest=", ".join(ranked[:-5:-1]),
        grid=[pixels // patch for pixels, patch in zip(vit["image_size"], vit["patch_size"], strict=True)],
        scores=scores,
        best=best,
        recipe=to_toml(scores["training"]["recipe"]) if "training" in scores else "",
    )
