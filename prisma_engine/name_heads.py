"""Find out which attention heads of a model are of which type: `python -m prisma_engine.name_heads emoji-vit`.

Writes the evidence as JSON, by default `heads.json` in the folder of an embedded model, from where it is shipped.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from prisma_engine.analysis.heads.evidence import Evidence
from prisma_engine.analysis.heads.gathering import N_SHUFFLES, gather
from prisma_engine.load import embedded_models, load, models_folder
from prisma_engine.sources import SCENES, pictures

FILE = "heads.json"


def name_heads(
    model: str,
    images: str = SCENES,
    n: int = 1000,
    out: Path | None = None,
    column: str | None = None,
    split: str | None = None,
    n_shuffles: int = N_SHUFFLES,
) -> Evidence:
    """Gather evidence on `n` images and write it.

    Args:
        model: a name for `load`.
        images, column, split: a source for `prisma_engine.sources.pictures`.
        out: the file; by default beside an embedded model's weights.

    Raises:
        ValueError: if the model, the images or the file cannot be had.
    """
    if out is None and model not in embedded_models():
        raise ValueError(f"{model} is no embedded model, so say where the evidence goes: --out heads.json")
    out = out or models_folder() / model / FILE
    loaded, stream = load(model), pictures(images, n, column, split)
    evidence = gather(loaded, stream, _title(images), _Progress(n), n_shuffles=n_shuffles)
    evidence.save(out)
    return evidence


def report(evidence: Evidence) -> str:
    """The named heads, a line each."""
    titles = {type.id: type.title for type in evidence.types}
    lines = [
        f"L{found.layer}H{found.head}  {titles[found.type]}, strength {found.strength:.2f}"
        + (f": {detail}" if (detail := _detail(evidence, found.type, found.layer, found.head)) else "")
        for found in evidence.found
    ]
    return "\n".join([f"{evidence.n_images} images, {len(evidence.found)} names; {evidence.rule}", *lines])


class _Progress:
    """A line on standard error that counts."""

    def __init__(self, n: int) -> None:
        self.n, self.start = n, time.monotonic()

    def __call__(self, done: int) -> None:
        if done % 10 == 0 or done == self.n:
            rate = done / max(1e-9, time.monotonic() - self.start)
            print(f"\r{done} of {self.n} images, {rate:.1f} a second", end="", file=sys.stderr, flush=True)
            if done == self.n:
                print(file=sys.stderr)


def _title(images: str) -> str:
    return "emoji scenes" if images == SCENES else f"images of {Path(images).name if Path(images).is_dir() else images}"


def _detail(evidence: Evidence, type: str, layer: int, head: int) -> str | None:
    return next(t.detail[layer][head] for t in evidence.types if t.id == type)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="an embedded model, a path or a Hub id")
    parser.add_argument("--images", default=SCENES, help=f"{SCENES}, a folder, or the Hub id of a data set")
    parser.add_argument("--n", type=int, default=1000, help="how many images, at most")
    parser.add_argument("--out", type=Path, help="the JSON file")
    parser.add_argument("--column", help="column of pictures of a data set")
    parser.add_argument("--split", help="split of a data set")
    parser.add_argument("--shuffles", type=int, default=N_SHUFFLES, help="rearrangements behind the p-values")
    given = parser.parse_args()
    try:
        evidence = name_heads(given.model, given.images, given.n, given.out, given.column, given.split, given.shuffles)
    except ValueError as error:
        parser.error(str(error))
    print(report(evidence))


if __name__ == "__main__":
    main()
