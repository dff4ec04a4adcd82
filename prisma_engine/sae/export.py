"""Make a trained SAE ready to ship: `python -m prisma_engine.sae.export <trained folder> <shipped folder>`.

Writes half-precision weights, and into the config how well exactly these weights explain the probe pictures.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import torch

from prisma_engine.load import load as load_model
from prisma_engine.sae import files
from prisma_engine.sae.model import SAE
from prisma_engine.sae.probe import check, probe


def export(source: Path, target: Path, weights: Path | None = None) -> SAE:
    """Write the SAE in `source` to `target` as it ships, and return it as `load` reads it.

    Args:
        weights: where the model is on this machine, if not under its own name.
    """
    sae = files.load(source)
    model = load_model(weights or sae.config.model, None if weights else sae.config.revision)
    check(sae, model, same_weights=weights is not None, measure=False)
    files.save(sae, target, torch.float16)
    rounded = files.load(target)
    sae.config = replace(sae.config, probe=round(probe(rounded, model), 4))
    files.save(sae, target, torch.float16, training=files.recipe_of(source))
    return files.load(target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("source", type=Path, help="folder of a finished training")
    parser.add_argument("target", type=Path, help="folder to write to")
    parser.add_argument("--weights", type=Path, help="the model's weights on this machine, if not under its own name")
    given = parser.parse_args()
    sae = export(given.source, given.target, given.weights)
    print(f"{given.target.name}: explains {sae.config.probe} of the variance of the probe pictures")


if __name__ == "__main__":
    main()
