"""Before and after a decoder met images: `python -m prisma_engine.studies.llava_decoders name=folder name=folder`.

All SAEs read text alone, at the same hook point. Each is measured, labelled and looked at on images in the model that
ships, so that what tuning changed in the decoder counts against those that were trained before it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prisma_engine import vlm
from prisma_engine.studies.llava_saes import score
from prisma_engine.studies.llava_transfer import report, study
from prisma_engine.vlm.hooked import HookedVLM

KEPT = ("reconstruction", "l0", "alive_share", "on_images", "labels")


@dataclass(frozen=True)
class Compared:
    """One SAE.

    Attributes:
        of: whose activations it was trained on.
        eval: the parts of what `llava_saes` measures that are compared.
        transfer: what `llava_transfer` measures, without the single classes.
    """

    of: str
    eval: dict[str, Any]
    transfer: dict[str, Any]


def compare(model: HookedVLM, named: Sequence[tuple[str, Path]], n_texts: int, n_scenes: int, each: int) -> list[Any]:
    """Measure SAEs, {name: folder}, all in one model; their folders get the files that a shipped one has."""
    folders = [folder for _, folder in named]
    scores, found = score(folders, model, n_texts, n_scenes), study(model, folders, each)
    print(f"\n{report(found)}")
    return [
        Compared(of, {key: told[key] for key in KEPT}, {k: v for k, v in asdict(one).items() if k != "classes"})
        for (of, _), told, one in zip(named, scores, found, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sae", nargs="+", help="name=folder, such as 'before tuning=out/llava/saes/before'")
    parser.add_argument("--model", default="emoji-llava", help="where they are measured")
    parser.add_argument("--texts", type=int, default=1500, help="how many held-out texts")
    parser.add_argument("--scenes", type=int, default=200, help="how many scenes")
    parser.add_argument("--each", type=int, default=16, help="scenes of each class")
    parser.add_argument("--out", type=Path, help="a file for the numbers")
    given = parser.parse_args()
    named = [(name, Path(folder)) for name, _, folder in (each.partition("=") for each in given.sae)]
    found = compare(vlm.load(given.model), named, given.texts, given.scenes, given.each)
    if given.out is not None:
        told = {"texts": given.texts, "scenes_a_class": given.each, "saes": [asdict(one) for one in found]}
        given.out.write_text(json.dumps(told, indent=1, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
