"""Head types as the page shows them: shipped with an embedded model, or measured here."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from apps.attention_tour import evidence
from apps.attention_tour.evidence import Kept, Measured
from apps.common import routes
from apps.common.blobs import Shelf
from apps.common.desk import Session
from apps.common.pictures import Picture
from prisma_engine.analysis.heads.evidence import Evidence
from prisma_engine.load import embedded_models, models_folder
from prisma_engine.name_heads import FILE


@lru_cache(maxsize=8)
def shipped(model_id: str) -> Evidence | None:
    """What was found about the heads of an embedded model, as it ships with it; None for any other."""
    path = models_folder() / model_id / FILE
    return Evidence.load(path) if model_id in embedded_models() and path.is_file() else None


def shipped_types(model_id: str) -> dict[str, Any] | None:
    """The same as plain values."""
    found = shipped(model_id)
    return None if found is None else found.to_dict()


def types_url(session: Session, measured: Measured | None) -> str | None:
    """The address of the head types of the model on show: those measured here, or else those shipped."""
    if measured is not None and measured.model_id == session.model_id:
        return f"{routes.PREFIX}/{measured.key}/types"
    table = _shipped_table(session.model_id)
    return None if table is None else routes.table_url(table)


def example_picture(shelf: Shelf, reference: str, measured: Measured | None) -> tuple[Picture, str | None]:
    """The picture of an example of a head type, and the path of a copy of it where it is not one of our scenes.

    Raises:
        ValueError: one sentence, if nothing of that name was measured here.
    """
    return evidence.example(reference, _kept(shelf, measured))


def types_json(shelf: Shelf, session: Session, measured: Measured | None) -> bytes:
    """The evidence on show, as `prisma_engine.name_heads` writes it.

    Raises:
        ValueError: one sentence, if the heads of this model were not measured.
    """
    kept = _kept(shelf, measured) if measured and measured.model_id == session.model_id else None
    found = kept.evidence if kept else shipped(session.model_id)
    if found is None:
        raise ValueError("nobody has measured the heads of this model yet; press Measure first")
    return routes.packed_json(found.to_dict())


def _kept(shelf: Shelf, measured: Measured | None) -> Kept | None:
    result = shelf.get(measured.key) if measured else None
    return result.about if result else None


@lru_cache(maxsize=8)
def _shipped_table(model_id: str) -> dict[str, Any] | None:
    found = shipped(model_id)
    return None if found is None else evidence.types_table(found, evidence.scene_url)
