"""What the page does, as plain functions: picture + model + view → numbers for the browser. No Gradio here."""

from __future__ import annotations

import itertools
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from apps.common import catalog, checkpoints, payload, pictures, routes
from apps.common.answers import top_answers
from apps.common.blobs import Result
from apps.common.desk import Desk, Session
from apps.common.pictures import Picture
from apps.common.share import Link, link_query
from apps.dogit_lens.analysis import LensResult, analyse
from apps.dogit_lens.link import view_to_fields
from apps.dogit_lens.view import View

_nonce = itertools.count(1)


class LensDesk(Desk[LensResult]):
    """The lens over shared models and a shared shelf."""

    def run(self, picture: Picture, model_id: str, classes: str = "", variant: str = "") -> LensResult:
        offer = catalog.offer_for(model_id)
        names = catalog.parse_classes(classes) if offer.zero_shot else None
        return analyse(self.models.get(offer.id, names), picture, offer.id, names)

    def packed(self, result: LensResult) -> Result:
        files = {
            "lens": payload.pack_lens(torch.from_numpy(result.logits), _k(result)),
            "image": payload.pack_png(result.pixels),
        }
        if result.mask is not None:
            files["mask"] = np.ascontiguousarray(result.mask, dtype=np.uint8).tobytes()
        n_bytes = sum(map(len, files.values())) + result.logits.nbytes
        # Without the picture as it came, which can be thirty times as large as what the model saw of it.
        about = replace(result, picture=replace(result.picture, image=None))
        return Result(files, partial(_class_file, result.logits), n_bytes, about)


def _k(result: LensResult) -> int:
    """How many classes of a token the browser is told; a toy model may have fewer than others are shown."""
    return min(payload.TOP_K, result.extent.n_classes)


def _class_file(logits: Float[np.ndarray, "layer token class"], name: str) -> bytes:
    """One class everywhere, as the file "class/INDEX"."""
    what, _, number = name.partition("/")
    if what != "class" or not number.isascii() or not number.isdigit():
        raise ValueError(f"the lens has no file {name[:80]!r}")
    return payload.pack_class(logits, int(number))


def lens_value(result: LensResult, key: str, view: View) -> dict[str, Any]:
    """The small JSON that the lens canvas reads; the numbers themselves are behind its addresses."""
    base = f"{routes.PREFIX}/{key}"
    return {
        "key": key,
        "nonce": next(_nonce),
        "meta": _meta(result),
        "urls": {
            "lens": f"{base}/lens",
            "image": f"{base}/image",
            "mask": f"{base}/mask" if result.mask is not None else None,
            "class": f"{base}/class/",
            "vocabulary": routes.vocabulary_url(result.vocabulary),
            "font": routes.font_url(),
        },
        "scores": result.scores,
        "view": view.as_dict(),
    }


def _meta(result: LensResult) -> dict[str, Any]:
    objects = [{"class": index} for index in result.picture.objects] if result.mask is not None else None
    return {
        "model": catalog.title_of(result.model_id),
        "revision": result.revision,
        "grid": list(result.grid),
        "n_prefix": result.n_prefix,
        "prefix_names": list(result.prefix_names),
        "labels": list(result.labels),
        "k": _k(result),
        "n_classes": result.extent.n_classes,
        "image": list(result.pixels.shape[:2]),
        "head_note": result.head_note,
        "objects": objects,
    }


def link_of(session: Session, view: View, result: LensResult) -> str:
    """The query string that restores this view."""
    link = Link(
        model=session.model_id,
        revision=result.revision,
        classes=", ".join(result.classes) if result.classes else None,
        kind=session.kind,
        source=session.source,
        view=view_to_fields(view, result.extent),
    )
    return link_query(link)


def endpoint(desk: LensDesk, image: str, model: str, layer: str, classes: str = "") -> dict[str, Any]:
    """The lens of one picture as JSON, for programs: top-5 of every token at one layer.

    Args:
        image: path of a picture.
        model: a model of the page's list, or a kept step of its training, "model@step-000064"; locally, any Hub id or
            path.
        layer: name of a point along the residual stream ("0_pre" … "final") or its index.
        classes: for a zero-shot model, the names to choose from, separated by commas; the page's list when empty.

    Returns:
        `model`, `revision` (a commit, a step, or None), `layer`, `layers` (all names), `grid` ([rows, columns]),
        `answer` (the model's own five best), `prefix` (token name → five best), `patches` (five best of each, row by
        row) and `scores` (None for a picture without a mask). One of the best is {`class`: index, `name`, `emoji`,
        `logit`, `probability`: 0 to 1}.

    Raises:
        ValueError: one sentence.
    """
    result = desk.run(pictures.uploaded(image), model, classes or ", ".join(catalog.ZERO_SHOT_CLASSES))
    at = _layer_index(layer, result.labels)
    tokens = [
        [answer.plain() for answer in top_answers(row, result.vocabulary)]
        for row in torch.from_numpy(result.logits[at])
    ]
    return {
        "model": checkpoints.base_of(result.model_id),
        "revision": result.revision,
        "layer": result.labels[at],
        "layers": list(result.labels),
        "grid": list(result.grid),
        "answer": [answer.plain() for answer in result.top5],
        "prefix": dict(zip(result.prefix_names, tokens, strict=False)),
        "patches": tokens[result.n_prefix :],
        "scores": result.scores,
    }


def _layer_index(layer: str, labels: tuple[str, ...]) -> int:
    if not isinstance(layer, str):
        raise ValueError("name a layer as a text, such as final or 3_mid")
    if layer in labels:
        return labels.index(layer)
    if layer.isascii() and layer.isdigit() and int(layer) < len(labels):
        return int(layer)
    raise ValueError(f"there is no layer {layer[:40]!r}; layers are {', '.join(labels)}, or 0 to {len(labels) - 1}")
