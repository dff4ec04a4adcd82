"""What a visitor takes away besides pictures: the matrix, the numbers, and the Python that prints them."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np

from apps.attention_tour.analysis import TourResult
from apps.attention_tour.drawing import npy_bytes
from apps.attention_tour.endpoint import UNITS
from apps.attention_tour.view import TourView, carry
from apps.common import catalog, checkpoints, code

N_KEYS = 10


def matrix_file(result: TourResult, view: TourView, beside: TourResult | None = None) -> bytes:
    """The matrix on show, [query key] in float32 and in its own unit, whatever the colours' scale: an `.npy`.

    In a comparison an `.npz` with the matrices of both runs as `first` and `second`, each of its own tokens.
    """
    first = result.matrix(view.kind, view.layer, view.unit)
    if beside is None:
        return npy_bytes(first)
    there = carry(view, beside.extent)
    second = beside.matrix(there.kind, there.layer, there.unit)
    buffer = io.BytesIO()
    np.savez(buffer, first=first.astype(np.float32), second=second.astype(np.float32))
    return buffer.getvalue()


def numbers_json(result: TourResult, view: TourView, beside: TourResult | None = None) -> bytes:
    """The locked token's row and column in every kind, the numbers of every head, and what is needed to read them.

    In a comparison {"runs": [first, second]}, each as the one run is otherwise.
    """
    table = _table(result, view)
    if beside is not None:
        table = {"runs": [table, _table(beside, carry(view, beside.extent))]}
    return json.dumps(table, ensure_ascii=False, allow_nan=False).encode()


def file_name(name: str, result: TourResult, view: TourView, beside: TourResult | None = None) -> str:
    """What a file is called, without its ending: what it holds, of which model, layer, head and kind, beside what."""
    unit = f"head{view.unit}" if isinstance(view.unit, int) else view.unit
    words = f"attention-tour-{name}-{_slug(_run_name(result))}-layer{view.layer}-{unit}-{view.kind}"
    if beside is None:
        return words
    if beside.what_if is not None:
        held = "" if beside.what_if.prefix_sees_all else "-all-tokens"
        return f"{words}-vs-causal-from-{beside.what_if.causal_from}{held}"
    differs = beside.model_id != result.model_id
    return f"{words}-vs-{_slug(_run_name(beside) if differs else beside.picture.title)}"


def _run_name(result: TourResult) -> str:
    return catalog.title_of(result.model_id)


def _slug(text: str) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in text)
    return "-".join(word for word in kept.split("-") if word)[:60] or "other"


def _table(result: TourResult, view: TourView) -> dict[str, Any]:
    maps, token = result.maps, view.token or 0
    lines = {
        kind: {"row": _plain(row), "column": _plain(column)}
        for kind, (row, column) in result.exact(view.layer, view.unit, token).items()
    }
    return {
        "model": checkpoints.base_of(result.model_id),
        "revision": result.revision,
        "picture": {"kind": result.picture.kind, "source": result.picture.source},
        "causal": {"from": result.what_if.causal_from, "prefix_sees_all": result.what_if.prefix_sees_all}
        if result.what_if
        else None,
        "axes": "tokens: prefix tokens first, then patches frame by frame, row by row",
        "prefix": list(maps.prefix_names),
        "grid": list(maps.grid),
        "frames": maps.n_frames,
        "view": {"layer": view.layer, "head": view.unit, "token": token, "kind": view.kind},
        "units": {kind: UNITS[kind] for kind in lines},
        "token": {"place": code.place(token, maps.prefix_names, maps.grid, maps.n_frames), **lines},
        "metrics": {name: [_plain(row) for row in values] for name, values in result.metrics.items()},
        "answer": [answer.plain() for answer in result.top5],
    }


def _plain(values: np.ndarray) -> list[float | None]:
    """Numbers as JSON has them: None for what is hidden or does not exist."""
    return [float(f"{value:.7g}") if np.isfinite(value) else None for value in values]


_CODE = """\
{opening}

{runs}

layer, token = {layer}, {token}  # {where}
for name, maps in runs.items():
    rows, columns = maps.grid
    print(name)
{lines}
    for key in pattern.topk(min({n}, len(pattern))).indices.tolist():
        patch = key - maps.n_prefix
        place = f"row {{patch // columns % rows + 1}}, column {{patch % columns + 1}}"
        if maps.n_frames > 1:
            place = f"frame {{patch // (rows * columns) + 1}}, {{place}}"
        place = maps.prefix_names[key] if patch < 0 else place
{printed}
"""
_HEAD = """\
    pattern, scores, value = (maps.kind(kind, layer)[{head}, token] for kind in ("pattern", "scores", "value"))"""
_MEAN = """\
    pattern, scores, value = (maps.mean(kind, layer)[token] for kind in ("pattern", "scores", "value"))"""
_ROLLOUT = "    pattern = maps.rollout(layer)[token]"
_PRINT = """\
        print(
            f"  {place:24} pattern {pattern[key]:.6f}   score {scores[key]:9.5f}   value-weighted {value[key]:.6f}"
        )"""
_RANK = """
    rank = maps.{rank}[{head}token]  # percentile by score, less percentile by pattern"""
_PRINT_RANK = """\
        print(
            f"  {place:24} pattern {pattern[key]:.6f}   score {scores[key]:9.5f}   "
            f"value-weighted {value[key]:.6f}   rank {rank[key]:+.4f}"
        )"""
_PRINT_ROLLOUT = '        print(f"  {place:24} rollout {pattern[key]:.6f}")'


def python_code(result: TourResult, view: TourView, beside: TourResult | None = None) -> str:
    """Python that prints what the locked token reads most, with the exact numbers on screen; of both runs, if two."""
    maps, token = result.maps, view.token or 0
    beside = beside if beside is not None and _has(beside, result, view) else None
    pictures = {"image": result.picture}
    if beside is not None and _source(beside) != _source(result):
        pictures["other"] = beside.picture
    lines = {"mean": _MEAN, "rollout": _ROLLOUT}.get(str(view.unit), _HEAD.format(head=view.unit))
    printed = _PRINT_ROLLOUT if view.unit == "rollout" else _PRINT
    if view.kind == "rank":
        head = "" if view.unit == "mean" else f"{view.unit}, "
        lines += _RANK.format(rank=f'{"kind" if head else "mean"}("rank", layer)', head=head)
        printed = _PRINT_RANK
    where = code.place(token, maps.prefix_names, maps.grid, maps.n_frames)
    return _CODE.format(
        opening=code.opening(**pictures),
        runs=_runs(result, beside),
        layer=view.layer,
        token=token,
        where=where if view.token is not None else f"no patch is locked, so {where}",
        lines=lines,
        n=N_KEYS,
        printed=printed,
    )


def _has(beside: TourResult, result: TourResult, view: TourView) -> bool:
    """Whether the second run has the layer, the head and the token on show."""
    head = view.unit if isinstance(view.unit, int) else 0
    other = beside.maps
    return other.layout == result.maps.layout and view.layer < other.n_layers and head < other.n_heads


def _runs(result: TourResult, beside: TourResult | None) -> str:
    model = f"model = {code.loading(result.model_id, result.revision, result.classes)}"
    lines = [model, f"runs = {{{_name(result)!r}: {_maps(result, 'model', 'image')}}}"]
    if beside is not None:
        name, other = "model", "image" if _source(beside) == _source(result) else "other"
        if (beside.model_id, beside.classes) != (result.model_id, result.classes):
            name = "other_model"
            lines.append(f"{name} = {code.loading(beside.model_id, beside.revision, beside.classes)}")
        lines.append(f"runs[{_name(beside)!r}] = {_maps(beside, name, other)}")
    return "\n".join(lines)


def _name(result: TourResult) -> str:
    return f"{result.title}: {result.picture.title}"


def _maps(result: TourResult, model: str, image: str) -> str:
    video = result.note is not None and result.maps.n_frames > 1
    x = f"{model}.preprocess([{image}] * {model}.config.n_frames)[None]" if video else f"{model}.preprocess({image})"
    causal = ""
    if result.what_if is not None:
        causal = f", causal_from={result.what_if.causal_from}, prefix_sees_all={result.what_if.prefix_sees_all}"
    return f"pe.attention_maps({model}, {x}{causal})"


def _source(result: TourResult) -> tuple[str, str]:
    return result.picture.kind, result.picture.source
