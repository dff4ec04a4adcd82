"""What the page does, as plain functions: picture + model + view → numbers for the browser. No Gradio here."""

from __future__ import annotations

import itertools
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch

from apps.common import catalog, payload, routes
from apps.common.blobs import SHELF, Result, Shelf
from apps.common.runtime import MODELS, Models
from apps.common.share import Link, SourceKind, link_query, view_to_fields
from apps.common.view import View
from apps.dogit_lens import pictures
from apps.dogit_lens.analysis import LensResult, Picture, analyse, top_answers

_nonce = itertools.count(1)


@dataclass(frozen=True)
class Session:
    """What one visitor is looking at; the result itself is on the shelf, under `key`."""

    key: str
    model_id: str
    classes: str  # as typed, for a zero-shot model
    kind: SourceKind
    source: str
    upload: str | None = None  # path of the upload in Gradio's own temporary folder


class Desk:
    """The page's working parts, so that tests can bring their own models and shelf."""

    def __init__(self, models: Models = MODELS, shelf: Shelf = SHELF) -> None:
        self.models, self.shelf = models, shelf
        self._examples: dict[tuple[str, str, str], str] = {}

    def run(self, picture: Picture, model_id: str, classes: str = "") -> LensResult:
        """The lens of `picture` through a model of the catalog.

        Raises:
            ValueError: one sentence for the visitor.
        """
        offer = catalog.offer_for(model_id)
        names = catalog.parse_classes(classes) if offer.zero_shot else None
        return analyse(self.models.get(offer.id, names), picture, offer.id, names)

    def show(self, picture: Picture, model_id: str, classes: str = "", upload: str | None = None) -> Session:
        """Run the lens and put the result on the shelf; shipped examples are computed once for everybody."""
        offer = catalog.offer_for(model_id)
        classes = classes if offer.zero_shot else ""
        memory = (picture.source, offer.id, classes)
        key = self._examples.get(memory) if picture.kind == "example" else None
        if key is None or self.shelf.get(key) is None:
            key = self.put(self.run(picture, offer.id, classes))
            if picture.kind == "example":
                self._remember(memory, key)
        return Session(key, offer.id, classes, picture.kind, picture.source, upload)

    def _remember(self, memory: tuple[str, str, str], key: str) -> None:
        self._examples[memory] = key
        while len(self._examples) > 128:
            self._examples.pop(next(iter(self._examples)), None)

    def put(self, result: LensResult, key: str | None = None) -> str:
        """Keep all that the browser may ask about `result`, and return its key (a new one, if None)."""
        mask = None if result.mask is None else np.ascontiguousarray(result.mask, dtype=np.uint8).tobytes()
        packed = payload.pack_lens(torch.from_numpy(result.logits))
        # Without the picture as it came, which can be thirty times as large as what the model saw of it.
        about = replace(result, picture=replace(result.picture, image=None))
        return self.shelf.put(Result(packed, payload.pack_png(result.pixels), result.logits, mask, about=about), key)

    def result(self, session: Session) -> LensResult:
        """The visitor's result, computed again where it has left the shelf.

        Raises:
            ValueError: one sentence, where the picture was an upload and is gone too.
        """
        kept = self.shelf.get(session.key)
        if kept is not None:
            return kept.about
        result = self.run(self.picture(session), session.model_id, session.classes)
        self.put(result, session.key)
        return result

    def picture(self, session: Session) -> Picture:
        """The visitor's picture again.

        Raises:
            ValueError: one sentence, where it was an upload that is no longer kept.
        """
        if session.kind == "example":
            return pictures.example(session.source)
        if session.kind == "scene":
            return pictures.scene_in_link(session.source)
        return pictures.uploaded(session.upload or "")


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
        "k": payload.TOP_K,
        "n_classes": result.extent.n_classes,
        "image": list(result.pixels.shape[:2]),
        "head_note": result.head_note,
        "objects": objects,
    }


def answer_value(result: LensResult) -> dict[str, Any]:
    """The model's own answer for the whole picture, for the answer list."""
    return {"nonce": next(_nonce), "rows": [asdict(answer) for answer in result.top5]}


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


def check_revision(link: Link, result: LensResult) -> list[str]:
    """One sentence where the link was made with other weights than the ones in memory."""
    if link.revision and link.model == result.model_id and result.revision and link.revision != result.revision:
        return [f"the link was made with revision {link.revision[:12]} of this model; this is {result.revision[:12]}"]
    return []


def endpoint(desk: Desk, image: str, model: str, layer: str, classes: str = "") -> dict[str, Any]:
    """The lens of one picture as JSON, for programs: top-5 of every token at one layer.

    Args:
        image: path of a picture.
        model: a model of the page's list; locally, any Hub id or path.
        layer: name of a point along the residual stream ("0_pre" … "final") or its index.
        classes: for a zero-shot model, the names to choose from, separated by commas; the page's list when empty.

    Returns:
        `model`, `revision` (a commit, or None), `layer`, `layers` (all names), `grid` ([rows, columns]), `answer` (the
        model's own five best), `prefix` (token name → five best), `patches` (five best of each, row by row) and
        `scores` (None for a picture without a mask). One of the best is {`class`: index, `name`, `emoji`, `logit`,
        `probability`: 0 to 1}.

    Raises:
        ValueError: one sentence.
    """
    result = desk.run(pictures.uploaded(image), model, classes or ", ".join(catalog.ZERO_SHOT_CLASSES))
    at = _layer_index(layer, result.labels)
    tokens = [
        [_plain(answer) for answer in top_answers(row, result.vocabulary)]
        for row in torch.from_numpy(result.logits[at])
    ]
    return {
        "model": result.model_id,
        "revision": result.revision,
        "layer": result.labels[at],
        "layers": list(result.labels),
        "grid": list(result.grid),
        "answer": [_plain(answer) for answer in result.top5],
        "prefix": dict(zip(result.prefix_names, tokens, strict=False)),
        "patches": tokens[result.n_prefix :],
        "scores": result.scores,
    }


def _plain(answer: Any) -> dict[str, Any]:
    row = asdict(replace(answer, logit=round(answer.logit, 4), probability=round(answer.probability, 6)))
    return {"class": row.pop("index"), **row}


def _layer_index(layer: str, labels: tuple[str, ...]) -> int:
    if not isinstance(layer, str):
        raise ValueError("name a layer as a text, such as final or 3_mid")
    if layer in labels:
        return labels.index(layer)
    if layer.isascii() and layer.isdigit() and int(layer) < len(labels):
        return int(layer)
    raise ValueError(f"there is no layer {layer[:40]!r}; layers are {', '.join(labels)}, or 0 to {len(labels) - 1}")
