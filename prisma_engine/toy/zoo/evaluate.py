"""Score an exported model of the zoo on every held-out picture of its task, and write its eval.json.

`python -m prisma_engine.toy.zoo.evaluate model_cards/dsprites-base-attn-mlp`
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from prisma_engine.analysis.intervals import share_interval
from prisma_engine.load import load
from prisma_engine.toy.zoo.scoring import score
from prisma_engine.toy.zoo.task import Task, load_task


def evaluate(
    folder: Path, task: Task, training: dict[str, Any] | None = None, most: int | None = None
) -> dict[str, Any]:
    """Score the weights in `folder`, write eval.json there and return what it says.

    Args:
        training: how it was trained; what the last eval.json says, where None.
        most: score at most this many pictures of each part, spread evenly; None for all.
    """
    model = load(folder)
    parts = {}
    for name, pictures in task.held_out.items():
        n = len(pictures) if most is None else min(most, len(pictures))
        found = score(model, task, pictures, np.linspace(0, len(pictures) - 1, n).astype(int))
        interval = share_interval(found.right, found.n)
        parts[name] = {"n": found.n, **interval.as_dict("accuracy"), "loss": found.loss}
    result = {
        "n_parameters": sum(p.numel() for p in model.parameters()),
        "held_out": parts,
        "training": training or read(folder).get("training", {}),
    }
    (folder / "eval.json").write_text(json.dumps(_rounded(result), indent=1) + "\n", encoding="utf-8")
    return result


def read(folder: Path) -> dict[str, Any]:
    """A folder's eval.json; empty where there is none."""
    path = folder / "eval.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(v) for key, v in value.items()}
    return float(f"{value:.6g}") if isinstance(value, float) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder such as model_cards/dsprites-base-attn-mlp")
    parser.add_argument("--source", help="where the data set is, if not in its usual place")
    parser.add_argument("--most", type=int, help="score at most this many pictures of each part")
    given = parser.parse_args()
    name = read(given.folder)["training"]["recipe"]["data"]["set"]
    found = evaluate(given.folder, load_task(name, given.source), most=given.most)
    for part, scores in found["held_out"].items():
        print(f"{part}: {scores['accuracy']:.4f} [{scores['low']:.4f}, {scores['high']:.4f}] of {scores['n']:,}")


if __name__ == "__main__":
    main()
