"""A result and a view → pictures to keep: one layer for print, all layers side by side, the layers as a GIF."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from PIL import Image

from apps.common import catalog, figures
from apps.common.figures import Heldout, Scale, viridis
from apps.common.overlay import Frame, animated_gif, draw_frame, film_strip
from apps.common.paper import picture_png as pillow_png
from apps.dogit_lens.analysis import LensResult
from apps.dogit_lens.view import View, first_view

PatchValues = Float[np.ndarray, "layer patch"]


def frame(result: LensResult, layer: int, view: View) -> Frame:
    """One layer as the view shows it: the top class of every sure patch, or the searched class as a map."""
    return _frame(result, layer, view, _shades(result, view))


def frames(result: LensResult, view: View) -> list[Frame]:
    """Every layer as the view shows it."""
    shades = _shades(result, view)
    return [_frame(result, layer, view, shades) for layer in range(len(result.labels))]


def _frame(result: LensResult, layer: int, view: View, shades: list[tuple[str, ...]] | None) -> Frame:
    if _is_map(view) and shades is not None:
        blank = ("",) * (result.grid[0] * result.grid[1])
        return Frame(result.labels[layer], blank, shades[layer])
    logits = result.logits[layer, result.n_prefix :]
    top, words = logits.argmax(-1), result.vocabulary
    sure = np.exp(logits.max(-1) - logsumexp(logits)) >= view.least
    tints = tuple(words.colors[i] for i in top) if shades is None else shades[layer]
    emoji = tuple(words.emoji[i] if shown else "" for i, shown in zip(top, sure, strict=True))
    return Frame(result.labels[layer], emoji, tuple(t if shown else "" for t, shown in zip(tints, sure, strict=True)))


def tint_opacity(view: View) -> float:
    """How strongly the tints cover the picture, as on screen: class colours lightly, a scale of values fully."""
    return view.opacity * (0.45 if view.color == "class" and not _is_map(view) else 0.9)


def picture_png(result: LensResult, view: View) -> bytes:
    """The current layer for print: the pixels the model saw beside the lens, a legend, and the scores if known."""
    top = result.logits[view.layer, result.n_prefix :].argmax(-1)
    page = figures.lens_figure(
        result.pixels,
        result.grid,
        frame(result, view.layer, view),
        [result.vocabulary.names[i] for i in top],
        f"{figures.shorten(catalog.title_of(result.model_id), 60)} · {result.picture.title}",
        tint_opacity(view),
        _scale(result, view),
    )
    return page if result.scores is None else figures.stack([page, _scores(result)])


def layers_gif(result: LensResult, view: View) -> bytes:
    """Every layer in turn."""
    return animated_gif(result.pixels, result.grid, frames(result, view), opacity=tint_opacity(view))


def strip_png(result: LensResult, view: View, columns: int = 6, width: int = 320) -> bytes:
    """Every layer side by side; `width` is one picture's, in pixels."""
    sheet = film_strip(result.pixels, result.grid, frames(result, view), columns, width, tint_opacity(view))
    return pillow_png(sheet)


def card_png(result: LensResult, n_layers: int = 4, cell: int = 26) -> bytes:
    """A few layers in a row, early to last, to stand for the page elsewhere."""
    view = first_view(result.extent)
    chosen = np.linspace(0, len(result.labels) - 1, n_layers).round().astype(int)
    shown = [frame(result, int(layer), view) for layer in chosen]
    drawn = [draw_frame(result.pixels, result.grid, one, cell, tint_opacity(view)) for one in shown]
    gap, (width, height) = cell // 3, drawn[0].size
    row = Image.new("RGBA", (n_layers * width + (n_layers - 1) * gap, height), (0, 0, 0, 0))
    for index, picture in enumerate(drawn):
        row.paste(picture, (index * (width + gap), 0))
    return pillow_png(row)


def logsumexp(logits: Float[np.ndarray, "*any class"]) -> Float[np.ndarray, "*any"]:
    """log Σ exp over classes, so that probability = exp(logit - it)."""
    best = logits.max(-1, keepdims=True)
    return np.log(np.exp(logits - best).sum(-1)) + best[..., 0]


def _is_map(view: View) -> bool:
    return view.overlay == "search" and view.search is not None


def _values(result: LensResult, view: View) -> PatchValues:
    """What a scale colours: probability, logit or shade of the rank of the searched class or of the top class.

    Shades of ranks fall with the logarithm, from 1 for the first class to 0 for the last, as on screen.
    """
    logits = result.logits[:, result.n_prefix :]
    chosen = logits[..., view.search] if _is_map(view) else logits.max(-1)
    if _measure(view) == "rank":
        rank = (logits > chosen[..., None]).sum(-1)
        return 1 - np.log(rank + 1) / np.log(logits.shape[-1])
    return chosen if _measure(view) == "logit" else np.exp(chosen - logsumexp(logits))


def _measure(view: View) -> str:
    return view.measure if _is_map(view) else view.color


def _shades(result: LensResult, view: View) -> list[tuple[str, ...]] | None:
    """The colour of every patch at every layer on the view's scale; None where classes give the colours."""
    if _measure(view) == "class":
        return None
    values, ends = _values(result, view), _range(result, view)
    return [viridis(at_layer, *ends) for at_layer in values]


def _range(result: LensResult, view: View) -> tuple[float, float]:
    """As on screen: probabilities and ranks from 0 to 1, logits from their 1st to 99th percentile over all layers."""
    if _measure(view) != "logit":
        return 0.0, 1.0
    low, high = np.percentile(_values(result, view), (1, 99))
    return float(low), float(high)


def _scale(result: LensResult, view: View) -> Scale | None:
    measure = _measure(view)
    if measure == "class":
        return None
    searched = _is_map(view) and view.search is not None
    what = f"{measure} of {result.vocabulary.names[view.search] if searched else 'the top class'}"  # type: ignore[index]
    if measure == "logit":
        return Scale(what, *(f"{end:.1f}" for end in _range(result, view)))
    if measure == "rank":
        return Scale(what, f"{result.logits.shape[-1]} (last)", "1 (first)")
    return Scale(what, "0 %", "100 %")


def _scores(result: LensResult) -> bytes:
    scores = result.scores or {}
    held = scores["heldout"]
    heldout = held and Heldout(tuple(held["iou"]), tuple(held["low"]), tuple(held["high"]), held["n_scenes"])
    return figures.score_curve(result.labels, scores["iou"], scores["baseline_iou"], heldout)
