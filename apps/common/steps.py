"""What the training-step scrubber shows of a model: the steps it can stop at, how it did, and what was found in it."""

from __future__ import annotations

import itertools
import logging
from functools import lru_cache
from pathlib import Path
from typing import Any

from apps.common import catalog, checkpoints, routes
from prisma_engine.curves import FILE as CURVES
from prisma_engine.curves import read_curves
from prisma_engine.history import FILE as HISTORY
from prisma_engine.history import FOLDER

MAX_STEP = 10**9
_nonce = itertools.count(1)
log = logging.getLogger(__name__)


def steps_value(model_id: str, refused: bool = False) -> dict[str, Any]:
    """The value of the scrubber beside the model on show; hidden, without `url`, where the model kept no steps.

    Args:
        refused: whether the step that was asked for could not be shown.
    """
    base, step = checkpoints.parted(model_id)
    table = _table_of(base)
    url = None if table is None else routes.table_url(table)
    return {"nonce": next(_nonce), "model": base, "url": url, "step": step, "refused": refused}


def _table_of(base: str) -> dict[str, Any] | None:
    folder = checkpoints.folder_of(base)
    if folder is None or not (folder / FOLDER).is_dir():
        return None
    files = (folder / name for name in (FOLDER, HISTORY, CURVES))
    return _table(base, folder, tuple(path.stat().st_mtime for path in files if path.exists()))


@lru_cache(maxsize=16)
def _table(base: str, folder: Path, changed: tuple[float, ...]) -> dict[str, Any] | None:
    """`changed` tells one state of the folder's files from another."""
    try:
        kept = checkpoints.history_of(base)
    except ValueError as error:
        log.warning("the scrubber is left out: %s", error)
        return None
    stops = checkpoints.stops(kept)
    if len(stops) < 2:
        return None
    return {
        "title": catalog.title_of(base),
        "stops": list(stops),
        "rows": [[r.step, r.loss, r.accuracy, r.held_out_loss, r.held_out_accuracy] for r in kept.rows],
        "curves": _curves(folder),
    }


def _curves(folder: Path) -> dict[str, Any] | None:
    try:
        found = read_curves(folder)
    except ValueError as error:
        log.warning("findings over training are left out: %s", error)
        return None
    return None if found is None else found.to_dict()
