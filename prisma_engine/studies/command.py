"""What the commands of all studies share: their arguments, a line that counts, a table, and a JSON file."""

from __future__ import annotations

import argparse
import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from torch import Tensor

from prisma_engine.analysis.heads.evidence import Evidence
from prisma_engine.load import embedded_models, load, models_folder
from prisma_engine.name_heads import FILE
from prisma_engine.sources import SCENES
from prisma_engine.studies.samples import FILES, FOLDERS, Samples

Result = TypeVar("Result")


def arguments(description: str | None, n: int = 1000, labels: bool = False) -> ArgumentParser:
    """A parser of what every study is told; `labels` where it asks how often the model is right."""
    parser = ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="an embedded model, a path or a Hub id")
    parser.add_argument("--images", default=SCENES, help=f"{SCENES}, a folder, or the Hub id of a data set")
    parser.add_argument("--n", type=int, default=n, help=f"how many pictures, at most; {n} unless said")
    parser.add_argument("--out", type=Path, help="a file for the numbers")
    parser.add_argument("--column", help="column of pictures of a data set")
    parser.add_argument("--split", help="split of a data set")
    if labels:
        help = f"where the right class is written: {FOLDERS} or {FILES} (their names), or the column of a data set"
        parser.add_argument("--labels", help=help)
    return parser


def samples(given: Namespace) -> Samples:
    """The model and the pictures that were asked for.

    Raises:
        ValueError: if there is no such model.
    """
    labels = getattr(given, "labels", None)
    return Samples(load(given.model), given.images, given.n, labels, given.column, given.split, _Progress())


def named_heads(given: Namespace) -> Evidence:
    """The evidence in the file `given.heads`, or that which ships with an embedded model.

    Raises:
        ValueError: if there is none, or it is about another model.
    """
    if given.heads is None and given.model not in embedded_models():
        raise ValueError(
            f"say which heads of {given.model} have names: --heads with a file of prisma_engine.name_heads"
        )
    return Evidence.load(given.heads or models_folder() / given.model / FILE)


def carry_out(
    parser: ArgumentParser,
    measure: Callable[[Namespace], Result],
    report: Callable[[Result], str],
    write: Callable[[Result, Path], None] | None = None,
) -> None:
    """Parse, measure, write where asked to, and print; what cannot be is said in a sentence."""
    given = parser.parse_args()
    try:
        result = measure(given)
        print(file=sys.stderr)
        if given.out is not None:
            (write or write_json)(result, given.out)
    except (ValueError, OSError) as error:
        parser.error(str(error))
    print(report(result))


def write_json(result: Any, path: Path) -> None:
    """A dataclass as one line of JSON."""
    text = json.dumps(asdict(result), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as their longest cell, the first to the left and the others to the right."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = (
        [
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in lines
    )
    return "\n".join("  ".join(line).rstrip() for line in aligned)


def rounded(values: Tensor, digits: int = 4) -> Any:
    """Numbers for JSON, as deep as the tensor: a float, a tuple of floats, … ; not defined (NaN) is None."""
    return _rounded(values.tolist(), digits)


def _rounded(value: Any, digits: int) -> Any:
    if isinstance(value, list):
        return tuple(_rounded(v, digits) for v in value)
    return None if value != value else round(value, digits)


class _Progress:
    """A line on standard error that counts."""

    def __call__(self, done: int) -> None:
        if done % 10 == 0:
            print(f"\r{done} pictures", end="", file=sys.stderr, flush=True)
