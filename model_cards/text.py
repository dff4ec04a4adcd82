"""What every card is written with: its template, numbers in words, and a recipe as TOML."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jinja2

CARDS = Path(__file__).parent


def render(template: str, **values: Any) -> str:
    """A card from its template; a value that the template needs and does not get is an error."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(CARDS), undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True
    )
    return environment.get_template(template).render(pct=pct, num=num, count=count, **values).strip() + "\n"


def pct(share: float | None, digits: int = 1) -> str:
    """A share as a percentage; a dash where there is none."""
    return "–" if share is None else f"{100 * share:.{digits}f} %"


def num(value: float | str | None) -> str:
    """Three decimals; words stay what they are, and a dash stands where there is no number."""
    return value if isinstance(value, str) else "–" if value is None else f"{value:.3f}"


def count(value: int) -> str:
    return f"{value:,}"


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8"))


def as_json(values: dict[str, Any]) -> str:
    return json.dumps(values, indent=1, ensure_ascii=False) + "\n"


def to_toml(recipe: dict[str, Any]) -> str:
    """A recipe as its TOML file would say it: plain values first, then a table for each part."""
    lines = [f"{key} = {json.dumps(value)}" for key, value in recipe.items() if not isinstance(value, dict)]
    for key, value in recipe.items():
        if isinstance(value, dict):
            lines += ["", f"[{key}]", *(f"{k} = {json.dumps(v)}" for k, v in value.items())]
    return "\n".join(lines)


def hub_name(name: str, owner: str | None) -> str:
    """How a repository of ours is loaded: by its bare name where it is embedded, with its owner on the Hub."""
    return f"{owner}/{name}" if owner else name
