"""Small tables that the canvas reads: what was measured of every SAE, and what to try first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from torch import Tensor

from apps.common.saes import Saes, beside, shipped_for, title_of
from apps.sae_steering.rack import rack_value
from apps.sae_steering.trying import plain
from prisma_engine import labels
from prisma_engine.sae import files
from prisma_engine.sae.evaluate import EVAL
from prisma_engine.toy.emoji_classes import EMOJI, NAMES

if TYPE_CHECKING:
    from apps.sae_steering.analysis import SteerResult

COLUMNS: dict[str, tuple[str, ...]] = {
    "explained_variance": ("reconstruction", "explained_variance"),
    "cosine": ("reconstruction", "cosine_per_token"),
    "mse": ("reconstruction", "mse"),
    "l0": ("l0", "all"),
    "l0_per_image": ("l0", "per_image"),
    "alive": ("alive_share",),
    "dense": ("dense_share",),
    "duplicates": ("duplicates", "share"),
    "accuracy": ("answers", "accuracy", "original"),
    "accuracy_spliced": ("answers", "accuracy", "spliced"),
    "kept": ("answers", "accuracy", "kept"),
    "kl": ("answers", "kl"),
    "top1_agreement": ("answers", "top1_agreement"),
    "labelled": ("labels", "good"),
}
"""Column → where `eval.json` has it."""
MEASURED = "on scenes that had no part in finding it: "


def table(saes: Saes, result: SteerResult) -> list[dict[str, Any]]:
    """One row for each SAE of this model that ships, and the one on show: `eval.json` in short."""
    loaded = result.loaded
    known = shipped_for(loaded.config.model)
    rows = [_row(name, title_of(c), c, beside(files.find(name) / EVAL)) for name, c in known]
    if loaded.id not in {name for name, _ in known}:
        rows.append(_row(loaded.id, loaded.title, loaded.config, loaded.evaluation))
    return rows


def _row(name: str, title: str, config: Any, measured: Mapping[str, Any] | None) -> dict[str, Any]:
    row = {"id": name, "title": title, "hook": config.writes, "latents": config.d_sae, "k": config.k or None}
    row["kind"] = "transcoder" if config.is_transcoder else "autoencoder"
    row |= {column: _found(measured, path) for column, path in COLUMNS.items()}
    return {**row, "measured_on": (measured or {}).get("measured_on")}


def _found(measured: Any, path: tuple[str, ...]) -> float | None:
    for part in path:
        measured = measured.get(part) if isinstance(measured, Mapping) else None
    is_number = isinstance(measured, (int, float)) and not isinstance(measured, bool)
    return plain(float(measured)) if is_number else None


def guide_value(result: SteerResult) -> dict[str, Any] | None:
    """What to try first with this SAE, as the canvas reads it."""
    guide = result.loaded.guide
    if guide is None:
        return None
    rack, said = rack_value(guide.rack, "final"), guide.measured_said
    return {
        "title": guide.title,
        "steps": list(guide.steps),
        "expect": list(guide.expect),
        "not": list(guide.unlike),
        "measured": MEASURED + said[:1].lower() + said[1:].rstrip("."),
        "picture": guide.picture.title,
        **{name: rack[name] for name in ("chips", "where", "tokens", "keep_error")},
    }


def emoji_of(names: Sequence[str]) -> list[str]:
    """The emoji of classes that labels are taken from."""
    if tuple(names) == NAMES:
        return list(EMOJI)
    return list(labels.vocabulary(tuple(names), id="labels").emoji) if names else []


def digits(values: Tensor | Sequence[float], n: int = 4) -> list[float | None]:
    """Numbers for JSON, to so many significant digits."""
    numbers = values.tolist() if isinstance(values, Tensor) else values
    return [plain(float(f"{value:.{n}g}")) for value in numbers]
