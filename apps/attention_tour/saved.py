"""A run and a view → pictures to keep: the head on show, the same head through the layers, the page's card."""

from __future__ import annotations

import numpy as np

from apps.attention_tour.analysis import TourResult
from apps.attention_tour.drawing import head_figure
from apps.attention_tour.film import card_png, layers_gif
from apps.attention_tour.painting import HeadView
from apps.attention_tour.view import TourView, carry
from apps.common import figures
from apps.common.maps import thumbnails

THUMB = 24  # cells of a matrix on the card's wall


def picture_png(result: TourResult, view: TourView, beside: TourResult | None = None) -> bytes:
    """The head on show for print: what the token reads and who reads it, beside the matrix; of both runs, if two."""
    runs = [result] if beside is None else [result, beside]
    pages = [head_figure(head_view(run, carry(view, run.extent))) for run in runs]
    return figures.stack(pages) if len(pages) > 1 else pages[0]


def animation_gif(result: TourResult, view: TourView, beside: TourResult | None = None) -> bytes:
    """The head on show in every layer, one after the other; of both runs, the second below the first, if two."""
    runs = [result] if beside is None else [result, beside]
    films = []
    for run in runs:
        here, last = carry(view, run.extent), run.maps.n_layers - 1
        films.append([head_view(run, here, min(layer, last)) for layer in range(max(r.maps.n_layers for r in runs))])
    return layers_gif(*films)


def card(result: TourResult, view: TourView) -> bytes:
    """What the page is about, at a glance, to stand for it elsewhere."""
    layers = [result.maps.kind(view.kind, layer).numpy() for layer in range(result.maps.n_layers)]
    return card_png(head_view(result, view), np.stack([thumbnails(maps, THUMB) for maps in layers]))


def head_view(result: TourResult, view: TourView, layer: int | None = None) -> HeadView:
    """The matrix and the token on show, or the same in another layer, as the figures take them."""
    layer = view.layer if layer is None else layer
    named = {"mean": f"mean over heads of layer {layer}", "rollout": f"rollout up to layer {layer}"}
    matrix, hidden = result.matrix(view.kind, layer, view.unit), result.maps.hidden(layer)
    if hidden is not None and view.unit != "rollout":
        matrix = np.where(hidden.numpy(), np.float32(-np.inf), matrix)
    return HeadView(
        title=f"{result.title} · {result.picture.title}",
        unit=named.get(str(view.unit), f"layer {layer}, head {view.unit}"),
        frames=result.frames,
        grid=result.maps.grid,
        prefix=result.maps.prefix_names,
        matrix=matrix,
        token=view.token or 0,
        kind=view.kind,  # type: ignore[arg-type]
        scale=view.scale,  # type: ignore[arg-type]
        norm=view.norm,  # type: ignore[arg-type]
    )
