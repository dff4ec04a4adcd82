"""Write any SAE in this project's own format: `python -m prisma_engine.sae.export <any SAE> <folder>`.

The SAE is a finished training's folder, somebody else's folder or file, or a Hub id. Weights become half precision,
and into the config goes how well exactly these weights explain the probe pictures, where the model can be loaded.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from prisma_engine import vlm
from prisma_engine.hub import LoadError
from prisma_engine.load import load as load_model
from prisma_engine.running import Hooked
from prisma_engine.sae import files
from prisma_engine.sae.model import SAE
from prisma_engine.sae.probe import check, probe

DTYPES = {"float16": torch.float16, "float32": torch.float32}


def export(
    source: Path | str,
    target: Path,
    weights: Path | None = None,
    revision: str | None = None,
    dtype: torch.dtype = torch.float16,
    without_model: bool = False,
) -> SAE:
    """Write the SAE in `source` to `target` as it ships, and return it as `load` reads it.

    Args:
        source: as `files.load` takes it.
        weights: where the model is on this machine, if not under its own name.
        revision: commit, tag or branch of a Hub id.
        dtype: of the matrices.
        without_model: leave out the probe, so that the model is not needed.

    Raises:
        ValueError: if the model is not the SAE's, or the weights do not fit the precision.
        LoadError: if either cannot be loaded.
    """
    sae = files.load(source, revision)
    folder = files.find(source, revision)
    recipe = files.recipe_of(folder)
    if without_model:
        files.save(sae, target, dtype, training=recipe)
        return files.load(target)
    model = _model_of(sae, weights, reads_text=bool((recipe or {}).get("data", {}).get("texts")))
    files.save(sae, target, dtype)
    rounded = files.load(target)
    sae.config = replace(sae.config, probe=round(probe(rounded, model), 4))
    files.save(sae, target, dtype, training=recipe)
    return files.load(target)


def _model_of(sae: SAE, weights: Path | None, reads_text: bool) -> Hooked:
    try:
        load = vlm.load if reads_text else load_model
        model = load(weights or sae.config.model, None if weights else sae.config.revision)
    except LoadError as error:
        raise LoadError(f"{error}; give its --weights, or export --without-model") from error
    check(sae, model, same_weights=weights is not None, measure=False)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", help="a shipped SAE's name, a folder, a .pt file or a Hub id")
    parser.add_argument("target", type=Path, help="folder to write to")
    parser.add_argument("--weights", type=Path, help="the model's weights on this machine, if not under its own name")
    parser.add_argument("--revision", help="commit, tag or branch of a Hub id")
    parser.add_argument("--dtype", choices=DTYPES, default="float16", help="precision of the matrices")
    parser.add_argument("--without-model", action="store_true", help="leave out the probe; the model is not loaded")
    given = parser.parse_args()
    try:
        sae = export(
            given.source, given.target, given.weights, given.revision, DTYPES[given.dtype], given.without_model
        )
    except ValueError as error:
        parser.exit(1, f"{error}\n")
    explains = f"explains {sae.config.probe} of the variance of the probe pictures"
    print(f"{given.target.name}: {explains if sae.config.probe is not None else 'written, its probe not measured'}")


if __name__ == "__main__":
    main()
