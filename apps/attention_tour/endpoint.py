"""The page's named endpoints: one token of one head with exact values, and the numbers of every head."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from apps.attention_tour.analysis import TourResult
from apps.attention_tour.handlers import TourDesk
from apps.attention_tour.head_types import shipped
from apps.attention_tour.view import AVERAGES, KINDS, Unit, check_unit
from apps.common import catalog, checkpoints, code, pictures
from prisma_engine.analysis.heads.metrics import METRICS

UNITS = {
    "pattern": "share of the query's attention, 0 to 1",
    "scores": "query · key / √d_head, before the softmax",
    "rank": "percentile by score less percentile by pattern, -100 to 100 points",
    "value": "length of what is moved, in units of the residual stream",
}
DIGITS = 7


def attention(
    desk: TourDesk,
    image: str,
    model: str,
    layer: str,
    head: str,
    token: str,
    kind: str = "pattern",
    causal_from: str = "",
    classes: str = "",
) -> dict[str, Any]:
    """What one token reads and what reads it, in one head, as JSON, for programs.

    Args:
        image: path of a picture.
        model: a model of the page's list, or a kept step of its training, "model@step-000064"; locally, any Hub id or
            path.
        layer: number of a layer, from 0.
        head: number of a head, from 0, or "mean" over heads, or "rollout" up to the layer.
        token: name of a prefix token ("CLS"), or index of a token, prefix tokens first, then patches row by row.
        kind: "pattern", "scores", "rank" or "value"; a rollout is a pattern.
        causal_from: what if attention were causal from this layer on? "3", or "3:all" for prefix tokens too; "" leaves
            the model as it was trained.
        classes: for a zero-shot model, the names to choose from, separated by commas; the page's list when empty.

    Returns:
        `model`, `revision` (a commit, a step, or None), `causal_from` (None: as trained), `layers`, `heads`, `grid`
        ([rows, columns]), `frames` (of tokens; 1 for a still picture), `prefix` (names of tokens before the patches),
        `layer`, `head`, `token` ({`index`, `place`}), `kind`, `unit` (of its numbers, in words), `row` (what the token
        reads: one number for each token; None where a mask hides it), `column` (who reads the token), `metrics`
        (id → number of this head on this picture; None for "mean" and "rollout"), `types` (the types that this head
        was found to be: [{`type`, `title`, `strength`: 0 to 1}]; None where this model was not measured), `answer`
        (the model's five best for the picture, or None without a classifier) and `note` (a remark, or None).

    Raises:
        ValueError: one sentence.
    """
    variant = f"causal:{_text(causal_from, 'causal_from')}" if causal_from else ""
    result = desk.run(pictures.uploaded(image), model, classes or catalog.default_classes(), variant)
    at, unit, index = _layer(layer, result), _unit(head, kind, result), _token(token, result)
    matrix = result.matrix(kind, at, unit)
    return {
        **_head_of(result),
        "layer": at,
        "head": unit,
        "token": {
            "index": index,
            "place": code.place(index, result.maps.prefix_names, result.maps.grid, result.maps.n_frames),
        },
        "kind": kind,
        "unit": UNITS[kind],
        "row": _numbers(matrix[index]),
        "column": _numbers(matrix[:, index]),
        "metrics": {name: _number(values[at, unit]) for name, values in result.metrics.items()}
        if isinstance(unit, int)
        else None,
        "types": _types(result, at, unit),
    }


def heads(desk: TourDesk, image: str, model: str, classes: str = "") -> dict[str, Any]:
    """The numbers of every head on one picture, as JSON, for programs.

    Args:
        image: path of a picture.
        model: a model of the page's list, or a kept step of its training, "model@step-000064"; locally, any Hub id or
            path.
        classes: for a zero-shot model, the names to choose from, separated by commas; the page's list when empty.

    Returns:
        `model`, `revision`, `causal_from`, `layers`, `heads`, `grid`, `frames`, `prefix`, `answer` and `note` as
        `attention` gives them; `metrics` ([{`id`, `title`, `unit`, `formula`, `meaning`}]) and `values` (id → [layer]
        [head], None where a head has no such number).

    Raises:
        ValueError: one sentence.
    """
    result = desk.run(pictures.uploaded(image), model, classes or catalog.default_classes())
    described = {metric.id: metric for metric in METRICS}
    return {
        **_head_of(result),
        "metrics": [
            {name: getattr(described[id], name) for name in ("id", "title", "unit", "formula", "meaning")}
            for id in result.metrics
        ],
        "values": {id: [_numbers(row) for row in values] for id, values in result.metrics.items()},
    }


def _head_of(result: TourResult) -> dict[str, Any]:
    maps = result.maps
    return {
        "model": checkpoints.base_of(result.model_id),
        "revision": result.revision,
        "causal_from": result.what_if.causal_from if result.what_if else None,
        "layers": maps.n_layers,
        "heads": maps.n_heads,
        "grid": list(maps.grid),
        "frames": maps.n_frames,
        "prefix": list(maps.prefix_names),
        "answer": [answer.plain() for answer in result.top5] or None,
        "note": result.note,
    }


def _types(result: TourResult, layer: int, unit: Unit) -> list[dict[str, Any]] | None:
    evidence = shipped(result.model_id)
    if evidence is None or not isinstance(unit, int):
        return None
    titles = {type.id: type.title for type in evidence.types}
    return [
        {"type": found.type, "title": titles[found.type], "strength": found.strength}
        for found in evidence.types_of(layer, unit)
    ]


def _layer(text: object, result: TourResult) -> int:
    n = result.maps.n_layers
    words = _text(text, "layer")
    if words.isascii() and words.isdigit() and int(words[:9]) < n:
        return int(words)
    raise ValueError(f"there is no layer {words[:40]!r}; this model has layers 0 to {n - 1}")


def _unit(text: object, kind: str, result: TourResult) -> Unit:
    words = _text(text, "head")
    if kind not in KINDS:
        raise ValueError(f"there is no kind {str(kind)[:40]!r}; kinds are {', '.join(KINDS)}")
    if words not in AVERAGES and not (words.isascii() and words.isdigit() and len(words) < 6):
        raise ValueError(f"there is no head {words[:40]!r}; give a number from 0, or one of {', '.join(AVERAGES)}")
    return check_unit(words if words in AVERAGES else int(words), kind, result.extent)


def _token(text: object, result: TourResult) -> int:
    words, names, n = _text(text, "token"), result.maps.prefix_names, result.maps.n_tokens
    if words in names:
        return names.index(words)
    if words.isascii() and words.isdigit() and int(words[:9]) < n:
        return int(words)
    named = f"{', '.join(names)}, or " if names else ""
    raise ValueError(f"there is no token {words[:40]!r}; give {named}an index from 0 to {n - 1}")


def _text(value: object, name: str) -> str:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and float(value).is_integer():
        return str(int(value))
    if not isinstance(value, str):
        raise ValueError(f"give {name} as a text")
    return value.strip()


def _numbers(values: np.ndarray) -> list[float | None]:
    return [_number(value) for value in values]


def _number(value: float) -> float | None:
    return round(float(value), DIGITS) if math.isfinite(value) else None
