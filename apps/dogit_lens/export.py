"""What a visitor takes away besides pictures: the numbers, and the Python that prints them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from apps.common import checkpoints, code
from apps.dogit_lens.analysis import LensResult
from apps.dogit_lens.drawing import logsumexp
from apps.dogit_lens.view import View


def numbers_json(result: LensResult, view: View, k: int = 5) -> bytes:
    """The top-k of every token at every layer, with what is needed to make sense of them."""
    order = np.argsort(-result.logits, axis=-1, kind="stable")[..., :k]
    logits = np.take_along_axis(result.logits, order, axis=-1)
    probability = np.exp(logits - logsumexp(result.logits)[..., None])
    table: dict[str, Any] = {
        "model": checkpoints.base_of(result.model_id),
        "revision": result.revision,
        "picture": {"kind": result.picture.kind, "source": result.picture.source},
        "axes": "layer, token (prefix tokens first, then patches row by row), class by rank",
        "layers": list(result.labels),
        "prefix": list(result.prefix_names),
        "grid": list(result.grid),
        "names": list(result.vocabulary.names),
        "answer": [{"class": a.index, "logit": a.logit, "probability": a.probability} for a in result.top5],
        "scores": result.scores,
        "view": {"layer": result.labels[view.layer], "token": view.token},
        "class": order.tolist(),
        "logit": np.round(logits.astype(float), 4).tolist(),
        "probability": np.round(probability.astype(float), 6).tolist(),
    }
    return json.dumps(table, ensure_ascii=False).encode()


_CODE = """\
{opening}

model = {model}
lens = pe.logit_lens(model, model.preprocess(image))

layer, token = lens.labels.index({layer!r}), {token}  # {where}
logits = lens.logits[layer, 0, token]
for probability, index in zip(*logits.softmax(-1).topk(5)):
    print(f"{{model.vocabulary.names[index]:24}} logit {{logits[index]:7.3f}}   probability {{probability:.4f}}")
"""


def python_code(result: LensResult, view: View) -> str:
    """Python that prints the numbers of the selected token at the selected layer, as they are on screen."""
    token = view.token or 0
    return _CODE.format(
        opening=code.opening(image=result.picture),
        model=code.loading(result.model_id, result.revision, result.classes),
        layer=result.labels[view.layer],
        token=token,
        where=code.place(token, result.prefix_names, result.grid),
    )
