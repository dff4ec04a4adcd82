"""What the page does, as plain functions: picture + model + view → numbers for the browser. No Gradio here."""

from __future__ import annotations

import itertools
from dataclasses import asdict, replace
from typing import Any

from apps.attention_tour import compare
from apps.attention_tour.analysis import TourResult, analyse
from apps.attention_tour.compare import Against
from apps.attention_tour.first import first_view
from apps.attention_tour.link import view_to_fields
from apps.attention_tour.view import TourView
from apps.attention_tour.whatif import read_variant
from apps.common import catalog, routes
from apps.common.blobs import Result
from apps.common.desk import Desk, Session
from apps.common.pictures import Picture
from apps.common.share import Link, link_query
from prisma_engine.vit import HookedViT

WHY = {"picture": "other picture", "model": "other model", "causal": "causal"}
_nonce = itertools.count(1)


class TourDesk(Desk[TourResult]):
    """Attention maps over shared models and a shared shelf."""

    def run(self, picture: Picture, model_id: str, classes: str = "", variant: str = "") -> TourResult:
        what_if, offer = read_variant(variant), catalog.offer_for(model_id)
        names = catalog.parse_classes(classes) if offer.zero_shot else None
        return analyse(self.models.get(offer.id, names), picture, offer.id, names, what_if)

    def model(self, session: Session) -> HookedViT:
        """The model that a session shows."""
        names = catalog.parse_classes(session.classes) if session.classes else None
        return self.models.get(session.model_id, names)

    def packed(self, result: TourResult) -> Result:
        # Without the picture as it came, which can be thirty times as large as what the model saw of it.
        about = replace(result, picture=replace(result.picture, image=None))
        return Result({}, about.files.read, about.files.n_bytes, about)


def tour_value(
    desk: TourDesk, session: Session, against: Against | None, view: TourView | None, types_url: str | None = None
) -> dict[str, Any]:
    """The small JSON that the attention canvas reads; the numbers themselves are behind its addresses.

    Without a `view` the canvas keeps the one that the visitor has, which may be newer than any that was told here.
    """
    first = run_value(desk.result(session), session.key)
    second = None
    if against is not None:
        second = run_value(desk.result(against.session), against.session.key, WHY[against.what])
    return {
        "nonce": next(_nonce),
        "runs": [first, second],
        "urls": {"font": routes.font_url(), "types": types_url},
        "view": view.as_dict() if view else None,
    }


def run_value(result: TourResult, key: str, why: str | None = None) -> dict[str, Any]:
    """One run as the canvas reads it; `why` says how it differs from the run beside it."""
    lens = None
    if result.lens is not None and result.vocabulary is not None:
        lens = {"labels": list(result.lens.labels), "vocabulary": routes.vocabulary_url(result.vocabulary)}
    return {
        "key": key,
        "base": f"{routes.PREFIX}/{key}/",
        "files": None,
        "title": result.title,
        "picture": result.picture.title,
        "revision": result.revision,
        **result.files.describe(),
        "answer": [asdict(answer) for answer in result.top5] or None,
        "lens": lens,
        "note": result.note,
        "why": why,
    }


def link_of(desk: TourDesk, session: Session, against: Against | None, view: TourView) -> str:
    """The query string that restores this view and its comparison."""
    result = desk.result(session)
    beside = desk.result(against.session) if against else None
    link = Link(
        model=session.model_id,
        revision=result.revision,
        classes=", ".join(result.classes) if result.classes else None,
        kind=session.kind,
        source=session.source,
        view=(*view_to_fields(view, first_view(result)), *compare.to_fields(against, beside)),
    )
    return link_query(link)
