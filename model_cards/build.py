"""Write each model's README.md from its config.json and eval.json: `python -m model_cards.build`.

A card holds no number of its own, so it cannot drift from what was measured.
"""

from __future__ import annotations

import json
from pathlib import Path

import jinja2

from model_cards.sae import repositories, sae_card

CARDS = Path(__file__).parent


def card(folder: Path) -> str:
    """The text of a model's README.md.

    Raises:
        FileNotFoundError: if config.json or eval.json is missing.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    scores = json.loads((folder / "eval.json").read_text(encoding="utf-8"))
    vit = config["vit"]
    names, per_class = config["vocabulary"]["names"], scores["lens"]["per_class"]
    ranked = [f"{names[i]} ({per_class[i]:.2f})" for i in sorted(range(len(names)), key=lambda i: per_class[i])]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(CARDS), undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True
    )
    return environment.get_template("template.md.jinja").render(
        name=folder.name,
        vit=vit,
        names=names,
        worst=", ".join(ranked[:4]),
        finest=", ".join(ranked[:-5:-1]),
        grid=[pixels // patch for pixels, patch in zip(vit["image_size"], vit["patch_size"], strict=True)],
        scores=scores,
        best=next(s for s in scores["lens"]["layers"] if s["label"] == scores["lens"]["best"]),
        recipe=to_toml(scores["training"]["recipe"]) if "training" in scores else "",
        pct=lambda x: f"{100 * x:.1f} %",
        num=lambda x: f"{x:.3f}",
    )


def to_toml(recipe: dict) -> str:
    """A recipe as its TOML file would say it: plain values first, then a table for each part."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in recipe.items() if not isinstance(value, dict)]
    for key, value in recipe.items():
        if isinstance(value, dict):
            lines += ["", f"[{key}]", *(f"{k} = {json.dumps(v)}" for k, v in value.items())]
    return "\n".join(lines)


def main() -> None:
    for path in sorted(CARDS.glob("*/eval.json")):
        (path.parent / "README.md").write_text(card(path.parent), encoding="utf-8")
        print(f"wrote {path.parent.name}/README.md")
    for folder in repositories():
        (folder / "README.md").write_text(sae_card(folder), encoding="utf-8")
        print(f"wrote {folder.name}/README.md")


if __name__ == "__main__":
    main()
