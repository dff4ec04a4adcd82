"""Write the README.md of a repository of SAEs from the eval.json of each; `python -m model_cards.build` calls this."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2

CARDS = Path(__file__).parent


def repositories() -> list[Path]:
    """Folders that hold measured SAEs, one folder each."""
    return sorted({path.parents[1] for path in CARDS.glob("*/*/eval.json")})


def sae_card(folder: Path) -> str:
    """The text of a repository's README.md.

    Raises:
        FileNotFoundError: if there is no measured SAE in it.
    """
    paths = sorted(folder.glob("*/eval.json"))
    if not paths:
        raise FileNotFoundError(f"{folder.name} holds no eval.json of an SAE")
    measured = [{"name": path.parent.name} | json.loads(path.read_text(encoding="utf-8")) for path in paths]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(CARDS), undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True
    )
    first = measured[0]["sae"]
    return environment.get_template("sae.md.jinja").render(
        name=folder.name,
        model=first["model"],
        saes=measured,
        first=measured[0],
        size=sum(path.stat().st_size for path in folder.glob("*/model.safetensors")) / 1e6,
        photos=any(_source(sae) not in (None, "emoji-scenes") for sae in measured),
        pct=lambda x: "–" if x is None else f"{100 * x:.1f} %",
        num=lambda x: x if isinstance(x, str) else "–" if x is None else f"{x:.3f}",
        few=lambda x: "–" if x is None else f"{x:.1f}",
    )


def _source(sae: dict[str, Any]) -> str | None:
    return sae.get("training", {}).get("data", {}).get("images")
