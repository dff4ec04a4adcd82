"""What a visitor takes away besides the picture: the map as a table, the numbers, and the Python that prints them."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np

from apps.cat_dog_patching.analysis import SIDES, PairResult
from apps.cat_dog_patching.bench import Bench
from apps.cat_dog_patching.handlers import METRIC, run_value
from apps.cat_dog_patching.places import Chip
from apps.cat_dog_patching.sweeping import DIGITS, Swept
from apps.cat_dog_patching.view import PatchView
from apps.common import checkpoints, code

NO_SWEEP = "there is no map to save yet; wait until it is there"
KINDS = ("denoise", "noise", "preview")
COLUMNS = {
    "denoise": "metric, clean into corrupt",
    "noise": "metric, corrupt into clean",
    "preview": "metric, estimated by attribution patching",
}


def table_csv(result: PairResult, bench: Bench, view: PatchView) -> bytes:
    """One row for each patch of the map on show: where, the metric, and how far it went (0 corrupt, 1 clean).

    Raises:
        ValueError: if nothing was swept yet.
    """
    swept = _swept(bench)
    sweeps = {kind: sweep for kind in KINDS if (sweep := getattr(swept, kind)) is not None}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    ask, first = swept.ask, next(iter(sweeps.values()))
    a, b, _ = result.answers
    writer.writerow(["# " + METRIC.format(result.name(a), result.name(b)), f"site {ask.site}", f"token {ask.token}"])
    writer.writerow([*ask.by, *(COLUMNS[kind] for kind in sweeps), *(f"{kind}, share" for kind in sweeps)])
    for place in np.ndindex(*first.metric.shape):
        labels = [axis[i] for axis, i in zip(first.labels, place, strict=True)]
        raw = [_text(float(sweep.metric[place])) for sweep in sweeps.values()]
        share = [_text(float(sweep.effect[place])) for sweep in sweeps.values()]
        writer.writerow([*labels, *raw, *share])
    return out.getvalue().encode()


def numbers_json(result: PairResult, bench: Bench, view: PatchView) -> bytes:
    """Both runs, the map, what is applied and what was found, with what is needed to read them."""
    run = run_value(result, "", bench.evolution_token)
    for name in ("vocabulary", "font", "sites"):
        del run[name]
    for side in SIDES:
        del run[side]["image"]
    table: dict[str, Any] = {
        "model": checkpoints.base_of(result.model_id),
        "revision": result.revision,
        "picture": {"kind": result.picture.kind, "source": result.picture.source},
        "second": _second(result),
        "swapped": result.plan.swap,
        "preparation": result.plan.preparation,
        "units": "logits; a metric is logit(a) - logit(b); shares run from 0, as corrupt, to 1, as clean",
        "run": run,
        "sweep": bench.sweep.as_dict() if bench.sweep else None,
        "applied": bench.applied.as_dict(result) if bench.applied else None,
        "flip": bench.flip.as_dict(result) if bench.flip else None,
        "general": bench.general.as_dict(result, "") if bench.general else None,
        "reads": bench.reads,
        "view": view.as_dict(),
    }
    return json.dumps(table, ensure_ascii=False, allow_nan=False).encode()


def _second(result: PairResult) -> dict[str, Any]:
    if result.other is not None:
        return {"kind": result.other.kind, "source": result.other.source}
    assert result.plan.hidden is not None, "a second picture is another one, or has something hidden"
    return {"hidden": [shape.as_dict for shape in result.plan.hidden.shapes], "fill": result.plan.hidden.fill}


def _swept(bench: Bench) -> Swept:
    if bench.sweep is None:
        raise ValueError(NO_SWEEP)
    return bench.sweep


def _text(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.{DIGITS}g}"


_CODE = """\
{opening}
model = {model}
preprocess = {preprocess}
seen = preprocess.pixels(image)
{first} = preprocess.normalize(seen)[None]
{other} = preprocess.normalize({second})[None]
a, b = {a}, {b}  # {names}

for name, x in (("clean", clean), ("corrupt", corrupt)):
    logits = model(x)[0]
    print(f"{{name:8}} {{logits[a] - logits[b]:10.5f}}")

for direction in ("denoise", "noise"):
    sweep = pe.patch_sweep(
        model, clean, corrupt, at={at!r}, by={by!r}, token={token!r},
        metric=pe.logit_diff(a, b), direction=direction,
    )
    print(direction, *sweep.labels[1])
    for label, row in zip(sweep.labels[0], sweep.metric):
        print(f"  {{label:8}}", *(f"{{value:10.5f}}" for value in row))
"""
_APPLIED = """
patches = [
{patches}
]
logits = pe.apply_patches(model, corrupt, clean, [patches])[0, 0]
print(f"patched  {{logits[a] - logits[b]:10.5f}}")
for index in logits.topk({n}).indices.tolist():
    print(f"  {{logits[index]:10.5f}} {{logits.softmax(0)[index]:8.2%}}  class {{index}}")
"""


def python_code(result: PairResult, bench: Bench, view: PatchView) -> str:
    """Python that prints both metrics, the map on show and the answers with the patches applied."""
    named = {"image": result.picture} | ({"other": result.other} if result.other else {})
    a, b, _ = result.answers
    ask = view.ask
    hidden = result.plan.hidden
    second = "preprocess.pixels(other)" if hidden is None else f"hide(seen, {hidden.text!r}, {hidden.fill!r})"
    tutorial = result.plan.preparation == "tutorial"
    imports = [] if hidden is None else ["from apps.cat_dog_patching.corrupting import hide"]
    imports += ["from prisma_engine.preprocess import prepared"] if tutorial else []
    opening = code.opening(**named)
    text = _CODE.format(
        opening=opening.replace(
            "import prisma_engine as pe\n", "\n".join(["import prisma_engine as pe", *imports, ""])
        ),
        model=code.loading(result.model_id, result.revision, result.classes),
        preprocess='prepared(model.preprocess, "tutorial")' if tutorial else "model.preprocess",
        second=second,
        first=result.first_side,
        other="clean" if result.plan.swap else "corrupt",
        a=a,
        b=b,
        names=f"{result.name(a)}, {result.name(b)}",
        at=ask.where["at"],
        by=ask.by,
        token=ask.token,
    )
    if not bench.chips:
        return text
    top = len(result.clean.top)
    return text + _APPLIED.format(patches="\n".join(f"    {_site(chip)}," for chip in bench.chips), n=top)


def _site(chip: Chip) -> str:
    site = chip.site_in_model
    where = [f"{axis}={value!r}" for axis, value in site.where.items()]
    return f"pe.Site({', '.join([repr(site.point), *where])})"
