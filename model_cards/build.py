"""Write each repository's README.md and curves from its numbers: `python -m model_cards build`.

A card holds no number of its own, so it cannot drift from what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from model_cards import curves, schema
from model_cards.emoji import emoji_card
from model_cards.llava import llava_card
from model_cards.sae import repositories, sae_card, sae_config
from model_cards.text import CARDS, as_json, read
from model_cards.zoo import zoo_card
from prisma_engine.history import FILE

README, CONFIG = "README.md", "config.json"


def folders(names: Sequence[str] = ()) -> list[Path]:
    """The repositories' folders: those named, or every one that was measured.

    Raises:
        ValueError: for a name that there is none of.
    """
    known = {folder.name: folder for folder in [*(p.parent for p in CARDS.glob("*/eval.json")), *repositories()]}
    if strangers := [name for name in names if name not in known]:
        raise ValueError(f"there is no {strangers[0]!r} in {CARDS.name}; there are {', '.join(sorted(known))}")
    return [known[name] for name in names or sorted(known)]


def card(folder: Path, owner: str | None = None) -> str:
    """The text of a repository's README.md.

    Args:
        owner: of the Hub repository that the card is published in; None for the copy in this repository.

    Raises:
        FileNotFoundError: if something that was to be measured is missing.
    """
    if _holds_saes(folder):
        return sae_card(folder, owner)
    scores = read(folder / "eval.json")
    return (llava_card if "described" in scores else emoji_card if "lens" in scores else zoo_card)(folder, owner)


def build(folder: Path) -> None:
    """Write a folder's README.md, its curves where it has a history, and a config.json where it holds SAEs."""
    (folder / README).write_text(card(folder), encoding="utf-8")
    if _holds_saes(folder):
        (folder / CONFIG).write_text(as_json(sae_config(folder)), encoding="utf-8")
    if (folder / FILE).exists() and not curves.is_current(folder):
        curves.draw(folder)


def faults(folder: Path) -> list[str]:
    """How a folder's card differs from its numbers, or from what the Hub asks; one sentence each."""
    text = card(folder)
    found = [f"{folder.name}/{README}: {fault}" for fault in schema.faults(text)]
    written = {README: text} | ({CONFIG: as_json(sae_config(folder))} if _holds_saes(folder) else {})
    for name, expected in written.items():
        if not (folder / name).exists() or (folder / name).read_text(encoding="utf-8") != expected:
            found.append(f"{folder.name}/{name} is not what its numbers say; run python -m model_cards build")
    if (folder / FILE).exists() and not curves.is_current(folder):
        found.append(f"{folder.name}/{curves.PICTURE} does not show its history; run python -m model_cards build")
    return found


def _holds_saes(folder: Path) -> bool:
    return not (folder / "eval.json").exists()
