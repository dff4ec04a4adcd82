"""Labels of an SAE's latents that somebody else found: from a file, or from Neuronpedia by the name of the SAE."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

INDEX = ("latent", "index", "feature")
"""What the number of a latent is called, in files of others."""
TEXT = ("label", "description", "explanation")
MAX_BYTES = 50_000_000
MAX_LENGTH = 500
"""Characters that are kept of one label."""
NEURONPEDIA = "https://www.neuronpedia.org/api/explanation/export"
NAME = re.compile(r"[A-Za-z0-9._-]{1,80}")


class LabelsRefused(ValueError):
    """Labels that cannot be read; the message is one sentence."""


def labels_of(name: str, n_latents: int) -> dict[int, str]:
    """Labels from a file on this disk, else those that Neuronpedia has under "model/sae".

    Raises:
        LabelsRefused: if there are none under that name, or they cannot be read.
    """
    if _is_file(name):
        return read_labels(Path(name.strip()).expanduser(), n_latents)
    model, slash, sae = name.strip().partition("/")
    if not slash:
        raise LabelsRefused(
            f"{name.strip()!r:.80} is neither a .json or .csv file here nor a name as Neuronpedia has them, such as "
            "gemma-2b/6-res-jb"
        )
    return fetch_labels(model, sae, n_latents)


def source_of(name: str) -> str:
    """Where `labels_of` finds labels, for people; of a path its last part alone."""
    return Path(name.strip()).name if _is_file(name) else f"Neuronpedia, {name.strip()}"


def _is_file(name: str) -> bool:
    path = Path(name.strip()).expanduser()
    return path.suffix.lower() in (".json", ".csv") or path.exists()


def read_labels(path: Path, n_latents: int) -> dict[int, str]:
    """Labels by latent; the first of a latent that has several.

    Args:
        path: JSON, {latent: label} or a list of objects, or CSV with a header line; an object or a line has a number
            named `latent`, `index` or `feature`, and a text named `label`, `description` or `explanation`.
        n_latents: how many latents the SAE has.

    Raises:
        LabelsRefused: for a file that says something else, or a latent that there is none of.
    """
    if path.suffix.lower() not in (".json", ".csv"):
        raise LabelsRefused(f"labels are read from .json and .csv files, and this is {path.name!r:.80}")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise LabelsRefused(f"{path.name} is larger than {MAX_BYTES / 1e6:.0f} MB, which no list of labels is")
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise LabelsRefused(f"{path.name} is not a readable text file") from None
    return parsed(text, path.suffix.lower() == ".csv", n_latents, path.name)


def fetch_labels(model: str, sae: str, n_latents: int) -> dict[int, str]:
    """Labels that Neuronpedia has of an SAE, such as `fetch_labels("gemma-2b", "6-res-jb", 16384)`.

    Raises:
        LabelsRefused: if it does not answer, or with something else than labels.
    """
    import httpx2

    for name in (model, sae):
        if not NAME.fullmatch(name):
            raise LabelsRefused(f"{name!r:.80} is not a name as Neuronpedia has them")
    try:
        answer = httpx2.get(NEURONPEDIA, params={"modelId": model, "saeId": sae}, timeout=60, follow_redirects=True)
        answer.raise_for_status()
    except httpx2.HTTPError:
        raise LabelsRefused(f"Neuronpedia gives no labels for {model}/{sae} now; supply them as a file") from None
    return parsed(answer.text, False, n_latents, f"Neuronpedia's answer for {model}/{sae}")


def parsed(text: str, is_csv: bool, n_latents: int, where: str) -> dict[int, str]:
    """Labels out of the text of a file; see `read_labels`."""
    found: dict[int, str] = {}
    for number, label in _pairs(text, is_csv, where):
        latent = _latent(number, n_latents, where)
        if not isinstance(label, str) or not label.strip():
            raise LabelsRefused(f"{where} has no text for latent {latent}")
        found.setdefault(latent, " ".join(label.split())[:MAX_LENGTH])
    if not found:
        raise LabelsRefused(f"{where} has no labels")
    return found


def _pairs(text: str, is_csv: bool, where: str) -> Iterable[tuple[Any, Any]]:
    if is_csv:
        try:
            rows: Any = list(csv.DictReader(io.StringIO(text, newline=""), strict=True))
        except csv.Error as error:
            raise LabelsRefused(f"{where} is not CSV: {error}") from None
        return [_pair(row, where) for row in rows]
    try:
        values = json.loads(text)
    except (ValueError, RecursionError):
        raise LabelsRefused(f"{where} is not JSON") from None
    if isinstance(values, dict):
        return values.items()
    if not isinstance(values, list) or not all(isinstance(each, dict) for each in values):
        raise LabelsRefused(f"{where} is neither an object of labels nor a list of objects")
    return [_pair(each, where) for each in values]


def _pair(row: Mapping[str, Any], where: str) -> tuple[Any, Any]:
    found = [next((row[name] for name in names if row.get(name) is not None), None) for names in (INDEX, TEXT)]
    if None in found:
        raise LabelsRefused(f"{where} has an entry without {' / '.join(INDEX)} or without {' / '.join(TEXT)}")
    return found[0], found[1]


def _latent(number: Any, n_latents: int, where: str) -> int:
    digits = str(number) if isinstance(number, str | int) and not isinstance(number, bool) else ""
    if not re.fullmatch(r"\d{1,9}", digits) or int(digits) >= n_latents:
        raise LabelsRefused(
            f"{where} speaks of latent {str(number)[:40]!r}, and this SAE has latents 0 to {n_latents - 1}"
        )
    return int(digits)
