"""What the page does, as plain functions: two pictures + model → numbers for the browser. No Gradio here."""

from __future__ import annotations

import itertools
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from apps.cat_dog_patching.analysis import SIDES, PairResult, Run, analyse
from apps.cat_dog_patching.bench import Bench
from apps.cat_dog_patching.first import is_opening, named
from apps.cat_dog_patching.places import chips_to_text, site_values
from apps.cat_dog_patching.plan import Other, plan_to_fields, read_plan
from apps.cat_dog_patching.sweeping import plain_row
from apps.cat_dog_patching.view import PatchView, first_view, view_to_fields
from apps.common import catalog, pictures, routes
from apps.common.blobs import Result
from apps.common.desk import Desk, Session
from apps.common.payload import pack_png
from apps.common.pictures import Picture
from apps.common.share import Link, link_query
from prisma_engine.vit import HookedViT

METRIC = "logit of {} − logit of {}"
_nonce = itertools.count(1)


class PairDesk(Desk[PairResult]):
    """Pairs of pictures over shared models and a shared shelf; the plan of a pair is its session's variant."""

    def run(self, picture: Picture, model_id: str, classes: str = "", variant: str = "") -> PairResult:
        plan, offer = read_plan(variant), catalog.offer_for(model_id)
        names = catalog.parse_classes(classes) if offer.zero_shot else None
        other = opened(plan.other) if plan.other else None
        return analyse(self.models.get(offer.id, names), picture, plan, offer.id, names, other)

    def model(self, session: Session) -> HookedViT:
        """The model that a session shows."""
        names = catalog.parse_classes(session.classes) if session.classes else None
        return self.models.get(session.model_id, names)

    def packed(self, result: PairResult) -> Result:
        files = {f"image/{side}": pack_png(getattr(result, side).pixels) for side in SIDES}
        return Result(files, None, sum(map(len, files.values())) + result.n_bytes, result)

    def picture(self, session: Session) -> Picture:
        return named(super().picture(session))

    def is_shared(self, picture: Picture) -> bool:
        return is_opening(picture) or super().is_shared(picture)


def opened(other: Other) -> Picture:
    """A second picture again.

    Raises:
        ValueError: one sentence, where it was an upload that is no longer kept.
    """
    if other.kind == "upload":
        return pictures.uploaded(other.upload or "", "Your other picture")
    return pictures.required(Link(kind=other.kind, source=other.source))


def patching_value(desk: PairDesk, session: Session, bench: Bench, view: PatchView | None = None) -> dict[str, Any]:
    """All that the patching canvas reads; without a `view` it keeps the visitor's own, which may be newer."""
    result = desk.result(session)
    general = bench.general
    return {
        "nonce": next(_nonce),
        "run": run_value(result, session.key, bench.evolution_token),
        "sweep": bench.sweep.as_dict() if bench.sweep else None,
        "applied": bench.applied.as_dict(result) if bench.applied else None,
        "flip": bench.flip.as_dict(result) if bench.flip else None,
        "general": general.as_dict(result, f"{routes.PREFIX}/{bench.failures_key}/") if general else None,
        "reads": bench.reads,
        "view": view.as_dict() if view else None,
    }


def run_value(result: PairResult, key: str, evolution_token: int = 0) -> dict[str, Any]:
    """Both runs as the canvas reads them, before anything is patched."""
    a, b, control = result.answers
    return {
        "key": key,
        "model": catalog.title_of(result.model_id),
        "revision": result.revision,
        "grid": list(result.grid),
        "n_prefix": len(result.prefix_names),
        "prefix_names": list(result.prefix_names),
        "n_layers": result.n_layers,
        "n_heads": result.n_heads,
        "image": list(result.clean.pixels.shape[:2]),
        "same": result.is_same,
        **{side: _side(getattr(result, side), f"{routes.PREFIX}/{key}/image/{side}") for side in SIDES},
        "a": result.named(a),
        "b": result.named(b),
        "control": result.named(control),
        "metric": {
            **{side: getattr(result, side).metric for side in SIDES},
            "name": METRIC.format(result.name(a), result.name(b)),
        },
        "evolution": evolution_value(result, evolution_token),
        "dla": {side: _dla(getattr(result, side)) for side in SIDES},
        "sites": site_values(result.sites),
        "vocabulary": routes.vocabulary_url(result.vocabulary),
        "font": routes.font_url(),
    }


def evolution_value(result: PairResult, token: int) -> dict[str, Any]:
    """The three chosen classes at one token, point by point, in both runs."""
    token = min(max(token, 0), result.n_tokens - 1)
    value: dict[str, Any] = {"token": token, "labels": list(result.clean.evolution.labels)}
    for side in SIDES:
        evolution = getattr(result, side).evolution
        logit, rank = evolution.logit[:, token], evolution.rank[:, token]
        value[side] = {"logit": [plain_row(row) for row in logit], "rank": rank.astype(int).tolist()}
    return value


def mask_value(result: PairResult, key: str) -> dict[str, Any]:
    """What the mask painter shows: the first picture as the model sees it, and what is hidden of it."""
    hidden = result.plan.hidden
    return {
        "nonce": next(_nonce),
        "image": f"{routes.PREFIX}/{key}/image/{result.first_side}",
        "size": list(result.clean.pixels.shape[:2]),
        "grid": list(result.grid),
        "shapes": [shape.as_dict for shape in hidden.shapes] if hidden else [],
        "fill": hidden.fill if hidden else "black",
    }


def link_of(desk: PairDesk, session: Session, bench: Bench, view: PatchView) -> str:
    """The query string that restores this pair, the patches that are applied, and the view."""
    result = desk.result(session)
    chips = (("patch", chips_to_text(bench.chips)),) if bench.chips else ()
    link = Link(
        model=session.model_id,
        revision=result.revision,
        classes=", ".join(result.classes) if result.classes else None,
        kind=session.kind,
        source=session.source,
        view=(*plan_to_fields(result.plan), *chips, *view_to_fields(view, first_view(result.extent))),
    )
    return link_query(link)


def _side(run: Run, url: str) -> dict[str, Any]:
    return {"title": run.title, "image": url, "top": [asdict(answer) for answer in run.top]}


def _dla(run: Run) -> dict[str, Any]:
    dla = run.dla
    parts = zip(dla.labels, dla.sublayers, plain_row(dla.contribution[:, 0]), strict=True)
    return {
        "components": [{"label": label, "sublayer": part, "value": value} for label, part, value in parts],
        "heads": [plain_row(row) for row in dla.by_head()[..., 0]],
        "total": float(dla.total[0]),
        "metric": float(dla.metric[0]),
        "error": float(np.float32(dla.residual_error[0])),
    }


def with_plan(session: Session, **changes: Any) -> str:
    """The variant of a session with another plan."""
    return replace(read_plan(session.variant), **changes).text
